// Package schedule reads the rotation file and answers who is on call at an instant.
//
// The file is the whole truth: [Parse] turns its bytes into a [File], an immutable value, and [File.Who] is a pure
// function of that value and a time. The command nezuban-oncall uses it for its answers, package escalation for each
// step of a policy, and the router for its status page.
//
// Handoffs follow the local clock, so a turn that begins at 09:00 begins at 09:00 on both sides of a daylight saving
// change. Zones come only from the tz database that this package embeds ([TZRelease]), never from the machine's, so
// that every machine gives the same answer.
//
// Nothing here reads a clock, a disk or a network, and nothing here is ever changed after Parse returns it: all
// methods may be called by many goroutines at once.
package schedule
