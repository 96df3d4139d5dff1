package schedule

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// serving is who one layer puts on call in a shift at t, sorted by name, each once: who has the turn and is not off, or
// who steps in for them; then covers and swaps, which look at those people and never at each other: they do not chain.
func (r *rotation) serving(y *layer, h *held, t time.Time) []Reason {
	if h.line == nil || h.line.shadow {
		return nil
	}
	var reasons []Reason
	for _, reason := range r.present(h, t) {
		reason.Layer, reason.Turn, reason.Line = y.name, int(h.turn), h.line.number
		key := turnKey{layer: y.name, begin: h.line.begin.Unix(), number: h.turn, person: reason.Person}
		if reason, ok := r.exchanged(reason, key, t); ok {
			reasons = append(reasons, reason)
		}
	}
	return onePerson(reasons)
}

// onePerson sorts reasons by their people and keeps one for each. Who has the turn themselves comes before who covers
// it, and stays when both are one person.
func onePerson(reasons []Reason) []Reason {
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return cmp.Or(strings.Compare(a.Person, b.Person), strings.Compare(a.Covers, b.Covers))
	})
	return slices.CompactFunc(reasons, func(a, b Reason) bool { return a.Person == b.Person })
}

// present is who of a turn is not off. When that is nobody, the next turn of the ring that has somebody present serves.
func (r *rotation) present(h *held, t time.Time) []Reason {
	own := h.people()
	var reasons []Reason
	var off stay
	for _, person := range own {
		if away, is := r.offs.at(person, t); is {
			off = away
			continue
		}
		reasons = append(reasons, Reason{Person: person})
	}
	if len(reasons) > 0 || len(own) == 0 {
		return reasons
	}
	if h.standIns == nil {
		h.standIns = r.standIns(h.line.ring, t)
	}
	serves := h.standIns[h.index()]
	if serves < 0 {
		return nil
	}
	for _, person := range h.line.ring[serves] {
		if _, away := r.offs.at(person, t); !away {
			reasons = append(reasons, Reason{Person: person, Change: ChangeOff, Covers: strings.Join(own, ", "), ChangeLine: off.line})
		}
	}
	return reasons
}

// standIns is for each turn of a ring which one serves, itself or the next that has somebody present at t; -1: none has.
// It walks the ring twice, from behind: the second time round knows what follows the end.
func (r *rotation) standIns(ring [][]string, t time.Time) []int {
	serves, next := make([]int, len(ring)), -1
	for i := 2*len(ring) - 1; i >= 0; i-- {
		turn := i % len(ring)
		if slices.ContainsFunc(ring[turn], func(person string) bool { _, away := r.offs.at(person, t); return !away }) {
			next = turn
		}
		serves[turn] = next
	}
	return serves
}

// exchanged is who serves instead of a person, if the time is covered or the turn is swapped; a cover, which names the
// time, comes before a swap. It is not ok when nobody does.
func (r *rotation) exchanged(reason Reason, key turnKey, t time.Time) (Reason, bool) {
	person := reason.Person
	if c, covered := r.coverOf(person, t); covered {
		reason.Person, reason.Change, reason.Covers, reason.ChangeLine = c.By, ChangeCover, person, c.Line
		return reason, c.By != Nobody
	}
	if s, swapped := r.trades[key]; swapped && reason.Change == "" {
		reason.Person, reason.Change, reason.Covers, reason.ChangeLine = s.by, ChangeSwap, person, s.line
	}
	return reason, true
}

// learning is who of a shadow layer is not off. In it nobody steps in.
func (r *rotation) learning(s shift, t time.Time) []string {
	if s.line == nil || !s.line.shadow {
		return nil
	}
	var people []string
	for _, person := range s.people() {
		if _, off := r.offs.at(person, t); !off {
			people = append(people, person)
		}
	}
	return people
}

// added is who is on call besides at t, sorted, each once.
func (r *rotation) added(t time.Time) []Reason {
	var reasons []Reason
	for person := range r.adds.stays {
		if s, on := r.adds.at(person, t); on {
			reasons = append(reasons, Reason{Person: person, Change: ChangeAdd, ChangeLine: s.line})
		}
	}
	return onePerson(reasons)
}
