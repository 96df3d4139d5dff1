package report

import (
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// ClockShift is a shift of a schedule during which the clock of one of its zones is put forward or back, so that its hours
// on the watch are not those on the wall.
type ClockShift struct {
	Shift
	Zone *time.Location
	At   time.Time // of the change, in Zone
}

// ClockShifts are those of the next two changes of each zone of each schedule, within a year of `from`, by schedule and
// time. At a change at which nobody is on call there is a gap.
func ClockShifts(f *schedule.File, from time.Time) []ClockShift {
	var found []ClockShift
	for _, name := range f.Schedules() {
		var zones []string
		first := len(found)
		for _, l := range f.Lines() {
			if l.Schedule != name || slices.Contains(zones, l.Zone().String()) {
				continue
			}
			zones = append(zones, l.Zone().String())
			for _, at := range nextClockChanges(l.Zone(), from) {
				for _, s := range Shifts(f, name, "", at.Add(-1), at.Add(1)) {
					if s.From.Before(at) && (s.To.IsZero() || s.To.After(at)) {
						found = append(found, ClockShift{Shift: s, Zone: l.Zone(), At: at.In(l.Zone())})
					}
				}
			}
		}
		slices.SortStableFunc(found[first:], func(a, b ClockShift) int { return a.At.Compare(b.At) })
	}
	return found
}
