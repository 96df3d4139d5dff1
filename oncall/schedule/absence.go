package schedule

import (
	"fmt"
	"slices"
	"time"
)

// Absence says which change takes one person out of a turn: out of the one that decides who is on call, or out of one
// above it that nobody is left in, so that the layer below decides. The change that puts somebody on call is in the
// [Reason] of that person; that one, too, is an absence of whoever it replaces.
type Absence struct {
	Person     string `json:"person"`
	Layer      string `json:"layer"`
	Turn       int    `json:"turn"`               // as in Reason
	Line       int    `json:"line"`               // of the layer's line in the file
	StepsIn    bool   `json:"steps_in,omitempty"` // the turn is somebody else's, and Person would have stepped in for them
	Change     string `json:"change"`             // ChangeOff, ChangeCover or ChangeSwap
	By         string `json:"by,omitempty"`       // who has the time by a cover or swap; empty: nobody
	ChangeLine int    `json:"change_line"`        // where the change stands
}

// String is such as "bob: off (line 20), layer base, turn 3 (line 12)".
func (a Absence) String() string {
	by := a.By
	if by == "" {
		by = "nobody"
	}
	did := ChangeOff
	switch a.Change {
	case ChangeCover:
		did = "covered by " + by
	case ChangeSwap:
		did = "swapped with " + by
	}
	return fmt.Sprintf("%s: %s (line %d), layer %s, turn %d (line %d)", a.Person, did, a.ChangeLine, a.Layer, a.Turn, a.Line)
}

// Absences lists the changes that take somebody out of the turns that decide who is on call for a schedule, or would
// without them, at some time from `from` to `to`. Those of the lowest layer come first; each is there once. It is for
// those who explain an answer, and is worked out only when it is asked for. An unknown schedule has none.
func (f *File) Absences(schedule string, from, to time.Time) []Absence {
	r := f.rotation(schedule)
	if r == nil || !from.Before(to) || !f.changes.takeAnybody(schedule, from, to) {
		return nil
	}
	var all []Absence
	told := map[Absence]bool{}
	w := r.walkFrom(from, true)
	for {
		m := w.moment()
		for i := m.deciding; i < len(w.layers); i++ {
			for _, a := range f.absences(r, &r.layers[i], w.layer(i), w.t) {
				if !told[a] {
					told[a] = true
					all = append(all, a)
				}
			}
		}
		next := w.next(m)
		if next.IsZero() || !next.Before(to) {
			return all
		}
		w.forward(next)
	}
}

// takeAnybody reports whether any change that may take somebody out of a turn of a schedule holds in a time.
func (c changes) takeAnybody(schedule string, from, to time.Time) bool {
	holds := func(begin, end time.Time) bool { return begin.Before(to) && (end.IsZero() || from.Before(end)) }
	return slices.ContainsFunc(c.offs, func(o Off) bool { return holds(o.From, o.To) }) ||
		slices.ContainsFunc(c.covers, func(v Cover) bool { return v.On == schedule && holds(v.From, v.To) }) ||
		slices.ContainsFunc(c.swaps, func(s Swap) bool {
			return s.On == schedule && slices.ContainsFunc(s.Turns[:], func(t Turn) bool { return holds(t.From, t.To) })
		})
}

// absences are those of what one layer gives at t, by the rules of [rotation.serving].
func (f *File) absences(r *rotation, y *layer, h *held, t time.Time) []Absence {
	if h.line == nil || h.line.shadow {
		return nil
	}
	turn := Absence{Layer: y.name, Turn: int(h.turn), Line: h.line.number}
	all := f.away(r, h, t, turn)
	for _, reason := range r.present(h, t) {
		key := turnKey{layer: y.name, begin: h.line.begin.Unix(), number: h.turn, person: reason.Person}
		a := turn
		a.Person, a.StepsIn = reason.Person, reason.Change == ChangeOff
		switch reason, serves := r.exchanged(reason, key, t); {
		case reason.Change != ChangeCover && reason.Change != ChangeSwap:
			continue
		case serves:
			a.Change, a.By, a.ChangeLine = reason.Change, reason.Person, reason.ChangeLine
		default:
			a.Change, a.ChangeLine = reason.Change, reason.ChangeLine
		}
		if a.By != a.Person {
			all = append(all, a)
		}
	}
	return all
}

// away are the absences by an off: of those whose turn it is and, when all of them are off, of those in the following
// turns of the ring who would step in, up to the turn that does.
func (f *File) away(r *rotation, h *held, t time.Time, turn Absence) []Absence {
	ring, first := h.line.ring, h.index()
	passed := map[string]bool{}
	var all []Absence
	for i := range len(ring) {
		present := 0
		for _, person := range ring[(first+i)%len(ring)] {
			if _, off := r.offs.at(person, t); !off {
				present++
				continue
			}
			if passed[person] {
				continue
			}
			passed[person] = true
			for _, o := range f.changes.offs {
				if o.Who == person && !t.Before(o.From) && t.Before(o.To) {
					a := turn
					a.Person, a.StepsIn, a.Change, a.ChangeLine = person, i > 0, ChangeOff, o.Line
					all = append(all, a)
				}
			}
		}
		if present > 0 || (i == 0 && len(ring[first]) == 0) {
			break
		}
	}
	return all
}
