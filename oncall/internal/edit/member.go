package edit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"nezuban/agent/tomlfile"
)

// ringChange is somebody who joins or leaves.
type ringChange interface {
	// ring is the changed ring, for a line that is written anew.
	ring(ring [][]string) ([][]string, error)
	// within makes the same change in a line that stays, and leaves the rest of its ring as it is written.
	within(t *text, l ring) ([]insertion, error)
}

// joiner joins a ring: after the turn of somebody, or last.
type joiner struct{ person, after string }

func (j joiner) ring(ring [][]string) ([][]string, error) {
	at, err := j.place(ring)
	if err != nil {
		return nil, err
	}
	return slices.Insert(slices.Clone(ring), at, []string{j.person}), nil
}

// place is where in a ring they come.
func (j joiner) place(ring [][]string) (int, error) {
	if slices.ContainsFunc(ring, func(turn []string) bool { return slices.Contains(turn, j.person) }) {
		return 0, fmt.Errorf("%s is in it already", j.person)
	}
	if j.after == "" {
		return len(ring), nil
	}
	i := slices.IndexFunc(ring, func(turn []string) bool { return slices.Contains(turn, j.after) })
	if i < 0 {
		return 0, fmt.Errorf("%s, after whom %s should come, is not in it", j.after, j.person)
	}
	return i + 1, nil
}

func (j joiner) within(t *text, l ring) ([]insertion, error) {
	at, err := j.place(l.Ring)
	if err != nil {
		return nil, err
	}
	before, ok := t.places.Place(l.path("who", at-1)...)
	if !ok {
		return nil, t.cannot(l)
	}
	return []insertion{{before.To, before.To, ", " + quoted(j.person)}}, nil
}

// leaver leaves a ring. A turn of theirs alone goes; one that they share stays with the others.
type leaver string

var errNobodyLeft = errors.New("nobody would be left: end the line, or let somebody join first")

func (l leaver) ring(ring [][]string) ([][]string, error) {
	var left [][]string
	for _, turn := range ring {
		others := slices.DeleteFunc(slices.Clone(turn), func(p string) bool { return p == string(l) })
		if len(turn) == 0 || len(others) > 0 {
			left = append(left, others)
		}
	}
	if !slices.ContainsFunc(left, func(turn []string) bool { return len(turn) > 0 }) {
		return nil, errNobodyLeft
	}
	return left, nil
}

func (l leaver) within(t *text, line ring) ([]insertion, error) {
	var edits []insertion
	var turns []int // of theirs alone
	for i, turn := range line.Ring {
		if !slices.Contains(turn, string(l)) {
			continue
		}
		if len(turn) == 1 {
			turns = append(turns, i)
			continue
		}
		var names []int // as written, which the ring is not
		for k := range t.places.Len(line.path("who", i)...) {
			if p, ok := t.places.Place(line.path("who", i, k)...); ok && t.names(p, string(l)) {
				names = append(names, k)
			}
		}
		if len(names) == 0 {
			return nil, t.cannot(line)
		}
		edits = append(edits, t.dropped(line.path("who", i), names)...)
	}
	return append(edits, t.dropped(line.path("who"), turns)...), nil
}

// names reports whether a string of TOML is a name.
func (t *text) names(p tomlfile.Place, name string) bool {
	written := string(t.data[p.From:p.To])
	return written == quoted(name) || written == "'"+name+"'"
}

// dropped takes items out of a list, not all of it. Ascending are their places in it.
func (t *text) dropped(list []any, items []int) []insertion {
	var edits []insertion
	for len(items) > 0 {
		run := 1
		for run < len(items) && items[run] == items[0]+run {
			run++
		}
		edits = append(edits, t.droppedRun(list, items[0], items[run-1])...)
		items = items[run:]
	}
	return edits
}

// droppedRun takes out items that stand one behind the other: with their lines and what is said there about them, where
// each has one for itself; else with a comma beside them.
func (t *text) droppedRun(list []any, first, last int) []insertion {
	at := func(i int) tomlfile.Place {
		p, _ := t.places.Place(append(slices.Clip(list), i)...)
		return p
	}
	var lines []insertion
	for i := first; i <= last; i++ {
		if item := at(i); t.hasLine(item) {
			lines = append(lines, insertion{at: t.lineStart(item.From), to: t.lineEnd(item.To) + len(t.end)})
		}
	}
	switch {
	case len(lines) == last-first+1:
		return lines
	case last+1 < t.places.Len(list...):
		return []insertion{{at: at(first).From, to: at(last + 1).From}}
	}
	return []insertion{{at: at(first - 1).To, to: at(last).To}}
}

// hasLine reports whether an item has a line of the file for itself, with no more than a comma and a comment behind it.
func (t *text) hasLine(item tomlfile.Place) bool {
	end := t.lineEnd(item.To)
	behind := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(string(t.data[item.To:end]), " \t"), ","), " \t")
	return end < len(t.data) && t.indent(item.From) != "" && (behind == "" || strings.HasPrefix(behind, "#"))
}
