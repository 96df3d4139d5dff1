package lint

import (
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// apart finds who is on call for two schedules at once that must not have anybody in common, one finding a pair.
func apart(f *schedule.File, now time.Time) []Finding {
	var found []Finding
	for _, pair := range f.Apart() {
		var people []string
		var both []span
		for shift := range f.Shifts(pair.Schedule, now, now.Add(ahead)) {
			for other := range f.Shifts(pair.Other, shift.From, shift.To) {
				common := slices.DeleteFunc(slices.Clone(shift.People), func(p string) bool { return !slices.Contains(other.People, p) })
				if len(common) == 0 {
					continue
				}
				people = union(people, common)
				if last := len(both) - 1; last >= 0 && both[last].to.Equal(other.From) {
					both[last].to = other.To
					continue
				}
				both = append(both, span{other.From, other.To})
			}
		}
		if len(both) == 0 {
			continue
		}
		found = append(found, warn(pair.Line, KindCollision, "never_with: somebody is on call for %s and %s at once %s in the next 52 weeks (%s), %s",
			pair.Schedule, pair.Other, times(len(both)), strings.Join(people, ", "), spans(both, f.Zone())))
	}
	return found
}
