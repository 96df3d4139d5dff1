package command

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/internal/daysoff"
	"nezuban/oncall/internal/escape"
	"nezuban/oncall/internal/lint"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// check judges a rotation file. Findings are the answer and go to the output, each as FILE:LINE: error or warning.
func check(args []string, w World) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	at := flags.String("at", "", "")
	pto := flags.String("pto", "", "")
	asJSON := flags.Bool("json", false, "")
	clocks := flags.Bool("clock-changes", false, "")
	var guards guardFlags
	guards.define(flags)
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	file, err := load(path)
	if err != nil {
		return refused(path, err, *asJSON, w)
	}
	now, err := moment(*at, w, file.Zone())
	if err != nil {
		return refuse(w, "check", err)
	}
	broken, err := guards.findings(file, now)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	away, unread := calendars(file, *pto, now)
	found := slices.Concat(lint.Run(file, now, away), unread, broken)
	lint.Sort(found)
	j := judgement{path: path, file: file, found: found}
	if *asJSON {
		err = j.writeJSON(w)
	} else {
		err = j.write(w)
	}
	switch {
	case err != nil || !*clocks:
	case *asJSON:
		err = writeClockShiftsJSON(w, file, now)
	default:
		err = writeClockShifts(w, file, now)
	}
	if err != nil {
		return refuse(w, "check", err)
	}
	if j.errors() > 0 {
		return exitFound
	}
	return exitOK
}

// calendars reads the days off of those people whose entry names a calendar, from a folder. What cannot be read is a
// finding.
func calendars(f *schedule.File, folder string, now time.Time) (away map[string][]schedule.Day, unread []lint.Finding) {
	if folder == "" {
		return nil, nil
	}
	away = map[string][]schedule.Day{}
	for _, p := range f.People() {
		if p.PTO == "" {
			continue
		}
		days, err := daysoff.ReadFile(filepath.Join(folder, p.PTO), p.Zone, now, now.AddDate(1, 0, 0))
		if err != nil {
			unread = append(unread, lint.Finding{Line: p.Line, Kind: lint.KindCalendar, Text: fmt.Sprintf("the days off of %s are not all known: %v", p.Name, err)})
		}
		away[p.Name] = days
	}
	return away, unread
}

// judgement is what check has found.
type judgement struct {
	path  string
	file  *schedule.File
	found []lint.Finding
}

func (j judgement) errors() int {
	errors := 0
	for _, f := range j.found {
		if f.Error {
			errors++
		}
	}
	return errors
}

func severity(f lint.Finding) string {
	if f.Error {
		return "error"
	}
	return "warning"
}

// write writes a line a finding, and one that counts.
func (j judgement) write(w World) error {
	for _, f := range j.found {
		word := severity(f)
		if w.Colour {
			word = map[bool]string{true: "\x1b[31m", false: "\x1b[33m"}[f.Error] + word + "\x1b[0m"
		}
		place := j.path
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", j.path, f.Line)
		}
		fmt.Fprintf(w.Out, "%s: %s: %s\n", place, word, escape.Plain(f.Text))
	}
	_, err := fmt.Fprintf(w.Out, "%s: schedules %d, people %d, errors %d, warnings %d\n",
		j.path, len(j.file.Schedules()), len(j.file.People()), j.errors(), len(j.found)-j.errors())
	return err
}

// writeClockShifts writes how long the shifts really are in which the clock is changed within a year.
func writeClockShifts(w World, f *schedule.File, now time.Time) error {
	rows := [][]string{{"schedule", "the clock of", "is changed at", "on call", "from", "to", "hours"}}
	for _, s := range report.ClockShifts(f, now) {
		length := "-"
		if !s.To.IsZero() {
			length = hours(s.Hours())
		}
		rows = append(rows, []string{s.Schedule, s.Zone.String(), s.At.Format(minute), everybody(s.People), s.From.In(s.Zone).Format(minute), until(s.To, s.Zone), length})
	}
	if len(rows) == 1 {
		_, err := fmt.Fprintln(w.Out, "\nNo clock of the file is changed within a year.")
		return err
	}
	fmt.Fprintln(w.Out)
	return writeColumns(w.Out, "", rows)
}

// clockLine is a shift in which the clock is changed, for scripts.
type clockLine struct {
	Schedule string     `json:"schedule"`
	Zone     string     `json:"zone"`
	At       time.Time  `json:"clock_changes_at"`
	People   []string   `json:"people"`
	From     time.Time  `json:"from"`
	To       *time.Time `json:"to"`    // null: it has no end
	Hours    *float64   `json:"hours"` // likewise
}

func writeClockShiftsJSON(w World, f *schedule.File, now time.Time) error {
	for _, s := range report.ClockShifts(f, now) {
		line := clockLine{Schedule: s.Schedule, Zone: s.Zone.String(), At: s.At, People: s.People, From: s.From.In(s.Zone), To: orNull(s.To, s.Zone)}
		if !s.To.IsZero() {
			length := s.Hours()
			line.Hours = &length
		}
		if err := printJSON(w, line); err != nil {
			return err
		}
	}
	return nil
}

// findingLine is a finding for scripts.
type findingLine struct {
	File     string `json:"file"`
	Line     int    `json:"line"`     // 0: no line is to blame
	Severity string `json:"severity"` // error, warning; refused: the file cannot be used
	Kind     string `json:"kind"`
	Text     string `json:"text"`
}

// writeJSON writes one object a line.
func (j judgement) writeJSON(w World) error {
	for _, f := range j.found {
		if err := printJSON(w, findingLine{j.path, f.Line, severity(f), string(f.Kind), f.Text}); err != nil {
			return err
		}
	}
	return nil
}

// refused says why a file cannot be used: for people on the error output, for scripts on the output.
func refused(path string, err error, asJSON bool, w World) int {
	if !asJSON {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	var problems tomlfile.Problems
	lines := []findingLine{}
	if !errors.As(err, &problems) {
		lines = append(lines, findingLine{path, 0, "refused", "refused", err.Error()})
	}
	for _, p := range problems {
		line := findingLine{path, p.Line, "refused", "refused", ""}
		p.File, p.Line = "", 0
		line.Text = strings.TrimPrefix(p.Error(), ": ")
		lines = append(lines, line)
	}
	for _, line := range lines {
		if err := printJSON(w, line); err != nil {
			return refuse(w, "check", err)
		}
	}
	return exitRefused
}
