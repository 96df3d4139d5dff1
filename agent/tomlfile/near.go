package tomlfile

import (
	"fmt"
	"slices"
)

// Bounds of the work that a wrong name makes: its length in bytes, and by how many one that is near can be longer or
// shorter.
const (
	longestSlip = 100
	maxApart    = 8
)

// DidYouMean names the one of some names that somebody may have meant who wrote another one, for the end of a message:
// ` (did you mean "alice"?)`. It is empty when none is near: names are that one or two slips of the finger set apart,
// one for short ones, and never as many as there are letters.
func DidYouMean(written string, names []string) string {
	letters := []rune(written)
	nearest := 3
	if len(written) < 5 {
		nearest = 2
	}
	nearest = min(nearest, len(letters))
	if len(written) > longestSlip || slices.Contains(names, written) {
		return ""
	}
	best := ""
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
