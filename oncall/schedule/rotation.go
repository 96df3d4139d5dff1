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

// moment is who is on call at an instant, who learns, and which layer decides it; nobody is decided by the lowest.
type moment struct {
	people   []Reason
	shadow   []string
	deciding int
}

// at is the moment of t. The highest layer with somebody in it wins; an empty turn, and a cover by nobody, let the layer
// below show through. Who is added comes on top.
func (r *rotation) at(t time.Time) moment {
	var m moment
	for i := len(r.layers) - 1; i >= 0; i-- {
		if m.people = r.layerAt(&r.layers[i], t); len(m.people) > 0 {
			m.deciding = i
			break
		}
	}
	m.people = r.withAdded(m.people, t)
	m.shadow = r.shadowAt(t, m.people)
	return m
}

// next is the first instant after t at which the people may differ; zero when there is none. Layers below the
// deciding one do not matter until it, one above it, or a change begins or ends; but shadow layers always do.
func (r *rotation) next(t time.Time, deciding int) time.Time {
	var next time.Time
	i := sort.Search(len(r.edges), func(i int) bool { return r.edges[i].After(t) })
	if i < len(r.edges) {
		next = r.edges[i]
	}
	for i := range r.layers {
		if i >= deciding || r.layers[i].learn {
			next = earlier(next, r.layers[i].next(t))
		}
	}
	return next
}

// until is the first instant after t at which people or shadow differ from m; zero when that is not within ten years.
func (r *rotation) until(t time.Time, m moment) time.Time {
	limit := t.UTC().AddDate(horizonYears, 0, 0)
	deciding := m.deciding
	for {
		t = r.next(t, deciding)
		if t.IsZero() || t.After(limit) {
			return time.Time{}
		}
		later := r.at(t)
		if !m.same(later) {
			return t
		}
		deciding = later.deciding
	}
}

// same reports whether the same people are on call, and learn, for whatever reason.
func (m moment) same(other moment) bool {
	return slices.Equal(m.shadow, other.shadow) &&
		slices.EqualFunc(m.people, other.people, func(x, y Reason) bool { return x.Person == y.Person })
}
