// Command nezuban-oncall judges a rotation file and answers from it who is on call.
//
//	nezuban-oncall check FILE
//	nezuban-oncall who FILE [--schedule NAME] [--at TIME] [--json]
//	nezuban-oncall next FILE PERSON [--schedule NAME] [--at TIME] [--json]
//	nezuban-oncall why FILE [--schedule NAME] [--at TIME] [--json]
//	nezuban-oncall version
//
// It works on the file alone: it speaks to no router and no network, and changes nothing.
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
	}))
}
