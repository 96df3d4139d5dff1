package schedule

import (
	"slices"
	"sort"
	"time"
)

// rotation is one schedule: its layers, the lowest first, and the changes of it. They apply in this order: off; cover and
// swap; add.
type rotation struct {
	name   string
	layers []layer
	offs   calendar
	covers map[string][]Cover // by the person covered; in time order, never overlapping
	trades map[turnKey]trade
	adds   calendar
	edges  []time.Time // beginnings and ends of all changes, ascending
}

// horizon is how far ahead a change of people is looked for.
const horizonYears = 10

// coverOf is the cover that takes this person's time at t.
func (r *rotation) coverOf(person string, t time.Time) (Cover, bool) {
	list := r.covers[person]
	i := sort.Search(len(list), func(i int) bool { return list[i].From.After(t) })
	if i == 0 || !t.Before(list[i-1].To) {
		return Cover{}, false
	}
	return list[i-1], true
}

// at says who is on call at t and which layer decides it; nobody is decided by the lowest. The highest layer with
// somebody in it wins; an empty turn, and a cover by nobody, let the layer below show through. Who is added comes on
// top.
func (r *rotation) at(t time.Time) (reasons []Reason, deciding int) {
	for i := len(r.layers) - 1; i >= 0; i-- {
		if reasons = r.layerAt(&r.layers[i], t); len(reasons) > 0 {
			return r.withAdded(reasons, t), i
		}
	}
	return r.withAdded(nil, t), 0
}

// next is the first instant after t at which the people may differ; zero when there is none. Layers below the
// deciding one do not matter until it, one above it, or a cover changes.
func (r *rotation) next(t time.Time, deciding int) time.Time {
	var next time.Time
	i := sort.Search(len(r.edges), func(i int) bool { return r.edges[i].After(t) })
	if i < len(r.edges) {
		next = r.edges[i]
	}
	for i := deciding; i < len(r.layers); i++ {
		next = earlier(next, r.layers[i].next(t))
	}
	return next
}

// until is the first instant after t at which the people differ from reasons; zero when that is not within ten years.
func (r *rotation) until(t time.Time, reasons []Reason, deciding int) time.Time {
	limit := t.UTC().AddDate(horizonYears, 0, 0)
	for {
		t = r.next(t, deciding)
		if t.IsZero() || t.After(limit) {
			return time.Time{}
		}
		var later []Reason
		later, deciding = r.at(t)
		if !samePeople(reasons, later) {
			return t
		}
	}
}

func samePeople(a, b []Reason) bool {
	return slices.EqualFunc(a, b, func(x, y Reason) bool { return x.Person == y.Person })
}
