package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// bounded is the end of a change, as far as it is looked at: two years after its beginning.
func bounded(from, to time.Time) time.Time {
	return earlier(from.AddDate(2, 0, 0), to)
}

// budget is how much may still be looked at to judge changes: a file of changes that last for years and of rings that hand
// off every hour would take for ever. It is used up once for all changes.
type budget struct {
	left    float64            // handoffs and windows
	perYear map[string]float64 // of each schedule
}

// maxJudged is enough for some ten thousand changes as people make them, and takes some seconds.
const maxJudged = 20_000_000

func newBudget(f *schedule.File) *budget {
	b := &budget{left: maxJudged, perYear: map[string]float64{}}
	for _, l := range f.Lines() {
		b.perYear[l.Schedule] += float64(l.Events)
	}
	return b
}

// spend pays for a look at a schedule; it is not ok when the budget is used up.
func (b *budget) spend(name string, from, to time.Time) bool {
	const year = 365 * 24 * time.Hour
	b.left -= 10 + b.perYear[name]*to.Sub(from).Hours()/year.Hours()
	return b.left > 0
}

// effect is when, from one time to another, other people are on call for some schedules, or learn, than there would be in a
// file without a change. It says less when the budget is used up.
func (b *budget) effect(f, without *schedule.File, schedules []string, from, to time.Time) []span {
	var found []span
	for _, name := range schedules {
		if !b.spend(name, from, to) {
			return found
		}
		first := len(found)
		for shift := range f.Shifts(name, from, to) {
			for plain := range without.Shifts(name, shift.From, shift.To) {
				if slices.Equal(shift.People, plain.People) && slices.Equal(shift.Shadow, plain.Shadow) {
					continue
				}
				if last := len(found) - 1; last >= first && found[last].to.Equal(plain.From) {
					found[last].to = plain.To
					continue
				}
				found = append(found, span{plain.From, plain.To})
			}
		}
	}
	return found
}

// any reports whether there is an effect.
func (b *budget) any(f, without *schedule.File, schedules []string, from, to time.Time) bool {
	for _, name := range schedules {
		if !b.spend(name, from, to) {
			return true
		}
		for shift := range f.Shifts(name, from, to) {
			for plain := range without.Shifts(name, shift.From, shift.To) {
				if !slices.Equal(shift.People, plain.People) || !slices.Equal(shift.Shadow, plain.Shadow) {
					return true
				}
			}
		}
	}
	return false
}

// changes judges them all.
func changes(f *schedule.File, now time.Time) []Finding {
	b := newBudget(f)
	found := slices.Concat(b.covers(f), b.swaps(f), b.offs(f), b.adds(f), b.fewer(f, now))
	if b.left <= 0 {
		found = append(found, warn(0, KindUnjudged, "the changes are too many, or too long, to be judged: some that change nothing may not be found; take out those that are over"))
	}
	return found
}

func length(list []span) time.Duration {
	var total time.Duration
	for _, s := range list {
		total += s.to.Sub(s.from)
	}
	return total
}

// covers finds covers that do not do what they look like.
func (b *budget) covers(f *schedule.File) []Finding {
	var found []Finding
	for i, c := range f.Covers() {
		if before, ok := chained(f, c); ok {
			found = append(found, fail(c.Line, KindChained,
				"a cover for %s does not pass on the time that %s covers for %s (line %d): covers do not chain; cover %s by %s there",
				c.For, before.By, before.For, before.Line, before.For, c.By))
			continue
		}
		if _, twice := otherChange(f, c); twice {
			continue // doubled tells it
		}
		to := bounded(c.From, c.To)
		without := f.WithoutCover(i)
		changed := b.effect(f, without, []string{c.On}, c.From, to)
		switch effective, whole := length(changed), to.Sub(c.From); {
		case b.left <= 0:
			return found
		case effective == 0:
			found = append(found, fail(c.Line, KindNoEffect, "this cover changes nothing: %s has no turn of %s then, or stays on call all the same%s", c.For, c.On, who(f, c.On, c.From)))
		case effective < whole:
			found = append(found, warn(c.Line, KindPartly, "this cover changes %s of its %s: %s is not on call for %s the whole time, but %s",
				hours(effective), hours(whole), c.For, c.On, spans(changed, f.Zone())))
		}
		found = append(found, b.merged(f, without, c.Line, c.On, c.By, c.For, c.From, to)...)
		if c.By != schedule.Nobody {
			found = append(found, absent(f, c.Line, c.By, "covers", c.From, c.To)...)
		}
	}
	return found
}

// merged finds somebody who is put in the place of another while they are on call beside them: of two there is one then.
func (b *budget) merged(f, without *schedule.File, line int, on, by, person string, from, to time.Time) []Finding {
	if !b.spend(on, from, to) {
		return nil
	}
	for shift := range without.Shifts(on, from, to) {
		if by != person && slices.Contains(shift.People, by) && slices.Contains(shift.People, person) {
			return []Finding{warn(line, KindMerged, "%s is on call for %s beside %s already, from %s: of two there is one then", by, on, person, span{shift.From, shift.To}.show(f.Zone()))}
		}
	}
	return nil
}

// who says who is on call for a schedule at a time, for the end of a message.
func who(f *schedule.File, name string, at time.Time) string {
	answer, err := f.Who(name, at)
	if err != nil {
		return ""
	}
	people := strings.Join(answer.People, ", ")
	if people == "" {
		people = "nobody"
	}
	return "; at its beginning " + people + " is on call"
}

// chained finds the cover whose time c would like to pass on.
func chained(f *schedule.File, c schedule.Cover) (schedule.Cover, bool) {
	for _, other := range f.Covers() {
		if other != c && other.On == c.On && other.By == c.For && overlap(other.From, other.To, c.From, c.To) {
			return other, true
		}
	}
	return schedule.Cover{}, false
}

// overlap reports whether two half-open times share any; an end of zero is none.
func overlap(from, to, from2, to2 time.Time) bool {
	return (to2.IsZero() || from.Before(to2)) && (to.IsZero() || from2.Before(to))
}

// absent finds somebody whom a change puts on call while they are off.
func absent(f *schedule.File, line int, person, does string, from, to time.Time) []Finding {
	for _, o := range f.Offs() {
		if o.Who == person && overlap(o.From, o.To, from, to) {
			both := span{later(o.From, from), earlier(o.To, to)}
			return []Finding{warn(line, KindAbsent, "%s %s from %s, and is off then (line %d): somebody who is away is on call", person, does, both.show(f.Zone()), o.Line)}
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier is the earlier of two times, where zero stands for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// swaps finds swaps that do not trade two turns whole.
func (b *budget) swaps(f *schedule.File) []Finding {
	var found []Finding
	owners := traded(f)
	for i, s := range f.Swaps() {
		if len(owners[keyOf(s, 0)]) > 1 || len(owners[keyOf(s, 1)]) > 1 {
			continue // doubled tells it
		}
		without := f.WithoutSwap(i)
		var idle []string
		for n, turn := range s.Turns {
			to := bounded(turn.From, turn.To)
			if !b.any(f, without, []string{s.On}, turn.From, to) {
				idle = append(idle, turn.Person+"'s from "+turn.From.In(f.Zone()).Format(minute)+reason(f, s.Turns[n], to))
			}
			found = append(found, absent(f, s.Line, s.Turns[1-n].Person, "gets a turn by this swap", turn.From, to)...)
			found = append(found, b.merged(f, without, s.Line, s.On, s.Turns[1-n].Person, turn.Person, turn.From, to)...)
		}
		switch len(idle) {
		case 2:
			found = append(found, fail(s.Line, KindNoEffect, "this swap changes nothing: neither %s nor %s changes hands", idle[0], idle[1]))
		case 1:
			found = append(found, fail(s.Line, KindNoEffect, "this swap changes only one turn: %s does not change hands", idle[0]))
		}
	}
	return found
}

// reason says why a turn does not change hands, where that is known.
func reason(f *schedule.File, t schedule.Turn, to time.Time) string {
	for _, o := range f.Offs() {
		if o.Who == t.Person && !o.From.After(t.From) && !o.To.Before(to) {
			return ", who is off,"
		}
	}
	return ""
}

// offs finds absences that nobody notices.
func (b *budget) offs(f *schedule.File) []Finding {
	var found []Finding
	for i, o := range f.Offs() {
		if elsewhere(f, o) {
			continue // what is wrong with that is told there
		}
		if !b.any(f, f.WithoutOff(i), f.Schedules(), o.From, bounded(o.From, o.To)) {
			found = append(found, fail(o.Line, KindNoEffect, "this off changes nothing: %s is not on call then, or stays on call all the same; leave it out", o.Who))
		}
	}
	return found
}

// elsewhere reports whether another change says something about the same person at the same time.
func elsewhere(f *schedule.File, o schedule.Off) bool {
	for _, c := range f.Covers() {
		if (c.By == o.Who || c.For == o.Who) && overlap(c.From, c.To, o.From, o.To) {
			return true
		}
	}
	for _, a := range f.Adds() {
		if a.Who == o.Who && overlap(a.From, a.To, o.From, o.To) {
			return true
		}
	}
	for _, s := range f.Swaps() {
		touches := s.Turns[0].Person == o.Who || s.Turns[1].Person == o.Who
		for _, turn := range s.Turns {
			if touches && overlap(turn.From, turn.To, o.From, o.To) {
				return true
			}
		}
	}
	return false
}

// adds finds people who are added where they are already.
func (b *budget) adds(f *schedule.File) []Finding {
	var found []Finding
	for i, a := range f.Adds() {
		to := bounded(a.From, a.To)
		changed := b.effect(f, f.WithoutAdd(i), []string{a.On}, a.From, to)
		switch effective, whole := length(changed), to.Sub(a.From); {
		case b.left <= 0:
			return found
		case effective == 0:
			found = append(found, warn(a.Line, KindNoEffect, "this add changes nothing: %s is on call for %s then all the same", a.Who, a.On))
		case effective < whole:
			found = append(found, warn(a.Line, KindPartly, "this add changes %s of its %s: %s is on call for %s for the rest all the same", hours(effective), hours(whole), a.Who, a.On))
		}
	}
	return found
}

// doubled finds two changes of one person's time, of which one would silently win.
func doubled(f *schedule.File) []Finding {
	var found []Finding
	for _, c := range f.Covers() {
		if other, twice := otherChange(f, c); twice {
			found = append(found, fail(c.Line, KindDoubled, "%s's time on %s is changed twice: by this cover and by %s; keep one of them", c.For, c.On, other))
		}
	}
	owners := traded(f)
	for _, s := range f.Swaps() {
		for n, turn := range s.Turns {
			if lines := owners[keyOf(s, n)]; len(lines) > 1 && lines[0] != s.Line {
				found = append(found, fail(s.Line, KindDoubled, "%s's turn from %s on %s is swapped twice: here and in line %d; keep one of them",
					turn.Person, turn.From.In(f.Zone()).Format(minute), s.On, lines[0]))
			}
		}
	}
	return found
}

// turnKey names a turn that a swap trades.
type turnKey struct {
	on, layer, person string
	from              int64
}

func keyOf(s schedule.Swap, n int) turnKey {
	return turnKey{s.On, s.Layer, s.Turns[n].Person, s.Turns[n].From.Unix()}
}

// traded are the lines of the swaps that trade each turn.
func traded(f *schedule.File) map[turnKey][]int {
	lines := map[turnKey][]int{}
	for _, s := range f.Swaps() {
		for n := range s.Turns {
			lines[keyOf(s, n)] = append(lines[keyOf(s, n)], s.Line)
		}
	}
	return lines
}

// otherChange is a swap, or an absence, that touches the time which a cover takes.
func otherChange(f *schedule.File, c schedule.Cover) (what string, found bool) {
	for _, o := range f.Offs() {
		if o.Who == c.For && overlap(o.From, o.To, c.From, c.To) {
			return fmt.Sprintf("their off in line %d", o.Line), true
		}
	}
	for _, s := range f.Swaps() {
		for _, turn := range s.Turns {
			if s.On == c.On && turn.Person == c.For && overlap(turn.From, turn.To, c.From, c.To) {
				return fmt.Sprintf("the swap in line %d", s.Line), true
			}
		}
	}
	return "", false
}
