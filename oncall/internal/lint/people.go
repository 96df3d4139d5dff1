package lint

import (
	"fmt"
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// gaps finds times at which nobody is on call, one finding a schedule.
func gaps(f *schedule.File, now time.Time) []Finding {
	var found []Finding
	for _, name := range f.Schedules() {
		var first schedule.Shift
		var count int
		var total time.Duration
		for shift := range f.Shifts(name, now, now.Add(ahead)) {
			if len(shift.People) > 0 {
				continue
			}
			if count == 0 {
				first = shift
			}
			count++
			total += shift.To.Sub(shift.From)
		}
		if count == 0 {
			continue
		}
		from, to := first.From.In(f.Zone()).Format(minute), first.To.In(f.Zone()).Format(minute)
		times := fmt.Sprintf("%d times", count)
		if count == 1 {
			times = "once"
		}
		text := fmt.Sprintf("nobody is on call for %s %s in the next 52 weeks, %s in all, first from %s until %s", name, times, hours(total), from, to)
		found = append(found, Finding{firstLine(f, name), false, text})
	}
	return found
}

func firstLine(f *schedule.File, name string) int {
	for _, l := range f.Lines() {
		if l.Schedule == name {
			return l.Number
		}
	}
	return 0
}

// idle finds people who stand in a ring and never have their turn.
func idle(f *schedule.File, now time.Time) []Finding {
	plain := f.WithoutCovers()
	serving := map[string][]string{}
	for _, name := range f.Schedules() {
		for shift := range plain.Shifts(name, now, now.Add(ahead)) {
			serving[name] = union(serving[name], shift.People)
		}
	}
	var found []Finding
	for _, l := range f.Lines() {
		if (!l.End.IsZero() && !l.End.After(now)) || l.Begin.After(now.Add(ahead)) {
			continue
		}
		if l.Shadow {
			continue // who learns is never on call, and is not meant to be
		}
		for _, person := range union(nil, slices.Concat(l.Ring...)) {
			if !slices.Contains(serving[l.Schedule], person) {
				text := fmt.Sprintf("%s stands in the layer %q of %s and is never on call in the next 52 weeks", person, l.Layer, l.Schedule)
				found = append(found, Finding{l.Number, false, text})
			}
		}
	}
	return found
}

// channels finds people whom somebody counts on and who cannot be reached as they should be.
func channels(f *schedule.File) []Finding {
	needed := neededPeople(f)
	var found []Finding
	for _, p := range f.People() {
		if !slices.Contains(needed, p.Name) {
			continue
		}
		switch {
		case len(p.Page) == 0:
			found = append(found, Finding{p.Line, false, fmt.Sprintf("%s has no channel for pages, and is passed over", p.Name)})
		case !slices.ContainsFunc(p.Page, schedule.Channel.Wakes):
			found = append(found, Finding{p.Line, false, fmt.Sprintf("%s has no channel that wakes", p.Name)})
		case len(p.Ticket) == 0 && allWake(p.Page):
			found = append(found, Finding{p.Line, false, fmt.Sprintf("%s has no channel for tickets, which must not wake: a ticket passes them over, or wakes them as the fallback", p.Name)})
		}
	}
	return found
}

func allWake(channels []schedule.Channel) bool {
	return !slices.ContainsFunc(channels, func(c schedule.Channel) bool { return !c.Wakes() })
}

// neededPeople is everybody in a ring, a cover or a policy.
func neededPeople(f *schedule.File) []string {
	var names []string
	for _, l := range f.Lines() {
		names = union(names, slices.Concat(l.Ring...))
	}
	for _, c := range f.Covers() {
		names = union(names, []string{c.By})
	}
	for _, p := range f.Policies() {
		names = union(names, []string{p.Fallback})
		for _, step := range p.Steps {
			names = union(names, step.Page)
		}
	}
	return names
}

// union adds names to a list without any twice.
func union(names, more []string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
