package replay

import (
	"slices"
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// Summary is what a history comes to under one file.
type Summary struct {
	Incidents      int
	People         map[string]Nights
	Pages, Tickets Reach // incidents of severity info, and those that page nobody for another reason, are in neither
	Unmatched      int   // incidents that no route matched
}

// Nights is how often one person would have been woken.
type Nights struct {
	Woken   int     // incidents
	AtNight int     // of them, from 22:00 to 07:00 of the person's own zone
	Hours   [24]int // of them, by the hour of the person's own clock
}

// Reach is after how long somebody would have been reached.
type Reach struct {
	Count             int // incidents in which somebody was
	Nobody            int // incidents that were over before anybody was
	Median, P90, Most time.Duration
}

const severityInfo = "info"

// Summarise adds up outcomes. The people of the file are all in it.
func Summarise(f *schedule.File, outcomes []Outcome) Summary {
	s := Summary{Incidents: len(outcomes), People: map[string]Nights{}}
	for _, p := range f.People() {
		s.People[p.Name] = Nights{}
	}
	var pages, tickets []Outcome
	for _, o := range outcomes {
		if !o.Matched {
			s.Unmatched++
		}
		for _, w := range o.Woken {
			n := s.People[w.Person]
			n.Woken++
			n.Hours[w.At.Hour()]++
			if report.AtNight(w.At) {
				n.AtNight++
			}
			s.People[w.Person] = n
		}
		switch {
		case o.Unpaged, o.Severity == severityInfo:
		case o.Severity == severityTicket:
			tickets = append(tickets, o)
		default:
			pages = append(pages, o)
		}
	}
	s.Pages, s.Tickets = reachOf(pages), reachOf(tickets)
	return s
}

// reachOf takes percentiles by nearest rank.
func reachOf(outcomes []Outcome) Reach {
	var after []time.Duration
	for _, o := range outcomes {
		if d, reached := o.ReachedAfter(); reached {
			after = append(after, d)
		}
	}
	r := Reach{Count: len(after), Nobody: len(outcomes) - len(after)}
	if r.Count == 0 {
		return r
	}
	slices.Sort(after)
	rank := func(percent int) time.Duration { return after[(len(after)*percent+99)/100-1] }
	r.Median, r.P90, r.Most = rank(50), rank(90), after[len(after)-1]
	return r
}

// Differ reports whether other people would have been woken, or somebody reached at another time.
func (o Outcome) Differ(other Outcome) bool {
	return !o.Reached.Equal(other.Reached) ||
		!slices.EqualFunc(o.Woken, other.Woken, func(a, b Waking) bool { return a.Person == b.Person && a.At.Equal(b.At) })
}
