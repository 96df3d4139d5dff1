package command

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// comparison is two versions of a file and what differs between them.
type comparison struct {
	old, new string // as they were given
	zone     *time.Location
	from, to time.Time
	colour   bool
	report.Diff
	soon soon
}

// soon is who is affected in the next hours.
type soon struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	People []string  `json:"people"` // sorted
}

// defaultHours is how far ahead a change is late: people have made their plans.
const defaultHours = 48

// diff compares two versions of a file. Its exit code says whether the next hours change for anybody.
func diff(args []string, w World) int {
	flags := flag.NewFlagSet("diff", flag.ContinueOnError)
	var span spanFlags
	span.define(flags)
	name := flags.String("schedule", "", "")
	at := flags.String("at", "", "")
	hours := flags.Int("hours", defaultHours, "")
	format := flags.String("format", "text", "")
	asJSON := flags.Bool("json", false, "")
	given, err := words(flags, args, w, "old rotation file", "new rotation file")
	if err != nil {
		return exitRefused
	}
	if *asJSON {
		*format = "json"
	}
	write, ok := diffFormats()[*format]
	if !ok {
		return refuse(w, "diff", fmt.Errorf("--format: found %q, expected one of json, markdown, text", *format))
	}
	if *hours < 0 || *hours > 24*366 {
		return refuse(w, "diff", fmt.Errorf("--hours: found %d, expected 0 to %d", *hours, 24*366))
	}
	versions, err := loadBoth(given)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	now, err := moment(*at, w, versions[1].Zone())
	if err != nil {
		return refuse(w, "diff", err)
	}
	c, err := compare(versions, *name, span, now, time.Duration(*hours)*time.Hour)
	if err != nil {
		return refuse(w, "diff", err)
	}
	c.old, c.new, c.colour = given[0], given[1], w.Colour
	if err := write(w.Out, c); err != nil {
		return refuse(w, "diff", err)
	}
	if len(c.soon.People) > 0 {
		return exitFound
	}
	return exitOK
}

func diffFormats() map[string]func(io.Writer, comparison) error {
	return map[string]func(io.Writer, comparison) error{"text": writeDiff, "json": writeDiffJSON, "markdown": writeDiffMarkdown}
}

// loadBoth loads the older version, then the newer.
func loadBoth(names []string) (versions [2]*schedule.File, err error) {
	for i, name := range names {
		if versions[i], err = loadRevision(name); err != nil {
			return versions, err
		}
	}
	return versions, nil
}

// compare finds the differences of two versions in a span, and in the next hours.
func compare(versions [2]*schedule.File, name string, span spanFlags, now time.Time, ahead time.Duration) (comparison, error) {
	before, after := versions[0], versions[1]
	schedules := report.Schedules(before, after)
	if name != "" {
		if !slices.Contains(schedules, name) {
			return comparison{}, fmt.Errorf("--schedule: found %q, expected one of %s", name, strings.Join(schedules, ", "))
		}
		schedules = []string{name}
	}
	from, to, err := span.span(now, spanDays, after.Zone())
	if err != nil {
		return comparison{}, err
	}
	c := comparison{zone: after.Zone(), from: from, to: to, Diff: report.Compare(before, after, schedules, from, to)}
	if span == (spanFlags{}) {
		c.Clocks = report.ClockWeeks(before, after, schedules, from, to, c.Moves)
		shown := slices.Clip(c.Moves)
		for _, week := range c.Clocks {
			shown = append(shown, week.Moves...)
		}
		c.Later = report.Later(before, after, schedules, to, shown)
	}
	c.soon = soon{From: now, To: now.Add(ahead), People: []string{}}
	c.soon.People = append(c.soon.People, report.Affected(report.Moves(before, after, schedules, now, c.soon.To))...)
	return c, nil
}

// at shows a time in the zone of the newer version.
func (c comparison) at(t time.Time) string { return t.In(c.zone).Format(minute) }

// span shows a time from and to; nil is none.
func (c comparison) span(s *report.Span) string {
	if s == nil {
		return "-"
	}
	return c.at(s.From) + " to " + c.at(s.To)
}
