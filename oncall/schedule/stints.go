package schedule

import (
	"iter"
	"slices"
	"sort"
	"time"
)

// Stint is a time in which one turn of one layer decides who is on call, and for the same reasons throughout. A turn of
// the ring is cut into several where a higher layer or a change breaks it; they share Begin.
type Stint struct {
	From, To time.Time // half-open; a To of zero: nothing changes within ten years
	People   []string  // sorted; empty for a gap
	Reasons  []Reason  // one for each of People, in their order; they stay true from From to To

	Layer string    // the layer that decides; empty when none has anybody
	Begin time.Time // the handoff with which the turn begins, in the zone of its line; zero without a layer
	End   time.Time // the next handoff; zero: there is none
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
		for at := r.walkFrom(r.stintAt(from)); !at.IsZero() && at.Before(to); {
			stint := r.stintAt(at)
			stint.To = r.stintEnd(stint)
			at = stint.To
			if !at.IsZero() && !at.After(from) {
				continue
			}
			if !yield(stint) {
				return
			}
		}
	}
}

// walkFrom is where a walk must start that wants the stint whole: at the handoff with which its turn begins. Only added
// people have none; then at the last change before which the turn of a layer, or nobody, was on call.
func (r *rotation) walkFrom(s Stint) time.Time {
	i := sort.Search(len(r.edges), func(i int) bool { return r.edges[i].After(s.From) })
	for s.Layer == "" && len(s.People) > 0 && i > 0 {
		i--
		s = r.stintAt(r.edges[i])
	}
	if s.Layer != "" {
		return s.Begin
	}
	return s.From
}

// stintAt is what decides at t, as if it began then; To is not set.
func (r *rotation) stintAt(t time.Time) Stint {
	m := r.at(t)
	stint := Stint{From: t, Reasons: m.people, People: make([]string, 0, len(m.people))}
	for _, reason := range m.people {
		stint.People = append(stint.People, reason.Person)
		if reason.Layer != "" {
			stint.Layer = reason.Layer
		}
	}
	if stint.Layer == "" {
		return stint
	}
	l := r.layers[m.deciding].active(t)
	k := l.lastHandoff(t)
	stint.Begin, stint.End = l.handoff(k), l.handoffAfter(k)
	return stint
}

// handoffAfter is the next handoff after handoff k at which another turn begins; the line's end when there is none
// within ten years, as where turns count only what is served and nothing ever is.
func (l *line) handoffAfter(k int64) time.Time {
	if l.every.never() {
		return l.end
	}
	horizon := l.handoff(k).UTC().AddDate(horizonYears, 0, 0)
	next := k + 1
	for l.turn(next) == l.turn(k) {
		if l.handoff(next).After(horizon) {
			return l.end
		}
		next++
	}
	return earlier(l.handoff(next), l.end)
}

// stintEnd is the first instant after the stint's From at which its reasons are no longer true; zero when that is not
// within ten years.
func (r *rotation) stintEnd(stint Stint) time.Time {
	limit := stint.From.UTC().AddDate(horizonYears, 0, 0)
	for t := stint.From; ; {
		t = earlier(r.next(t, r.at(t).deciding), r.stintAt(t).End)
		if t.IsZero() || t.After(limit) {
			return time.Time{}
		}
		if !slices.Equal(stint.Reasons, r.at(t).people) {
			return t
		}
	}
}
