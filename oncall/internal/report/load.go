package report

import (
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// Load is what a span of time asks of one person. Who is on call for two schedules at once is on call once.
type Load struct {
	Hours      float64 `json:"hours"`        // on a watch, not on the wall
	Nights     int     `json:"nights"`       // in which they are on call for some time from 22:00 to 07:00 of their own zone
	Weekends   int     `json:"weekends"`     // in which they are on call for some time on a Saturday or Sunday of their own zone
	Holidays   int     `json:"holidays"`     // of their own, as the file lists them, on which they are on call for some time
	BackToBack int     `json:"back_to_back"` // turns that begin when another one of theirs ends
}

// The hours of a night, on the clock of the person's own zone.
const (
	nightFrom = 22
	nightTo   = 7
)

// Loads is the load of each person of a file from `from` to `to`, of those schedules; people without any have zeroes.
func Loads(f *schedule.File, schedules []string, from, to time.Time) map[string]Load {
	turns := map[string][]Shift{}
	for _, name := range schedules {
		for _, s := range Shifts(f, name, "", from, to) {
			for _, person := range s.People {
				turns[person] = append(turns[person], s)
			}
		}
	}
	loads := make(map[string]Load, len(f.People()))
	for _, p := range f.People() {
		served := served(turns[p.Name], from, to)
		load := Load{
			Nights: len(Nights(served, p.Zone)), Weekends: weekends(served, p.Zone), Holidays: holidays(served, p.Holidays),
			BackToBack: backToBack(turns[p.Name], from),
		}
		for _, s := range served {
			load.Hours += s.To.Sub(s.From).Hours()
		}
		loads[p.Name] = load
	}
	return loads
}

// Served are the times that each person is on call from `from` to `to`, for any of those schedules, in time order and
// apart from each other.
func Served(f *schedule.File, schedules []string, from, to time.Time) map[string][]Span {
	all := map[string][]Span{}
	for _, name := range schedules {
		for s := range f.Shifts(name, from, to) {
			for _, person := range s.People {
				all[person] = append(all[person], Span{s.From, s.To})
			}
		}
	}
	for person, spans := range all {
		all[person] = union(spans)
	}
	return all
}

func served(turns []Shift, from, to time.Time) []Span {
	spans := make([]Span, 0, len(turns))
	for _, s := range turns {
		clipped := s.Clip(from, to)
		spans = append(spans, Span{clipped.From, clipped.To})
	}
	return union(spans)
}

// union joins spans that touch or overlap, in time order.
func union(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var joined []Span
	for _, s := range spans {
		last := len(joined) - 1
		switch {
		case last < 0 || s.From.After(joined[last].To):
			joined = append(joined, s)
		case s.To.After(joined[last].To):
			joined[last].To = s.To
		}
	}
	return joined
}

// Nights are the nights that spans touch, from 22:00 to 07:00 on the clock of a zone, in time order; the spans are in
// time order and apart from each other.
func Nights(served []Span, zone *time.Location) []Span {
	var touched []Span
	for _, s := range served {
		year, month, day := s.From.In(zone).Date()
		for night := day - 1; ; night++ {
			begin, end := schedule.Clock(year, month, night, nightFrom, 0, zone), schedule.Clock(year, month, night+1, nightTo, 0, zone)
			if !begin.Before(s.To) {
				break
			}
			known := len(touched) > 0 && !end.After(touched[len(touched)-1].To)
			if end.After(s.From) && !known {
				touched = append(touched, Span{begin, end})
			}
		}
	}
	return touched
}

// weekends counts the weekends that spans touch; they are in time order and apart from each other.
func weekends(served []Span, zone *time.Location) int {
	count := 0
	var counted time.Time
	for _, s := range served {
		local := s.From.In(zone)
		year, month, day := local.Date()
		saturday := day - (int(local.Weekday())+1)%7 // the one before, or today
		for ; ; saturday += 7 {
			begin, end := schedule.Clock(year, month, saturday, 0, 0, zone), schedule.Clock(year, month, saturday+2, 0, 0, zone)
			if !begin.Before(s.To) {
				break
			}
			if end.After(s.From) && end.After(counted) {
				count, counted = count+1, end
			}
		}
	}
	return count
}

// holidays counts the days that spans touch; both are in time order and apart from each other.
func holidays(served []Span, days []schedule.Day) int {
	count := 0
	for _, day := range days {
		for len(served) > 0 && !served[0].To.After(day.From) {
			served = served[1:]
		}
		if len(served) > 0 && served[0].From.Before(day.To) {
			count++
		}
	}
	return count
}

// backToBack counts the turns of one person that begin, after `from`, when another of their turns ends. The parts into
// which changes and higher layers cut a turn begin no turn.
func backToBack(turns []Shift, from time.Time) int {
	ends := map[int64]bool{}
	for _, s := range turns {
		if !s.To.IsZero() {
			ends[s.To.Unix()] = true
		}
	}
	count := 0
	for _, s := range turns {
		if s.From.Equal(s.Begin) && s.From.After(from) && ends[s.From.Unix()] {
			count++
		}
	}
	return count
}
