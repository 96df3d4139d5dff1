package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// twice is a time in which one person is on call for two schedules, and how they came there.
type twice struct {
	span
	person, how string
}

// apart finds who is on call for two schedules at once that must not have anybody in common, one finding a pair. Whose
// time each is, and which layers or changes lead to it, says what there is to mend.
func apart(f *schedule.File, now time.Time) []Finding {
	var found []Finding
	for _, pair := range f.Apart() {
		both := collisions(f, pair, now, now.Add(ahead))
		if len(both) == 0 {
			continue
		}
		const shown = 3
		parts := make([]string, 0, shown+1)
		for _, t := range both[:min(len(both), shown)] {
			parts = append(parts, fmt.Sprintf("%s from %s (%s)", t.person, t.show(f.Zone()), t.how))
		}
		if more := len(both) - shown; more > 0 {
			parts = append(parts, fmt.Sprintf("and %d more", more))
		}
		found = append(found, warn(pair.Line, KindCollision, "never_with: somebody is on call for %s and %s at once, %s in the next 52 weeks: %s",
			pair.Schedule, pair.Other, times(len(both)), strings.Join(parts, ", ")))
	}
	return found
}

// collisions are the times of a pair of schedules that somebody has on both, in time order.
func collisions(f *schedule.File, pair schedule.Apart, from, to time.Time) []twice {
	var both []twice
	last := map[string]int{} // of each person, in both
	others := slices.Collect(f.Stints(pair.Other, from, to))
	for s := range f.Stints(pair.Schedule, from, to) {
		for len(others) > 0 && !others[0].To.IsZero() && !others[0].To.After(s.From) {
			others = others[1:]
		}
		for _, o := range others {
			at := span{later(later(s.From, o.From), from), earlier(earlier(s.To, o.To), to)}
			if !at.from.Before(at.to) {
				break
			}
			for _, r := range s.Reasons {
				i := slices.IndexFunc(o.Reasons, func(other schedule.Reason) bool { return other.Person == r.Person })
				if i < 0 {
					continue
				}
				how := fmt.Sprintf("%s: %s; %s: %s", pair.Schedule, came(r), pair.Other, came(o.Reasons[i]))
				if k, ok := last[r.Person]; ok && both[k].how == how && both[k].to.Equal(at.from) {
					both[k].to = at.to
					continue
				}
				last[r.Person] = len(both)
				both = append(both, twice{at, r.Person, how})
			}
		}
	}
	return both
}

// came says how somebody came to be on call: by the layer whose turn is theirs, or by a change.
func came(r schedule.Reason) string {
	switch r.Change {
	case schedule.ChangeOff:
		return fmt.Sprintf("for %s, off in line %d", r.Covers, r.ChangeLine)
	case schedule.ChangeAdd:
		return fmt.Sprintf("add in line %d", r.ChangeLine)
	case schedule.ChangeCover, schedule.ChangeSwap:
		return fmt.Sprintf("%s for %s in line %d", r.Change, r.Covers, r.ChangeLine)
	}
	return fmt.Sprintf("layer %q", r.Layer)
}
