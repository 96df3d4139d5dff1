package command

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// listing is what shifts has been asked for.
type listing struct {
	file      *schedule.File
	schedules []string
	person    string         // "": everybody
	zone      *time.Location // the person's, else the file's
	from, to  time.Time
	now       time.Time
	colour    bool
}

// formats are the ways in which shifts can be written.
func formats() map[string]func(io.Writer, listing) error {
	return map[string]func(io.Writer, listing) error{
		"table": writeTable, "json": writeJSON, "csv": writeCSV, "markdown": writeMarkdown, "ical": writeICal, "month": writeMonths,
	}
}

// shifts lists who is on call over a span of time.
func shifts(args []string, w World) int {
	flags := flag.NewFlagSet("shifts", flag.ContinueOnError)
	var given spanFlags
	given.define(flags)
	name := flags.String("schedule", "", "")
	who := flags.String("person", "", "")
	format := flags.String("format", "table", "")
	asJSON := flags.Bool("json", false, "")
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	if *asJSON {
		*format = "json"
	}
	write, ok := formats()[*format]
	if !ok {
		return refuse(w, "shifts", fmt.Errorf("--format: found %q, expected one of csv, ical, json, markdown, month, table", *format))
	}
	file, err := loadRevision(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	l := listing{file: file, person: *who, zone: file.Zone(), now: w.Now, colour: w.Colour}
	if l.schedules, err = chosen(file, *name); err != nil {
		return refuse(w, "shifts", err)
	}
	if *who != "" {
		p, err := person(file, *who)
		if err != nil {
			return refuse(w, "shifts", fmt.Errorf("--person: %w", err))
		}
		l.zone = p.Zone
	}
	if l.from, l.to, err = given.span(w.Now, spanDays, file.Zone()); err != nil {
		return refuse(w, "shifts", err)
	}
	out := bufio.NewWriter(w.Out)
	if err := errors.Join(write(out, l), out.Flush()); err != nil {
		return refuse(w, "shifts", err)
	}
	return exitOK
}

// whole are the shifts asked for, whole; clipped are the same, cut to the time asked for.
func (l listing) whole() []report.Shift {
	var all []report.Shift
	for _, name := range l.schedules {
		all = append(all, report.Shifts(l.file, name, l.person, l.from, l.to)...)
	}
	return all
}

func (l listing) clipped() []report.Shift {
	all := l.whole()
	for i, s := range all {
		all[i] = s.Clip(l.from, l.to)
	}
	return all
}

// at shows a time in the zone of the listing.
func (l listing) at(t time.Time) string { return t.In(l.zone).Format(minute) }

// absences are the changes that take somebody out of a shift, or leave it to a lower layer.
func (l listing) absences(s report.Shift) []schedule.Absence {
	end := s.To
	if end.IsZero() {
		end = l.to
	}
	return l.file.Absences(s.Schedule, s.From, end)
}

// because is the layer and turn behind a shift, who stands in for whom, and who is missing, without lines of the file.
func because(s report.Shift, absences []schedule.Absence) string {
	var parts []string
	say := func(part string) {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	for _, r := range s.Reasons {
		if r.Layer != "" {
			say(fmt.Sprintf("%s, turn %d", r.Layer, r.Turn))
		}
	}
	for _, r := range s.Reasons {
		switch {
		case r.Covers != "":
			say(fmt.Sprintf("%s for %s", r.Person, r.Covers))
		case r.ChangeLine > 0:
			say(r.Person + " besides")
		}
	}
	for _, a := range absences {
		if named(s, a) {
			continue
		}
		missing := a.Person + " off"
		if a.Change != schedule.ChangeOff {
			missing = fmt.Sprintf("%s for %s", cmp.Or(a.By, "nobody"), a.Person)
		}
		if a.Layer != s.Layer {
			missing += " (" + a.Layer + ")"
		}
		say(missing)
	}
	return strings.Join(parts, "; ")
}

// named reports whether "carol for alice, bob" names an absence by an off already: those whose turn it is are all off.
func named(s report.Shift, a schedule.Absence) bool {
	return a.Layer == s.Layer && a.Change == schedule.ChangeOff && !a.StepsIn &&
		slices.ContainsFunc(s.Reasons, func(r schedule.Reason) bool { return r.Change == schedule.ChangeOff })
}

// everybody joins names, or says that there are none.
func everybody(people []string) string {
	if len(people) == 0 {
		return "nobody"
	}
	return strings.Join(people, ", ")
}
