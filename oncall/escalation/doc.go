// Package escalation decides whom an incident that nobody has acknowledged tells next, on which channels and when.
//
// The router's package incident calls [PolicyFor] when an incident opens and keeps the policy in it; it calls [Next]
// then, and again whenever [Progress].Next has come and the incident is still triggered. [Contacts] are the addresses
// to which the router's package page sends.
//
// Decisions here are pure: they take a time and never read a clock. Only [LoadContacts] touches the disk. Nothing
// here sends anything, and no address is ever part of an error.
package escalation
