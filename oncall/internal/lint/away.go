package lint

import (
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// daysOff finds people who are on call on a day off of their calendar, one finding a person.
func daysOff(f *schedule.File, now time.Time, away map[string][]schedule.Day) []Finding {
	if len(away) == 0 {
		return nil
	}
	served := report.Served(f, f.Schedules(), now, now.Add(ahead))
	var found []Finding
	for _, p := range f.People() {
		var both []span
		for _, day := range away[p.Name] {
			for _, s := range served[p.Name] {
				if overlap(s.From, s.To, day.From, day.To) {
					both = append(both, span{later(s.From, day.From), earlier(s.To, day.To)})
				}
			}
		}
		if len(both) > 0 {
			found = append(found, warn(p.Line, KindAway, "%s is on call while away by %s, %s: add an off, a cover or a swap", p.Name, p.PTO, spans(both, p.Zone)))
		}
	}
	return found
}
