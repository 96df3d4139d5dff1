package schedule

import (
	"slices"
	"strings"
	"time"
)

// walk goes forward along the time of a schedule. It remembers what each layer gives and until when that is sure, so that
// a layer in which nothing has changed is not asked again. It is for one goroutine.
type walk struct {
	r         *rotation
	everyTurn bool // stop at every turn, also where it brings nobody else
	t         time.Time
	edge      time.Time // the first one of a change after t; zero: none
	layers    []held
	added     []Reason
}

// held is what a layer gives for some time: people on call, sorted, or, where its line is a shadow, learners.
type held struct {
	shift
	known    bool
	until    time.Time // zero: never ends
	reasons  []Reason
	learning []string
	standIns []int // see rotation.standIns; nil until somebody is off
}

// moment is who is on call at an instant, who learns, and which layer decides it; nobody is decided by the lowest.
type moment struct {
	people   []Reason
	shadow   []string
	deciding int
}

// walkFrom begins a walk at t.
func (r *rotation) walkFrom(t time.Time, everyTurn bool) *walk {
	w := &walk{r: r, everyTurn: everyTurn, layers: make([]held, len(r.layers))}
	w.begin(t)
	return w
}

// begin goes to t and forgets everything, for a change begins or ends on the way.
func (w *walk) begin(t time.Time) {
	clear(w.layers)
	w.t, w.edge, w.added = t, w.r.edgeAfter(t), w.r.added(t)
}

// forward goes to t, which is not before where the walk is.
func (w *walk) forward(t time.Time) {
	w.t = t
	if !w.edge.IsZero() && !t.Before(w.edge) {
		w.begin(t)
	}
}

// layer is what the i-th layer gives where the walk is.
func (w *walk) layer(i int) *held {
	h := &w.layers[i]
	if h.known && (h.until.IsZero() || w.t.Before(h.until)) {
		return h
	}
	y := &w.r.layers[i]
	before := h.line
	h.shift, h.until = y.at(w.t, w.everyTurn)
	if !h.known || h.line != before {
		h.standIns = nil
	}
	h.known = true
	h.reasons, h.learning = w.r.serving(y, h, w.t), w.r.learning(h.shift, w.t)
	return h
}

// moment is that of where the walk is. The highest layer with somebody in it wins; an empty turn, and a cover by nobody,
// let the layer below show through. Who is added comes on top.
func (w *walk) moment() moment {
	var m moment
	for i := range slices.Backward(w.layers) {
		if m.people = w.layer(i).reasons; len(m.people) > 0 {
			m.deciding = i
			break
		}
	}
	if len(w.added) > 0 {
		m.people = withAdded(m.people, w.added)
	}
	m.shadow = w.shadow(m.people)
	return m
}

// withAdded joins who is added to who is on call anyway, sorted; of somebody who is both, what is not the change stays.
func withAdded(people, added []Reason) []Reason {
	all := slices.Clone(people)
	for _, reason := range added {
		if !isAmong(people, reason.Person) {
			all = append(all, reason)
		}
	}
	return onePerson(all)
}

// shadow is who learns and is not on call, sorted, each once.
func (w *walk) shadow(onCall []Reason) []string {
	shadow := []string{}
	for i := range w.layers {
		if !w.r.layers[i].learn {
			continue
		}
		for _, person := range w.layer(i).learning {
			if !isAmong(onCall, person) {
				shadow = append(shadow, person)
			}
		}
	}
	slices.Sort(shadow)
	return slices.Compact(shadow)
}

// isAmong looks a person up in sorted reasons.
func isAmong(people []Reason, person string) bool {
	_, found := slices.BinarySearchFunc(people, person, func(r Reason, name string) int { return strings.Compare(r.Person, name) })
	return found
}

// next is the first instant after where the walk is at which another moment than m, that of now, may begin; zero when
// there is none. Layers below the deciding one do not matter until it, one above it, or a change begins or ends; but
// shadow layers always do.
func (w *walk) next(m moment) time.Time {
	next := w.edge
	for i := range w.layers {
		if i >= m.deciding || w.r.layers[i].learn {
			next = earlier(next, w.layer(i).until)
		}
	}
	return next
}

// until goes to the first instant at which people or shadow differ from m, the moment of now, and gives it with its
// moment; zero when that is after the limit.
func (w *walk) until(m moment, limit time.Time) (time.Time, moment) {
	for now := m; ; {
		t := w.next(now)
		if t.IsZero() || t.After(limit) {
			return time.Time{}, now
		}
		w.forward(t)
		if now = w.moment(); !now.same(m) {
			return t, now
		}
	}
}

// same reports whether the same people are on call, and learn, for whatever reason.
func (m moment) same(other moment) bool {
	return slices.Equal(m.shadow, other.shadow) &&
		slices.EqualFunc(m.people, other.people, func(x, y Reason) bool { return x.Person == y.Person })
}

// names are the people of the moment.
func (m moment) names() []string {
	names := make([]string, 0, len(m.people))
	for _, reason := range m.people {
		names = append(names, reason.Person)
	}
	return names
}
