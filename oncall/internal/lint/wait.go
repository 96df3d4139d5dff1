package lint

import (
	"time"

	"nezuban/oncall/schedule"
)

// neverSent finds people whom a policy tells and whose quiet hours and its hold leave no time of the week for a ticket.
func neverSent(f *schedule.File, now time.Time) []Finding {
	var found []Finding
	for _, p := range f.Policies() {
		for _, name := range reached(f, p) {
			person, _ := f.Person(name)
			if p.Hold.IsZero() || person.Quiet.IsZero() || leavesTime(p.Hold, person.Quiet, now) {
				continue
			}
			found = append(found, warn(person.Line, KindNeverSent,
				"the quiet hours of %s and the hold of the policy %q (line %d) leave no time for a ticket: the quiet hours will not be kept", name, p.Name, p.Line))
		}
	}
	return found
}

// reached are all people whom a policy may tell.
func reached(f *schedule.File, p schedule.Policy) []string {
	names := []string{p.Fallback}
	for _, step := range p.Steps {
		for _, name := range step.Page {
			if !f.HasSchedule(name) {
				names = union(names, []string{name})
				continue
			}
			for _, l := range f.Lines() {
				if l.Schedule == name {
					for _, turn := range l.Ring {
						names = union(names, turn)
					}
				}
			}
		}
	}
	return names
}

// leavesTime reports whether there is a time in the week from now on that is in neither.
func leavesTime(hold, quiet schedule.Hours, now time.Time) bool {
	for at := now; at.Sub(now) < 8*24*time.Hour; {
		end := hold.Until(at)
		if end.IsZero() {
			end = quiet.Until(at)
		}
		if end.IsZero() {
			return true
		}
		at = end
	}
	return false
}
