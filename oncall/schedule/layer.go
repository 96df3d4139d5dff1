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
	l.begin = l.from.first(l.zone)
	if l.every.minutes > 0 { // months are longer than any jump
		l.lost = lostHandoffs(l.from, l.every.minutes, zones.jumps(l.zone, l.every.minutes))
	}
	l.change = ringChanges(l.ring)
	return l
}

// handoff is the instant of handoff k; 0 is `from` itself.
func (l *line) handoff(k int64) time.Time { return l.every.after(l.from, k).first(l.zone) }

// lastHandoff is the greatest k whose handoff is not after t. It needs t not before begin.
func (l *line) lastHandoff(t time.Time) int64 {
	if l.every.never() {
		return 0
	}
	k := l.every.guess(l.from, localAt(t, l.zone))
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

// next is the first instant after t at which the layer may give other people; zero when there is none.
func (y *layer) next(t time.Time) time.Time {
	var next time.Time
	i := sort.Search(len(y.lines), func(i int) bool { return y.lines[i].begin.After(t) })
	if i < len(y.lines) {
		next = y.lines[i].begin
	}
	if l := y.active(t); l != nil {
		next = earlier(next, earlier(l.end, l.next(t)))
	}
	return next
}

// isOpen reports whether the line puts anybody on call at t, which is a time in which it is in force.
func (l *line) isOpen(t time.Time) bool { return l.open.always() || l.open.at(t, l.zone) }

// next is the first instant after t at which the line may give other people while it is in force; zero when there is
// none. While it is closed its handoffs change nothing.
func (l *line) next(t time.Time) time.Time {
	switch {
	case l.open.always():
		return l.nextChange(t)
	case !l.open.at(t, l.zone):
		return l.open.next(t, l.zone)
	}
	return earlier(l.nextChange(t), l.open.next(t, l.zone))
}

// nextChange is the first handoff after t to other people; zero when the ring has none.
func (l *line) nextChange(t time.Time) time.Time {
	k := l.lastHandoff(t)
	now := l.turn(k)
	steps := l.change[int(now%int64(len(l.ring)))]
	if steps == 0 || l.every.never() {
		return time.Time{}
	}
	if l.served.each > 0 {
		start, ok := l.served.start(now + int64(steps))
		if !ok {
			return time.Time{}
		}
		return l.handoff(start)
	}
	k += int64(steps)
	for l.turn(k) < now+int64(steps) {
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
