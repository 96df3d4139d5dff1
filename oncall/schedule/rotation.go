package schedule

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// rotation is one schedule: its layers, the lowest first, and the covers of it.
type rotation struct {
	name   string
	layers []layer
	covers map[string][]Cover // by the person covered; in time order, never overlapping
	edges  []time.Time        // beginnings and ends of all covers, ascending
}

// horizon is how far ahead a change of people is looked for.
const horizonYears = 10

// cover adds the covers of this schedule. They must not overlap for one person.
func (r *rotation) cover(covers []Cover) {
	r.covers, r.edges = map[string][]Cover{}, nil
	for _, c := range covers {
		if c.On == r.name {
			r.covers[c.For] = append(r.covers[c.For], c)
			r.edges = append(r.edges, c.From, c.To)
		}
	}
	for _, list := range r.covers {
		slices.SortFunc(list, func(a, b Cover) int { return a.From.Compare(b.From) })
	}
	slices.SortFunc(r.edges, time.Time.Compare)
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

// at says who is on call at t and which layer decides it; nobody is decided by the lowest. The highest layer with
// somebody in it wins; an empty turn, and a cover by nobody, let the layer below show through.
func (r *rotation) at(t time.Time) (reasons []Reason, deciding int) {
	for i := len(r.layers) - 1; i >= 0; i-- {
		if reasons = r.layerAt(&r.layers[i], t); len(reasons) > 0 {
			return reasons, i
		}
	}
	return nil, 0
}

// layerAt is who one layer puts on call at t, sorted by name, each once. Covers are not transitive: they look at who
// has the turn, never at who covers it.
func (r *rotation) layerAt(y *layer, t time.Time) []Reason {
	l := y.active(t)
	if l == nil || !l.isOpen(t) {
		return nil
	}
	turn := l.turn(l.lastHandoff(t))
	var reasons []Reason
	for _, person := range l.ring[turn%int64(len(l.ring))] {
		reason := Reason{Person: person, Layer: y.name, Turn: int(turn), Line: l.number}
		c, covered := r.coverOf(person, t)
		if covered && c.By == Nobody {
			continue
		}
		if covered {
			reason.Person, reason.Covers, reason.ChangeLine = c.By, person, c.Line
		}
		reasons = append(reasons, reason)
	}
	// Who has the turn themselves comes before who covers it, and stays when both are one person.
	slices.SortFunc(reasons, func(a, b Reason) int {
		if c := strings.Compare(a.Person, b.Person); c != 0 {
			return c
		}
		return strings.Compare(a.Covers, b.Covers)
	})
	return slices.CompactFunc(reasons, func(a, b Reason) bool { return a.Person == b.Person })
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
