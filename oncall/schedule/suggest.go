package schedule

import (
	"cmp"
	"fmt"
	"slices"
)

// suggest names the one of some names that somebody may have meant who wrote another one, for the end of a message; ""
// when none is near. Names are near each other that one or two slips of the finger set apart, fewer for short ones.
func (p *parser) suggest(written string, names []string) string {
	best, nearest := "", 3
	if len(written) < 5 {
		nearest = 2
	}
	if len(written) > longestSlip || p.suggested > maxSuggestions || slices.Contains(names, written) {
		return ""
	}
	p.suggested++
	letters := []rune(written)
	for _, name := range names {
		if apart := len(name) - len(written); apart > maxApart || apart < -maxApart {
			continue
		}
		if d := slips(letters, []rune(name), nearest); d < nearest {
			best, nearest = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// Bounds of the work that wrong names make: their length, their number, and by how many bytes one that is near can be
// longer or shorter.
const (
	longestSlip    = 100
	maxSuggestions = 20
	maxApart       = 8
)

// slips is how many letters must be put in, left out, replaced or changed with their neighbour to turn a into b: the
// optimal string alignment distance. From `enough` on it may stop, and give any number that is not below.
func slips(a, b []rune, enough int) int {
	rows := [3][]int{} // of a's prefixes two and one shorter, and of this one
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differs := 1
			if a[i-1] == b[j-1] {
				differs = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differs)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
		if min(slices.Min(last), slices.Min(before)) >= enough {
			return enough
		}
	}
	return last[len(b)]
}

// suggestTarget is for a text that should have been a person or a schedule.
func (p *parser) suggestTarget(written string) string {
	return cmp.Or(p.suggestPerson(written), p.suggest(written, p.out.Schedules()))
}

// suggestPerson is for a text that should have been a person.
func (p *parser) suggestPerson(written string) string {
	names := make([]string, 0, len(p.names))
	for name := range p.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return p.suggest(written, names)
}
