package command

import (
	"flag"
	"fmt"

	"nezuban/oncall/internal/lint"
)

// check judges a rotation file. Findings are the answer and go to the output, each as FILE:LINE: error or warning.
func check(args []string, w World) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	at := flags.String("at", "", "")
	var guards guardFlags
	guards.define(flags)
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	now := w.Now
	if *at != "" {
		if now, err = instant(*at); err != nil {
			fmt.Fprintf(w.Err, "nezuban-oncall check: --at: %v\n", err)
			return exitRefused
		}
	}
	file, err := load(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	broken, err := guards.findings(file, now)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	found := append(lint.Run(file, now), broken...)
	errors := 0
	for _, finding := range found {
		kind := "warning"
		if finding.Error {
			kind = "error"
			errors++
		}
		fmt.Fprintf(w.Out, "%s:%d: %s: %s\n", path, finding.Line, kind, finding.Text)
	}
	fmt.Fprintf(w.Out, "%s: schedules %d, people %d, errors %d, warnings %d\n", path, len(file.Schedules()), len(file.People()), errors, len(found)-errors)
	if errors > 0 {
		return exitFound
	}
	return exitOK
}
