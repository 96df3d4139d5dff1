package schedule

import (
	"slices"
	"sort"
	"time"
)

// turnAt is the turn under way at t, a time in which the line is in force.
func (l *line) turnAt(t time.Time) (number int64, from, to time.Time) {
	k := l.lastHandoff(t)
	if l.every.never() {
		return 0, l.begin, l.end
	}
	number = l.turn(k)
	if l.served.each == 0 {
		return number, l.handoff(k), earlier(l.handoff(k+1), l.end)
	}
	begins, _ := l.served.start(number)
	from, to = l.handoff(begins), l.end
	if ends, ok := l.served.start(number + 1); ok {
		to = earlier(l.handoff(ends), l.end)
	}
	return number, from, to
}

// turnsOf are the turns of a person that have any time from one instant to another, in order; those of shadow lines,
// which no swap touches, are left out.
func (y *layer) turnsOf(person string, from, to time.Time) []Turn {
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
			if !l.shadow && slices.Contains(l.ring[number%int64(len(l.ring))], person) {
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

// turnsOn are the turns of a person that start on the day from one instant to another, else those that cover part of
// it.
func (y *layer) turnsOn(person string, from, to time.Time) []Turn {
	all := y.turnsOf(person, from, to)
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
