package schedule

import (
	"slices"
	"sort"
	"time"
)

// The kinds of change, as the file names them.
const (
	ChangeCover = "cover"
	ChangeAdd   = "add"
	ChangeOff   = "off"
	ChangeSwap  = "swap"
)

// Cover is one change of the kind `cover`: somebody takes the time of one person on one schedule.
type Cover struct {
	On   string    // schedule
	By   string    // a person, or [Nobody]: the time is left to the layer below
	For  string    // the person whose time it is; nobody else's changes
	From time.Time // inclusive
	To   time.Time // exclusive
	Line int
}

// Add is one change of the kind `add`: one more person is on call for a schedule, whoever else is.
type Add struct {
	On   string // schedule
	Who  string // a person
	From time.Time
	To   time.Time // exclusive
	Line int
}

// Off is one change of the kind `off`: somebody is away, from every schedule.
type Off struct {
	Who  string // a person
	From time.Time
	To   time.Time // exclusive
	Line int
}

// Swap is one change of the kind `swap`: two turns of one layer trade owners.
type Swap struct {
	On    string // schedule
	Layer string
	Turns [2]Turn
	Line  int
}

// Turn is the time from one handoff of a layer to the next, as far as its line lasts.
type Turn struct {
	Person string // the owner in question; a turn may have several
	From   time.Time
	To     time.Time // exclusive; zero: never

	key turnKey
}

// turnKey tells apart the turns of a schedule that one person owns: no two lines of a layer begin at one instant and
// have any time.
type turnKey struct {
	layer  string
	begin  int64 // of the line, Unix seconds
	number int64
	person string
}

// changes are all changes of a file, each kind in file order.
type changes struct {
	covers []Cover
	adds   []Add
	offs   []Off
	swaps  []Swap
}

// stay is a time for which a change holds for one person.
type stay struct {
	from, to time.Time
	line     int
}

// calendar are the stays of each person.
type calendar struct {
	stays map[string][]stay // in time order, apart from each other
	edges []time.Time       // their beginnings and ends, ascending
}

// newCalendar puts the stays in order and cuts those that overlap: what the earliest begins the next goes on with, so that
// the line is always one that holds.
func newCalendar(stays map[string][]stay) calendar {
	c := calendar{stays: stays}
	for person, list := range stays {
		slices.SortStableFunc(list, func(a, b stay) int { return a.from.Compare(b.from) })
		apart := list[:1]
		for _, s := range list[1:] {
			last := apart[len(apart)-1]
			if s.from.Before(last.to) {
				s.from = last.to
			}
			if s.from.Before(s.to) {
				apart = append(apart, s)
			}
		}
		stays[person] = apart
		for _, s := range apart {
			c.edges = append(c.edges, s.from, s.to)
		}
	}
	slices.SortFunc(c.edges, time.Time.Compare)
	return c
}

// at is the stay of a person at t.
func (c calendar) at(person string, t time.Time) (stay, bool) {
	list := c.stays[person]
	i := sort.Search(len(list), func(i int) bool { return list[i].from.After(t) })
	if i == 0 || !t.Before(list[i-1].to) {
		return stay{}, false
	}
	return list[i-1], true
}

// trade is what a swap makes of one turn.
type trade struct {
	by   string
	line int
}

// apply makes the changes of these schedules their own. Covers must not overlap for one person.
func (c changes) apply(schedules []rotation) {
	away := map[string][]stay{}
	for _, off := range c.offs {
		away[off.Who] = append(away[off.Who], stay{off.From, off.To, off.Line})
	}
	offs := newCalendar(away)
	named := make(map[string]*rotation, len(schedules))
	adds := make(map[string]map[string][]stay, len(schedules)) // by schedule and person
	for i := range schedules {
		r := &schedules[i]
		r.offs, r.covers, r.trades, r.edges = offs, map[string][]Cover{}, map[turnKey]trade{}, nil
		named[r.name], adds[r.name] = r, map[string][]stay{}
	}
	for _, cover := range c.covers {
		if r := named[cover.On]; r != nil {
			r.covers[cover.For] = append(r.covers[cover.For], cover)
			r.edges = append(r.edges, cover.From, cover.To)
		}
	}
	for _, add := range c.adds {
		if of := adds[add.On]; of != nil {
			of[add.Who] = append(of[add.Who], stay{add.From, add.To, add.Line})
		}
	}
	for _, swap := range c.swaps {
		if r := named[swap.On]; r != nil {
			r.trade(swap)
		}
	}
	for name, r := range named {
		for _, list := range r.covers {
			slices.SortFunc(list, func(a, b Cover) int { return a.From.Compare(b.From) })
		}
		r.adds = newCalendar(adds[name])
		slices.SortFunc(r.edges, time.Time.Compare)
	}
}

// trade gives each of two turns to the owner of the other. Of two swaps of one turn the first in the file counts.
func (r *rotation) trade(swap Swap) {
	for i, turn := range swap.Turns {
		if _, taken := r.trades[turn.key]; !taken {
			r.trades[turn.key] = trade{by: swap.Turns[1-i].Person, line: swap.Line}
		}
		r.edges = append(r.edges, turn.From)
		if !turn.To.IsZero() {
			r.edges = append(r.edges, turn.To)
		}
	}
}
