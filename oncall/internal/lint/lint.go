// Package lint finds what is allowed in a rotation file and still not meant: gaps, covers without effect, people who
// cannot be reached. The command nezuban-oncall check prints what it finds.
//
// It judges only files that package schedule has accepted. It never reads a clock or a disk.
package lint

import (
	"fmt"
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// Finding is one thing to mend, or to look at.
type Finding struct {
	Line  int  // in the rotation file; 0 when no line is to blame
	Error bool // to mend before the file is merged; else a warning
	Text  string
}

// ahead is how far lint looks: a year, so that both daylight saving changes are in it.
const ahead = 52 * 7 * 24 * time.Hour

// Run lints a file. What lies in time it looks for from now on, 52 weeks ahead. Findings come in the order of their lines.
func Run(f *schedule.File, now time.Time) []Finding {
	found := slices.Concat(routes(f), covers(f), lines(f), gaps(f, now), idle(f, now), channels(f))
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Line - b.Line })
	return found
}

// routes finds incidents that no route takes, and routes that no incident reaches.
func routes(f *schedule.File) []Finding {
	var found []Finding
	hasDefault := false
	for i, r := range f.Routes() {
		if len(r.Match) > 0 {
			continue
		}
		hasDefault = true
		if i != len(f.Routes())-1 {
			found = append(found, Finding{r.Line, true, "a route without match takes every incident: the routes after it are never reached, it must stand last"})
		}
	}
	if policies := f.Policies(); len(policies) > 0 && !hasDefault {
		text := fmt.Sprintf("no route without match: an incident that no route matches takes the first policy, %q", policies[0].Name)
		found = append(found, Finding{policies[0].Line, true, text})
	}
	return found
}

// covers finds covers that do not do what they look like.
func covers(f *schedule.File) []Finding {
	var found []Finding
	for i, c := range f.Covers() {
		if before, ok := chained(f, c); ok {
			text := fmt.Sprintf("a cover for %s does not pass on the time that %s covers for %s (line %d): covers do not chain", c.For, before.By, before.For, before.Line)
			found = append(found, Finding{c.Line, true, text})
			continue
		}
		switch effective, whole := effect(f, i), c.To.Sub(c.From); {
		case effective == 0:
			text := fmt.Sprintf("this cover changes nothing: %s has no turn of %s then, or stays on call all the same", c.For, c.On)
			found = append(found, Finding{c.Line, true, text})
		case effective < whole:
			text := fmt.Sprintf("this cover changes %s of its %s: %s is not on call for %s the whole time", hours(effective), hours(whole), c.For, c.On)
			found = append(found, Finding{c.Line, false, text})
		}
	}
	return found
}

// chained finds the cover whose time c would like to pass on.
func chained(f *schedule.File, c schedule.Cover) (schedule.Cover, bool) {
	for _, other := range f.Covers() {
		if other != c && other.On == c.On && other.By == c.For && other.From.Before(c.To) && c.From.Before(other.To) {
			return other, true
		}
	}
	return schedule.Cover{}, false
}

// effect is for how much of its time the i-th cover puts other people on call than there would be without it.
func effect(f *schedule.File, i int) time.Duration {
	c := f.Covers()[i]
	without := f.WithoutCover(i)
	var total time.Duration
	for shift := range f.Shifts(c.On, c.From, c.To) {
		for plain := range without.Shifts(c.On, shift.From, shift.To) {
			if !slices.Equal(shift.People, plain.People) {
				total += plain.To.Sub(plain.From)
			}
		}
	}
	return total
}

// lines finds beginnings that fall where nobody expects them.
func lines(f *schedule.File) []Finding {
	var found []Finding
	var before schedule.Line
	for _, l := range f.Lines() {
		if l.Skipped {
			text := fmt.Sprintf("the clock jumps over this from: the layer %q begins at %s", l.Layer, l.Begin.Format(minute))
			found = append(found, Finding{l.Number, true, text})
		}
		joins := before.Schedule == l.Schedule && before.Layer == l.Layer
		if joins && before.Weekly && l.Weekly && before.Begin.Weekday() != l.Begin.Weekday() {
			text := fmt.Sprintf("the layer %q hands off on a %s from here on, before that on a %s", l.Layer, l.Begin.Weekday(), before.Begin.Weekday())
			found = append(found, Finding{l.Number, false, text})
		}
		before = l
	}
	return found
}

// minute is how times are shown.
const minute = "2006-01-02 15:04 MST"

// hours shows a length of time without parts that are zero.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	if d < time.Hour {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
}
