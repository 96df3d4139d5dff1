package schedule

import (
	"slices"
	"sort"
	"time"
)

// layer is one layer over time: its lines, all of one name, in time order.
type layer struct {
	name  string
	lines []line
	learn bool // some line of it is a shadow
}

// line is one line of a layer in the file: a ring of turns on the clock of a zone.
type line struct {
	number int // in the file
	zone   *time.Location
	clock  *clock // of the zone
	from   local
	every  cadence
	ring   [][]string // each turn's people, sorted; an empty turn is transparent
	begin  time.Time  // `from` as an instant
	end    time.Time  // `to` as an instant, exclusive; zero: never

	open   windows // outside of which the line is transparent
	shadow bool    // its people learn: they are nobody's coverage
	served shifts  // how turns are counted, when not by time

	// lost lists the handoffs that fall on the instant of the one before them, because the clock jumped over all that
	// was between. They use up no turn. Ascending.
	lost []int64
	// change says for each turn how many turns later the people first differ; 0: never.
	change []int
}

// newLine derives what a line needs to answer at a cost that does not grow with the time since `from`.
func newLine(l line, zones *zoneStore) line {
	l.clock = zones.clock(l.zone)
	l.begin = l.clock.first(l.from)
	if l.every.minutes > 0 { // months are longer than any jump
		l.lost = lostHandoffs(l.from, l.every.minutes, zones.jumps(l.zone, l.every.minutes))
	}
	l.change = ringChanges(l.ring)
	return l
}

// handoff is the instant of handoff k; 0 is `from` itself.
func (l *line) handoff(k int64) time.Time { return l.clock.first(l.every.after(l.from, k)) }

// lastHandoff is the greatest k whose handoff is not after t. It needs t not before begin.
func (l *line) lastHandoff(t time.Time) int64 {
	if l.every.never() {
		return 0
	}
	k := l.every.guess(l.from, l.clock.shows(t))
	for k > 0 && l.handoff(k).After(t) {
		k--
	}
	for !l.handoff(k + 1).After(t) { // the clock was turned back: it has shown more than it shows now
		k++
	}
	return k
}

// turn is the number of distinct handoffs up to handoff k, or of the turn to which the k-th counted unit belongs.
func (l *line) turn(k int64) int64 {
	if l.served.each > 0 {
		return l.served.turn(k)
	}
	lost := sort.Search(len(l.lost), func(i int) bool { return l.lost[i] > k })
	return k - int64(lost)
}

// events is about how many handoffs a year of the line has, and windows that open or close.
func (l *line) events() int {
	events := 52 * (len(l.open.starts) + len(l.open.ends))
	switch {
	case l.every.months > 0:
		events += 12 / l.every.months
	case l.every.minutes > 0:
		events += int(365 * minutesPerDay / l.every.minutes)
	}
	return events
}

// ringChanges walks the ring twice, from behind: the second time round knows what follows the end.
func ringChanges(ring [][]string) []int {
	change := make([]int, len(ring))
	for i := 2*len(ring) - 1; i >= 0; i-- {
		here, next := i%len(ring), (i+1)%len(ring)
		switch {
		case !slices.Equal(ring[here], ring[next]):
			change[here] = 1
		case change[next] > 0:
			change[here] = change[next] + 1
		}
	}
	return change
}

// active is the line in force at t, nil when there is none. Where a doubled clock hour makes two lines touch twice,
// the later one wins.
func (y *layer) active(t time.Time) *line {
	i := sort.Search(len(y.lines), func(i int) bool { return y.lines[i].begin.After(t) })
	for i > 0 && y.lines[i-1].empty() {
		i--
	}
	if i == 0 {
		return nil
	}
	l := &y.lines[i-1]
	if !l.end.IsZero() && !t.Before(l.end) {
		return nil
	}
	return l
}

// empty reports whether a jump of the clock leaves the line no time at all.
func (l *line) empty() bool { return !l.end.IsZero() && !l.begin.Before(l.end) }

// shift is the turn of a layer at an instant.
type shift struct {
	line *line // nil: no line is in force, or it is closed
	turn int64
}

// at is the shift of t, and the first instant after it at which the layer may give other people; zero when there is
// none. Where every turn counts, whoever has it, that is at most the end of the turn.
func (y *layer) at(t time.Time, everyTurn bool) (s shift, until time.Time) {
	if i := sort.Search(len(y.lines), func(i int) bool { return y.lines[i].begin.After(t) }); i < len(y.lines) {
		until = y.lines[i].begin
	}
	l := y.active(t)
	if l == nil {
		return shift{}, until
	}
	until = earlier(until, l.end)
	if !l.open.always() {
		until = earlier(until, l.open.next(t, l.clock))
		if !l.open.at(t, l.clock) {
			return shift{}, until // while it is closed its handoffs change nothing
		}
	}
	k := l.lastHandoff(t)
	s = shift{line: l, turn: l.turn(k)}
	steps := 1
	if !everyTurn {
		steps = l.change[s.index()]
	}
	return s, earlier(until, l.later(k, s.turn, steps))
}

// people are those whose turn it is.
func (s shift) people() []string { return s.line.ring[s.index()] }

// index is the turn's place in the ring.
func (s shift) index() int { return int(s.turn % int64(len(s.line.ring))) }

// later is the handoff with which the turn begins that is some steps after the one of handoff k; zero when there is
// none.
func (l *line) later(k, turn int64, steps int) time.Time {
	if steps == 0 || l.every.never() {
		return time.Time{}
	}
	if l.served.each > 0 {
		start, ok := l.served.start(turn + int64(steps))
		if !ok {
			return time.Time{}
		}
		return l.handoff(start)
	}
	k += int64(steps)
	for l.turn(k) < turn+int64(steps) {
		k++
	}
	return l.handoff(k)
}

// earlier is the earlier of two instants, where zero stands for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
