package schedule_test

import (
	"fmt"
	"slices"
	"strings"
)

// slowChange is a change as the oracle sees it: a cover of a person by another, a person who is added, one who is off.
type slowChange struct {
	kind       string
	by, person string
	from, to   string
	zone       string
}

func (c slowChange) text() string {
	when := fmt.Sprintf("from = %q, to = %q, zone = %q }\n", c.from, c.to, c.zone)
	switch c.kind {
	case "cover":
		return fmt.Sprintf("[[change]]\ncover = { on = \"api\", by = %q, for = %q, %s", c.by, c.person, when)
	case "add":
		return fmt.Sprintf("[[change]]\nadd = { on = \"api\", who = %q, %s", c.person, when)
	}
	return fmt.Sprintf("[[change]]\noff = { who = %q, %s", c.person, when)
}

// slowSwap is a swap of two turns of one line, by their numbers; the days on which they start are for the text.
type slowSwap struct {
	line   int
	turns  [2]int
	people [2]string
	days   [2]string
	zone   string
}

func (s slowSwap) text(layer string) string {
	return fmt.Sprintf("[[change]]\nswap = { on = \"api\", layer = %q, turns = [\"%s %s\", \"%s %s\"], zone = %q }\n",
		layer, s.people[0], s.days[0], s.people[1], s.days[1], s.zone)
}

// slowFile is a schedule with its changes as the oracle sees them.
type slowFile struct {
	lines   []slowLine
	changes []slowChange
	swaps   []slowSwap
	oracles map[string]oracle
}

// slow is who is on call at each minute by the rules of the format, read slowly.
func (f slowFile) slow() []string {
	var turns [][]int
	var open [][]bool
	for _, l := range f.lines {
		turns = append(turns, l.turns(f.oracles[l.zone]))
		open = append(open, l.openAt(f.oracles[l.zone]))
	}
	holding := make([][]bool, len(f.changes))
	for i, c := range f.changes {
		o := f.oracles[c.zone]
		holding[i] = make([]bool, len(o.wall))
		for minute := o.first(c.from); minute < o.last(c.to); minute++ {
			holding[i][minute] = true
		}
	}
	out := make([]string, len(turns[0]))
	for minute := range out {
		if minute > 0 && f.unchanged(minute, turns, open, holding) {
			out[minute] = out[minute-1]
			continue
		}
		holds := func(kind, person string) (slowChange, bool) {
			for i, c := range f.changes {
				if c.kind == kind && c.person == person && holding[i][minute] {
					return c, true
				}
			}
			return slowChange{}, false
		}
		var on []string
		for y := len(f.lines) - 1; y >= 0 && len(on) == 0; y-- { // the highest layer with anybody wins
			if turns[y][minute] >= 0 && open[y][minute] && !f.lines[y].shadow {
				on = f.served(y, turns[y][minute], holds)
			}
		}
		for _, c := range f.changes {
			if _, added := holds("add", c.person); added {
				on = append(on, c.person)
			}
		}
		slices.Sort(on)
		var learning []string
		for y, l := range f.lines {
			if !l.shadow || turns[y][minute] < 0 || !open[y][minute] {
				continue
			}
			for _, person := range l.ring[turns[y][minute]%len(l.ring)] {
				if _, off := holds("off", person); !off && !slices.Contains(on, person) {
					learning = append(learning, person)
				}
			}
		}
		slices.Sort(learning)
		out[minute] = shown(slices.Compact(on), slices.Compact(learning))
	}
	return out
}

// unchanged says whether everything is as it was the minute before.
func (f slowFile) unchanged(minute int, turns [][]int, open, holding [][]bool) bool {
	for y := range turns {
		if turns[y][minute] != turns[y][minute-1] || open[y][minute] != open[y][minute-1] {
			return false
		}
	}
	for i := range holding {
		if holding[i][minute] != holding[i][minute-1] {
			return false
		}
	}
	return true
}

// layer is the name of the layer of a line: that of the first of the lines that are one layer.
func (f slowFile) layer(line int) string {
	for f.lines[line].joins {
		line--
	}
	return fmt.Sprintf("layer%d", line)
}

// shown is how the oracle writes who is on call and who learns.
func shown(on, learning []string) string {
	return strings.Join(on, ", ") + "/" + strings.Join(learning, ", ")
}

// served is who serves a turn: those who are not off, or the next in the ring; then covers and swaps of each.
func (f slowFile) served(y, turn int, holds func(kind, person string) (slowChange, bool)) []string {
	ring := f.lines[y].ring
	there := func(turn int) []string {
		var people []string
		for _, person := range ring[turn%len(ring)] {
			if _, off := holds("off", person); !off {
				people = append(people, person)
			}
		}
		return people
	}
	people := there(turn)
	own := len(people) > 0
	for next := turn + 1; len(people) == 0 && len(ring[turn%len(ring)]) > 0 && next < turn+len(ring); next++ {
		people = there(next)
	}
	var on []string
	for _, person := range people {
		serves := person
		for _, s := range f.swaps {
			for i := range s.turns {
				if s.line == y && own && s.turns[i] == turn && s.people[i] == person {
					serves = s.people[1-i]
				}
			}
		}
		if c, covered := holds("cover", person); covered {
			serves = c.by
		}
		if serves != "-" {
			on = append(on, serves)
		}
	}
	return on
}
