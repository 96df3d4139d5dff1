package report

import (
	"iter"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// Diff is what another version of a rotation file changes from one time to another.
type Diff struct {
	Moves  []Move
	People []PersonMove
	Loads  []LoadChange
	Clocks []ClockWeek  // only as far as [ClockWeeks] has been asked
	Later  []Move       // only as far as [Later] has been asked
	Else   []Difference // that moves no shift
}

// Empty reports whether nothing differs.
func (d Diff) Empty() bool {
	return len(d.Moves)+len(d.Loads)+len(d.Clocks)+len(d.Later)+len(d.Else) == 0
}

// Move is a time in which others are on call than before.
type Move struct {
	Schedule      string
	From, To      time.Time
	Before, After []string // sorted; empty is nobody, and also where a version does not have the schedule
}

// PersonMove is a time that a person is on call for no more, or is on call for now, or both: a shift that has moved.
type PersonMove struct {
	Person, Schedule string
	Was, Is          *Span // one of them may be nil
}

// LoadChange is a person whose load is another than before.
type LoadChange struct {
	Person        string
	Before, After Load
}

// Compare finds what differs between two versions of a file. Compared with itself a file has no differences.
func Compare(before, after *schedule.File, schedules []string, from, to time.Time) Diff {
	moves := Moves(before, after, schedules, from, to)
	return Diff{
		Moves: moves, People: personMoves(moves, Span{from, to}), Loads: loadChanges(before, after, schedules, from, to),
		Else: Differences(before, after, schedules, from, to),
	}
}

// Schedules are the names that either version has, those of the older one first.
func Schedules(before, after *schedule.File) []string {
	names := before.Schedules()
	for _, name := range after.Schedules() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Moves are the times in which others are on call than before, by schedule, then in time order.
func Moves(before, after *schedule.File, schedules []string, from, to time.Time) []Move {
	var moves []Move
	for _, name := range schedules {
		moves = slices.AppendSeq(moves, MovesOf(before, after, name, from, to))
	}
	return moves
}

// MovesOf are the times in which others are on call for one schedule than before, in time order.
func MovesOf(before, after *schedule.File, name string, from, to time.Time) iter.Seq[Move] {
	return func(yield func(Move) bool) {
		if before.SameSchedule(after, name) {
			return // most changes touch one schedule of many
		}
		var last Move // whose people may stay on
		for both := range sideBySide(before, after, name, from, to) {
			m := both.Move
			switch {
			case slices.Equal(m.Before, m.After):
			case last.To.Equal(m.From) && slices.Equal(last.Before, m.Before) && slices.Equal(last.After, m.After):
				last.To = m.To
			case !last.To.IsZero() && !yield(last):
				return
			default:
				last = m
			}
		}
		if !last.To.IsZero() {
			yield(last)
		}
	}
}

// Later is the first move of each schedule after `to`, within a year, where none has been shown: a change of a time that
// is far ahead is not taken for none.
func Later(before, after *schedule.File, schedules []string, to time.Time, shown []Move) []Move {
	var first []Move
	for _, name := range schedules {
		if slices.ContainsFunc(shown, func(m Move) bool { return m.Schedule == name }) {
			continue
		}
		for m := range MovesOf(before, after, name, to, to.UTC().AddDate(1, 0, 0)) {
			first = append(first, m)
			break
		}
	}
	return first
}

// tile is a time in which both versions have the same people throughout, alike or not.
type tile struct {
	Move
	learners bool // others learn than before
}

// sideBySide tiles a time of a schedule.
func sideBySide(before, after *schedule.File, name string, from, to time.Time) iter.Seq[tile] {
	return func(yield func(tile) bool) {
		var was, is schedule.Answer
		for at := from; at.Before(to); {
			was, is = still(was, before, name, at), still(is, after, name, at)
			both := tile{Move{Schedule: name, From: at, To: to, Before: was.People, After: is.People}, !slices.Equal(was.Shadow, is.Shadow)}
			for _, end := range []time.Time{was.Until, is.Until} {
				if !end.IsZero() && end.Before(both.To) {
					both.To = end
				}
			}
			if !yield(both) {
				return
			}
			at = both.To
		}
	}
}

// still is who is on call at a time, by an answer for an earlier time as long as that holds; an answer without people
// is none yet. To ask the file may mean to look ten years ahead. A schedule that it does not have has nobody, without end.
func still(earlier schedule.Answer, f *schedule.File, name string, at time.Time) schedule.Answer {
	if earlier.People != nil && (earlier.Until.IsZero() || at.Before(earlier.Until)) {
		return earlier
	}
	answer, err := f.Who(name, at)
	if err != nil {
		return schedule.Answer{People: []string{}}
	}
	return answer
}

// Affected are the people of moves whose own time changes, sorted.
func Affected(moves []Move) []string {
	var people []string
	for _, m := range moves {
		people = append(people, without(m.Before, m.After)...)
		people = append(people, without(m.After, m.Before)...)
	}
	slices.Sort(people)
	return slices.Compact(people)
}

// without are those of a who are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(p string) bool { return slices.Contains(b, p) })
}

// owned is a person on a schedule.
type owned struct{ person, schedule string }

// personMoves turns moves into what each person loses and gets, and pairs the two where a shift has only moved. Cut is the
// time within which they have been looked for.
func personMoves(moves []Move, cut Span) []PersonMove {
	lost, got := map[owned][]Span{}, map[owned][]Span{}
	var all []owned
	note := func(to map[owned][]Span, m Move, people []string) {
		for _, p := range people {
			key := owned{p, m.Schedule}
			to[key] = append(to[key], Span{m.From, m.To})
			all = append(all, key)
		}
	}
	for _, m := range moves {
		note(lost, m, without(m.Before, m.After))
		note(got, m, without(m.After, m.Before))
	}
	slices.SortFunc(all, func(a, b owned) int {
		return strings.Compare(a.person+"\n"+a.schedule, b.person+"\n"+b.schedule)
	})
	var out []PersonMove
	for _, key := range slices.Compact(all) {
		out = append(out, pair(key, union(lost[key]), union(got[key]), cut)...)
	}
	return out
}

// pair finds for each lost span the nearest one of that length that the person gets, in time order; what is left over
// stands alone.
func pair(key owned, lost, got []Span, cut Span) []PersonMove {
	var out []PersonMove
	for _, was := range lost {
		move := PersonMove{Person: key.person, Schedule: key.schedule, Was: &was}
		if i := nearest(was, got, cut); i >= 0 {
			is := got[i]
			got = slices.Delete(got, i, i+1)
			move.Is = &is
		}
		out = append(out, move)
	}
	for _, is := range got {
		out = append(out, PersonMove{Person: key.person, Schedule: key.schedule, Is: &is})
	}
	slices.SortStableFunc(out, func(a, b PersonMove) int { return a.begin().Compare(b.begin()) })
	return out
}

// begin is the earlier of the two beginnings.
func (m PersonMove) begin() time.Time {
	switch {
	case m.Was == nil:
		return m.Is.From
	case m.Is == nil || m.Was.From.Before(m.Is.From):
		return m.Was.From
	}
	return m.Is.From
}

// changeOfClocks is more than any clock is put forward or back: two weeks may differ by it and still be as long.
const changeOfClocks = 2 * time.Hour

// nearest is the index of the span as long as s that begins nearest to it; -1 when there is none.
func nearest(s Span, among []Span, cut Span) int {
	best, distance := -1, time.Duration(0)
	for i, other := range among {
		if !alike(s, other, cut) {
			continue
		}
		if d := other.From.Sub(s.From).Abs(); best < 0 || d < distance {
			best, distance = i, d
		}
	}
	return best
}

// alike reports whether two spans are as long as each other. One that is cut may be longer than it looks.
func alike(a, b, cut Span) bool {
	longer := a.To.Sub(a.From) - b.To.Sub(b.From)
	return longer.Abs() <= changeOfClocks || longer < 0 && a.touches(cut) || longer > 0 && b.touches(cut)
}

// touches reports whether a span within another one reaches an end of it.
func (s Span) touches(cut Span) bool { return s.From.Equal(cut.From) || s.To.Equal(cut.To) }

// loadChanges are the people whose load differs: those of the older version in file order, then those who are new.
func loadChanges(before, after *schedule.File, schedules []string, from, to time.Time) []LoadChange {
	was, is := Loads(before, schedules, from, to), Loads(after, schedules, from, to)
	var changes []LoadChange
	for _, p := range slices.Concat(before.People(), after.People()) {
		change := LoadChange{p.Name, was[p.Name], is[p.Name]}
		known := slices.ContainsFunc(changes, func(c LoadChange) bool { return c.Person == p.Name })
		if !known && change.Before != change.After {
			changes = append(changes, change)
		}
	}
	return changes
}
