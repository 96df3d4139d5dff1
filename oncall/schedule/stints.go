package schedule

import (
	"iter"
	"slices"
	"time"
)

// Stint is a time in which one turn of one layer decides who is on call, and for the same reasons throughout. A turn of
// the ring is cut into several where a higher layer or a change breaks it; they share Begin.
type Stint struct {
	From, To time.Time // half-open; a To of zero: nothing changes within ten years
	People   []string  // sorted; empty for a gap
	Reasons  []Reason  // one for each of People, in their order; they stay true from From to To

	Layer  string    // the layer that decides; empty when none has anybody
	Owners []string  // whose turn it is by the ring, sorted, whatever changes make of it; nil without a layer
	Begin  time.Time // the handoff with which the turn begins, in the zone of its line; zero without a layer
	End    time.Time // the next handoff; zero: there is none
}

// Stints lists what decides who is on call for a schedule from `from` to `to`, without gap or overlap: times in which
// nobody is on call are among them. Stints are whole, so the first may begin before `from` and the last may end after
// `to`: whoever asks for a longer time gets the same ones and more. Only a gap begins at `from` where `from` falls into
// it. An unknown schedule has none.
func (f *File) Stints(schedule string, from, to time.Time) iter.Seq[Stint] {
	return func(yield func(Stint) bool) {
		r := f.rotation(schedule)
		if r == nil || !from.Before(to) {
			return
		}
		w := r.walkFrom(r.wholeFrom(from), true)
		for m := w.moment(); w.t.Before(to); {
			stint := w.stint(m)
			limit := horizon(stint.From)
			if limit.Before(to) {
				limit = to
			}
			next, ends := w.change(m, limit)
			if !ends {
				yield(stint)
				return
			}
			stint.To = w.t
			if stint.To.After(from) && !yield(stint) {
				return
			}
			m = next
		}
	}
}

// wholeFrom is where a walk must start that wants the stint of `from` whole: at the handoff with which its turn begins.
// Only added people have none; then at the last change before which the turn of a layer, or nobody, was on call.
func (r *rotation) wholeFrom(from time.Time) time.Time {
	w := r.walkFrom(from, true)
	s := w.stint(w.moment())
	for s.Layer == "" && len(s.People) > 0 {
		edge := r.edgeUntil(s.From.Add(-1))
		if edge.IsZero() {
			break
		}
		w.begin(edge)
		s = w.stint(w.moment())
	}
	if s.Layer != "" {
		return s.Begin
	}
	return s.From
}

// stint is what decides where the walk is, as if it began there; To is not set.
func (w *walk) stint(m moment) Stint {
	stint := Stint{From: w.t, Reasons: m.people, People: m.names()}
	if h := w.layer(m.deciding); len(h.reasons) > 0 {
		stint.Layer, stint.Owners = w.r.layers[m.deciding].name, h.people()
		_, stint.Begin, stint.End = h.line.turnAt(w.t)
	}
	return stint
}

// change goes to the first instant at which the reasons differ from those of m, the moment of now, and gives its moment;
// it is not ok when that is after the limit.
func (w *walk) change(m moment, limit time.Time) (moment, bool) {
	for now := m; ; {
		t := w.next(now)
		if t.IsZero() || t.After(limit) {
			return now, false
		}
		w.forward(t)
		if now = w.moment(); !slices.Equal(now.people, m.people) {
			return now, true
		}
	}
}
