// Package guard judges a change of a rotation file by what it does to time that people rely on: what has been, and what
// is about to be. The command nezuban-oncall check prints what it finds.
//
// Everything here is a pure function of two versions of the file and a time. It never reads a clock or a disk.
package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/internal/lint"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

const (
	// pastYears is how far back the past is compared, and with it the work.
	pastYears = 10
	// maxCounted is how many altered times of a schedule are counted: it is enough to see that it is all wrong.
	maxCounted = 1000
	// maxShown is how many times a finding tells.
	maxShown = 3
)

const minute = "2006-01-02 15:04 MST"

// Past finds each schedule on which the newer version has others on call before `at` than the older one, ten years back at
// most. The past is the file that was in force then, whatever a newer one says; a file that says something else lies.
func Past(before, after *schedule.File, at time.Time) []lint.Finding {
	var found []lint.Finding
	for _, name := range report.Schedules(before, after) {
		from := begin(before, after, name)
		if limit := at.UTC().AddDate(-pastYears, 0, 0); from.Before(limit) {
			from = limit
		}
		var altered []string
		count := 0
		for m := range report.MovesOf(before, after, name, from, at) {
			if count++; count <= maxShown {
				altered = append(altered, fmt.Sprintf("from %s to %s it was %s, is %s", show(m.From, after), show(m.To, after), everybody(m.Before), everybody(m.After)))
			}
			if count == maxCounted {
				break
			}
		}
		if count == 0 {
			continue
		}
		text := fmt.Sprintf("%s: alters who was on call before %s: %s%s; what has been stays: end a line with `to` and begin the next one later, and let changes begin later",
			name, show(at, after), strings.Join(altered, "; "), more(count))
		found = append(found, lint.Finding{Line: lineOf(after, name), Error: true, Kind: lint.KindPast, Text: text})
	}
	return found
}

// begin is before when nobody is on call for a schedule in either version. It is after any time when neither has it.
func begin(before, after *schedule.File, name string) time.Time {
	var first time.Time
	note := func(at time.Time) {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	for _, f := range []*schedule.File{before, after} {
		for _, l := range f.Lines() {
			if l.Schedule == name {
				note(l.Begin)
			}
		}
		for _, a := range f.Adds() {
			if a.On == name {
				note(a.From)
			}
		}
	}
	return first
}

// Late finds everybody whose time on call changes within the notice after `at` and who has not approved it. The older
// version says how long the notice is, so that a change cannot shorten its own; the newer one when the older has none.
func Late(before, after *schedule.File, at time.Time, approved []string) []lint.Finding {
	notice := before.Limits().Notice
	if notice == 0 {
		notice = after.Limits().Notice
	}
	moves := report.Moves(before, after, report.Schedules(before, after), at, at.Add(notice))
	var found []lint.Finding
	for _, person := range report.Affected(moves) {
		if slices.Contains(approved, person) {
			continue
		}
		var times []string
		count := 0
		for _, m := range moves {
			if slices.Contains(m.Before, person) == slices.Contains(m.After, person) {
				continue
			}
			if count++; count <= maxShown {
				times = append(times, fmt.Sprintf("%s from %s to %s", m.Schedule, show(m.From, after), show(m.To, after)))
			}
		}
		p, _ := after.Person(person)
		text := fmt.Sprintf("%s: the time on call changes within the notice of %s, until %s: %s%s. %s must approve",
			person, hours(notice), show(at.Add(notice), after), strings.Join(times, "; "), more(count), person)
		found = append(found, lint.Finding{Line: p.Line, Error: true, Kind: lint.KindLate, Text: text})
	}
	return found
}

// lineOf is where the first line of a schedule stands; 0 when the file does not have it.
func lineOf(f *schedule.File, name string) int {
	for _, l := range f.Lines() {
		if l.Schedule == name {
			return l.Number
		}
	}
	return 0
}

func show(at time.Time, f *schedule.File) string { return at.In(f.Zone()).Format(minute) }

func everybody(people []string) string {
	if len(people) == 0 {
		return "nobody"
	}
	return strings.Join(people, ", ")
}

// more says how many times are not shown.
func more(count int) string {
	switch {
	case count >= maxCounted:
		return fmt.Sprintf("; and %d more at least", count-maxShown)
	case count > maxShown:
		return fmt.Sprintf("; and %d more", count-maxShown)
	}
	return ""
}

// hours is a length of time as people write it: "48h", "90m", "30s".
func hours(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
