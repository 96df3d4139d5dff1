// Package oncallci holds the job that judges a change of the rotation file in a pull request, for users to copy, and the
// test that runs it.
//
// Nothing imports it.
package oncallci
