package schedule

import (
	"slices"
	"strings"
	"time"
)

// layerAt is who one layer puts on call at t, sorted by name, each once: who has the turn and is not off, or who steps
// in for them; then covers and swaps, which look at those people and never at each other: they do not chain.
func (r *rotation) layerAt(y *layer, t time.Time) []Reason {
	l := y.active(t)
	if l == nil || l.shadow || !l.isOpen(t) {
		return nil
	}
	turn := l.turn(l.lastHandoff(t))
	var reasons []Reason
	for _, reason := range r.present(l, turn, t) {
		reason.Layer, reason.Turn, reason.Line = y.name, int(turn), l.number
		key := turnKey{layer: y.name, begin: l.begin.Unix(), number: turn, person: reason.Person}
		if reason, ok := r.exchanged(reason, key, t); ok {
			reasons = append(reasons, reason)
		}
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

// present is who of a turn is not off. When that is nobody, the next turn of the ring that has somebody present serves.
func (r *rotation) present(l *line, turn int64, t time.Time) []Reason {
	own := int(turn % int64(len(l.ring)))
	var reasons []Reason
	var off stay
	for _, person := range l.ring[own] {
		if s, away := r.offs.at(person, t); away {
			off = s
			continue
		}
		reasons = append(reasons, Reason{Person: person})
	}
	if len(reasons) > 0 || len(l.ring[own]) == 0 {
		return reasons
	}
	for i := 1; i < len(l.ring) && len(reasons) == 0; i++ {
		for _, person := range l.ring[(own+i)%len(l.ring)] {
			if _, away := r.offs.at(person, t); !away {
				reasons = append(reasons, Reason{Person: person, Change: ChangeOff, Covers: strings.Join(l.ring[own], ", "), ChangeLine: off.line})
			}
		}
	}
	return reasons
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

// shadowAt is who learns at t in any layer and is neither on call nor off, sorted, each once. In a shadow layer nobody
// steps in.
func (r *rotation) shadowAt(t time.Time, onCall []Reason) []string {
	shadow := []string{}
	for i := range r.layers {
		y := &r.layers[i]
		if !y.learn {
			continue
		}
		l := y.active(t)
		if l == nil || !l.shadow || !l.isOpen(t) {
			continue
		}
		for _, person := range l.ring[l.turn(l.lastHandoff(t))%int64(len(l.ring))] {
			_, off := r.offs.at(person, t)
			if !off && !slices.ContainsFunc(onCall, func(have Reason) bool { return have.Person == person }) {
				shadow = append(shadow, person)
			}
		}
	}
	slices.Sort(shadow)
	return slices.Compact(shadow)
}

// withAdded adds who is on call besides, each person once.
func (r *rotation) withAdded(reasons []Reason, t time.Time) []Reason {
	for person := range r.adds {
		s, on := r.adds.at(person, t)
		if on && !slices.ContainsFunc(reasons, func(have Reason) bool { return have.Person == person }) {
			reasons = append(reasons, Reason{Person: person, Change: ChangeAdd, ChangeLine: s.line})
		}
	}
	slices.SortFunc(reasons, func(a, b Reason) int { return strings.Compare(a.Person, b.Person) })
	return reasons
}
