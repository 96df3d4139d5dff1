package schedule

import (
	"sort"
	"time"
)

// rotation is one schedule: its layers, the lowest first, and the changes of it. They apply in this order: off; cover and
// swap; add.
type rotation struct {
	name   string
	layers []layer
	offs   calendar           // the same of all schedules
	covers map[string][]Cover // by the person covered; in time order, never overlapping
	trades map[turnKey]trade
	adds   calendar
	edges  []time.Time // beginnings and ends of covers and trades, ascending
}

// coverOf is the cover that takes this person's time at t.
func (r *rotation) coverOf(person string, t time.Time) (Cover, bool) {
	list := r.covers[person]
	i := sort.Search(len(list), func(i int) bool { return list[i].From.After(t) })
	if i == 0 || !t.Before(list[i-1].To) {
		return Cover{}, false
	}
	return list[i-1], true
}

// edgeAfter is the first instant after t at which a change begins or ends; zero when there is none.
func (r *rotation) edgeAfter(t time.Time) time.Time {
	var next time.Time
	for _, edges := range [][]time.Time{r.edges, r.adds.edges, r.offs.edges} {
		if i := sort.Search(len(edges), func(i int) bool { return edges[i].After(t) }); i < len(edges) {
			next = earlier(next, edges[i])
		}
	}
	return next
}

// edgeUntil is the last instant not after t at which a change begins or ends; zero when there is none.
func (r *rotation) edgeUntil(t time.Time) time.Time {
	var last time.Time
	for _, edges := range [][]time.Time{r.edges, r.adds.edges, r.offs.edges} {
		if i := sort.Search(len(edges), func(i int) bool { return edges[i].After(t) }); i > 0 && edges[i-1].After(last) {
			last = edges[i-1]
		}
	}
	return last
}
