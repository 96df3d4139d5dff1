// Command nezuban-oncall judges a rotation file and answers from it who is on call.
//
//	nezuban-oncall check FILE [--at TIME] [--pto DIR] [--against OLD] [--approved NAME,NAME] [--clock-changes] [--json]
//	nezuban-oncall who FILE [--schedule NAME] [--at TIME] [--json]
//	nezuban-oncall next FILE PERSON [--schedule NAME] [--at TIME] [--json]
//	nezuban-oncall why FILE [--schedule NAME] [--at TIME] [--json]
//	nezuban-oncall shifts FILE [--from TIME] [--to TIME] [--schedule NAME] [--person NAME] [--format FORMAT]
//	nezuban-oncall diff OLD NEW [--from TIME] [--to TIME] [--schedule NAME] [--at TIME] [--hours N] [--format FORMAT]
//	nezuban-oncall fairness FILE [--from TIME] [--to TIME] [--schedule NAME] [--format FORMAT]
//	nezuban-oncall simulate FILE [NEW] --incidents LOG [--answers-after LENGTH] [--format FORMAT]
//	nezuban-oncall cover | add | off | swap | join | leave FILE …
//	nezuban-oncall apply FILE --router URL [--token-file FILE] [--by NAME] [--ca FILE] [--plain-http] [--timeout T] [--json]
//	nezuban-oncall version
//
// It works on files alone, for which some may ask git. Only cover, add, off, swap, join and leave change the file, and show
// first what they do. Only apply speaks to a network: to the router that it is given, which it asks to put the file in
// force.
package main

import (
	"os"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/internal/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:], command.World{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now(), Version: daemon.Version(),
		Colour: colours(os.Stdout), Env: os.Getenv,
	}))
}

// colours reports whether a file is a terminal whose user has not asked for plain text (https://no-color.org).
func colours(out *os.File) bool {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
