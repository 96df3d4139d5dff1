package schedule

import (
	"iter"
	"slices"
	"time"
)

// Turn is a time in which one turn of one layer decides who is on call, and for the same reasons throughout. A turn of
// the ring is cut where a higher layer or a change breaks it; the parts share Begin.
type Turn struct {
	From, To time.Time // half-open; a To of zero: nothing changes within ten years
	People   []string  // sorted; empty for a gap
	Reasons  []Reason  // one for each of People, in their order; they stay true from From to To

	Layer string    // the layer that decides; empty for a gap
	Begin time.Time // the handoff with which the turn begins, in the zone of its line; zero for a gap
	End   time.Time // the next handoff; zero: there is none
}

// Turns lists what decides who is on call for a schedule from `from` to `to`, without gap or overlap: times in which
// nobody is on call are among them. Turns are whole, so the first may begin before `from` and the last may end after
// `to`: whoever asks for a longer time gets the same turns and more. Only a gap begins at `from` where `from` falls into
// it. An unknown schedule has none.
func (f *File) Turns(schedule string, from, to time.Time) iter.Seq[Turn] {
	return func(yield func(Turn) bool) {
		r := f.rotation(schedule)
		if r == nil || !from.Before(to) {
			return
		}
		for at := r.turnAt(from).start(from); !at.IsZero() && at.Before(to); {
			turn := r.turnAt(at)
			turn.To = r.turnEnd(turn)
			at = turn.To
			if !at.IsZero() && !at.After(from) {
				continue
			}
			if !yield(turn) {
				return
			}
		}
	}
}

// start is where a walk must start that wants the turn at t whole.
func (t Turn) start(at time.Time) time.Time {
	if t.Layer == "" {
		return at
	}
	return t.Begin
}

// turnAt is what decides at t, as if it began then; To is not set.
func (r *rotation) turnAt(t time.Time) Turn {
	reasons, deciding := r.at(t)
	turn := Turn{From: t, Reasons: reasons, People: make([]string, 0, len(reasons))}
	for _, reason := range reasons {
		turn.People = append(turn.People, reason.Person)
	}
	if len(reasons) == 0 {
		return turn
	}
	y := &r.layers[deciding]
	l := y.active(t)
	k := l.lastHandoff(t)
	turn.Layer, turn.Begin, turn.End = y.name, l.handoff(k), l.handoffAfter(k)
	return turn
}

// handoffAfter is the next distinct handoff after handoff k; zero when the line hands off no more.
func (l *line) handoffAfter(k int64) time.Time {
	if l.every.never() {
		return l.end
	}
	next := k + 1
	for l.turn(next) == l.turn(k) {
		next++
	}
	if at := l.handoff(next); l.end.IsZero() || at.Before(l.end) {
		return at
	}
	return l.end
}

// turnEnd is the first instant after the turn's From at which its reasons are no longer true; zero when that is not
// within ten years.
func (r *rotation) turnEnd(turn Turn) time.Time {
	limit := turn.From.UTC().AddDate(horizonYears, 0, 0)
	for t := turn.From; ; {
		reasons, deciding := r.at(t)
		next := r.next(t, deciding)
		if len(reasons) > 0 {
			next = earlier(next, r.turnAt(t).End)
		}
		if next.IsZero() || next.After(limit) {
			return time.Time{}
		}
		t = next
		if later, _ := r.at(t); !slices.Equal(turn.Reasons, later) {
			return t
		}
	}
}
