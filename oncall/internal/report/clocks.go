package report

import (
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// ClockWeek is what a change of the file moves in the week around a change of the clock, and not in other weeks.
type ClockWeek struct {
	At       time.Time // the clock is put forward or back
	From, To time.Time // seven local days, that of the change in their middle; without what the comparison has shown
	Moves    []Move
}

// clockChanges is how many changes of the clock are looked at: one to summer time and one back.
const clockChanges = 2

// ClockWeeks looks at the weeks around the next two changes of the newer file's clock within a year of `from`, as far as
// they are after `to`, until which shown are the moves. Most changes of a file move the same shifts in every week; those
// need not be told again. So a week has only the moves that begin or end at a time of day at which none of shown does on
// that schedule. Weeks without any are left out.
func ClockWeeks(before, after *schedule.File, schedules []string, from, to time.Time, shown []Move) []ClockWeek {
	var weeks []ClockWeek
	zone := after.Zone()
	usual := edges(shown, Span{from, to}, zone)
	for _, at := range nextClockChanges(zone, from) {
		year, month, day := at.In(zone).Date()
		week := ClockWeek{At: at, From: schedule.Clock(year, month, day-3, 0, 0, zone), To: schedule.Clock(year, month, day+4, 0, 0, zone)}
		if week.From.Before(to) {
			week.From = to
		}
		for _, m := range Moves(before, after, schedules, week.From, week.To) {
			if unusual(m, Span{week.From, week.To}, usual[m.Schedule], zone) {
				week.Moves = append(week.Moves, m)
			}
		}
		if len(week.Moves) > 0 {
			weeks = append(weeks, week)
		}
	}
	return weeks
}

// nextClockChanges are the next instants at which the clock of a zone is put forward or back, within a year.
func nextClockChanges(zone *time.Location, from time.Time) []time.Time {
	var changes []time.Time
	limit := from.UTC().AddDate(1, 0, 0)
	for at := from; len(changes) < clockChanges; {
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() || end.After(limit) {
			break
		}
		_, before := at.In(zone).Zone()
		if _, after := end.In(zone).Zone(); after != before {
			changes = append(changes, end)
		}
		at = end
	}
	return changes
}

// edges are the times of day, in minutes, at which moves of each schedule begin and end; where they are cut says nothing.
func edges(moves []Move, cut Span, zone *time.Location) map[string][]int {
	found := map[string][]int{}
	for _, m := range moves {
		found[m.Schedule] = append(found[m.Schedule], edgesOf(m, cut, zone)...)
	}
	return found
}

func edgesOf(m Move, cut Span, zone *time.Location) []int {
	var found []int
	for _, at := range []time.Time{m.From, m.To} {
		if !at.Equal(cut.From) && !at.Equal(cut.To) {
			local := at.In(zone)
			found = append(found, local.Hour()*60+local.Minute())
		}
	}
	return found
}

// unusual reports whether a move has an edge that is not among the usual ones, or has none where none is usual.
func unusual(m Move, cut Span, usual []int, zone *time.Location) bool {
	own := edgesOf(m, cut, zone)
	return len(own)+len(usual) == 0 || slices.ContainsFunc(own, func(edge int) bool { return !slices.Contains(usual, edge) })
}
