package lint

import (
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
		found = append(found, warn(firstLine(f, name), KindGap, "nobody is on call for %s %s in the next 52 weeks, %s in all, first from %s",
			name, times(count), hours(total), span{first.From, first.To}.show(f.Zone())))
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
				found = append(found, warn(l.Number, KindNever, "%s stands in the layer %q of %s and is never on call in the next 52 weeks", person, l.Layer, l.Schedule))
			}
		}
	}
	return found
}

// wakesWithin is after how long at most somebody who is called must be woken.
const wakesWithin = 15 * time.Minute

// channels finds people whom somebody counts on and who cannot be reached as they should be.
func channels(f *schedule.File) []Finding {
	needed := neededPeople(f)
	var found []Finding
	for _, p := range f.People() {
		if !slices.Contains(needed, p.Name) {
			continue
		}
		wakes := slices.IndexFunc(p.Page, schedule.Channel.Wakes)
		switch {
		case len(p.Page) == 0:
			found = append(found, warn(p.Line, KindReach, "%s has no channel for pages, and is passed over", p.Name))
		case wakes < 0:
			found = append(found, warn(p.Line, KindReach, "%s has no channel that wakes: add pagerduty, sms or call", p.Name))
		case !slices.ContainsFunc(p.Page, wakesSoon):
			found = append(found, warn(p.Line, KindReach, "%s is woken %s after a page at the earliest, by %s: within %s is expected", p.Name, hours(p.Page[wakes].Delay), p.Page[wakes].Name, hours(wakesWithin)))
		case len(p.Ticket) == 0 && allWake(p.Page):
			found = append(found, warn(p.Line, KindReach, "%s has no channel for tickets, which must not wake: a ticket passes them over, or wakes them as the fallback", p.Name))
		}
	}
	return found
}

func wakesSoon(c schedule.Channel) bool { return c.Wakes() && c.Delay <= wakesWithin }

func allWake(channels []schedule.Channel) bool {
	return !slices.ContainsFunc(channels, func(c schedule.Channel) bool { return !c.Wakes() })
}

// neededPeople is everybody in a ring, a cover, an add or a policy.
func neededPeople(f *schedule.File) []string {
	var names []string
	for _, l := range f.Lines() {
		names = union(names, slices.Concat(l.Ring...))
	}
	for _, c := range f.Covers() {
		names = union(names, []string{c.By})
	}
	for _, a := range f.Adds() {
		names = union(names, []string{a.Who})
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
