package schedule

import (
	"slices"
	"sort"
	"time"
)

// turnAt is the turn under way at t, a time in which the line is in force; `to` is zero when it does not end.
func (l *line) turnAt(t time.Time) (number int64, from, to time.Time) {
	if l.every.never() {
		return 0, l.begin, l.end
	}
	k := l.lastHandoff(t)
	number = l.turn(k)
	to = earlier(l.later(k, number, 1), l.end)
	if l.served.each > 0 {
		k, _ = l.served.start(number)
	}
	return number, l.handoff(k), to
}

// turnsOf are the turns of a person that have any time from one instant to another, in order: those of shadow lines, which
// no swap touches, or those of the others.
func (y *layer) turnsOf(person string, shadow bool, from, to time.Time) []Turn {
	var turns []Turn
	for t := from; t.Before(to); {
		i := sort.Search(len(y.lines), func(i int) bool { return y.lines[i].begin.After(t) })
		var begins time.Time // the next line
		if i < len(y.lines) {
			begins = y.lines[i].begin
		}
		next := begins
		if l := y.active(t); l != nil {
			number, first, last := l.turnAt(t)
			last = earlier(last, begins)
			if l.shadow == shadow && slices.Contains(l.ring[number%int64(len(l.ring))], person) {
				key := turnKey{layer: y.name, begin: l.begin.Unix(), number: number, person: person}
				turns = append(turns, Turn{Person: person, From: first, To: last, key: key})
			}
			next = last
		}
		if next.IsZero() {
			break
		}
		t = next
	}
	return turns
}

// turnsOn are the turns of a person, none of them of a shadow line, that start on the day from one instant to another,
// else those that cover part of it.
func (y *layer) turnsOn(person string, from, to time.Time) []Turn {
	all := y.turnsOf(person, false, from, to)
	var starting []Turn
	for _, turn := range all {
		if !turn.From.Before(from) {
			starting = append(starting, turn)
		}
	}
	if len(starting) > 0 {
		return starting
	}
	return all
}
