package schedule

import (
	"slices"
	"sort"
)

// shifts counts turns by what is served, for `count = "shifts"`. Time is cut into units, single days, weeks or months
// from `from` on. One in which no window opens does not count, and stays with the turn before it.
type shifts struct {
	each    int64   // counted units in a turn; 0: turns are counted by time
	pattern [7]bool // whether a window starts in a unit; of days the eighth is as the first, of all others all are alike
	missing []int64 // units of the pattern in which none opens; ascending
	listed  []int64 // where only listed days open: all units that count; ascending
	limited bool    // to those
}

// newShifts counts the units of a line, each as long as unit.
func newShifts(l line, unit cadence, zones *zoneStore) shifts {
	s := shifts{each: l.every.number, limited: l.open.limited}
	l.clock = zones.clock(l.zone)
	if l.open.always() {
		l.open = newWindows(everyDay(), nil, nil)
	}
	l.every = unit
	if s.limited {
		s.listed = slices.DeleteFunc(l.unitsOf(l.open.only), func(k int64) bool { return !l.opens(k, l.really) })
		return s
	}
	for k := range s.pattern {
		s.pattern[k] = l.opens(int64(k), func(window) bool { return true })
	}
	shortest := slices.MinFunc(l.open.list, func(a, b window) int { return int(a.length - b.length) }).length
	days := slices.Clone(l.open.except)
	var jumps []jump
	if unit.months == 0 { // a month has windows in several weeks, of which a jump cannot take all
		jumps = zones.jumps(l.zone, int64(shortest))
	}
	for _, j := range jumps {
		if slices.ContainsFunc(l.open.list, func(open window) bool { return j.takes(open) }) {
			days = append(days, dayOf(j.begin), dayOf(j.end))
		}
	}
	days = slices.Compact(days)
	s.missing = slices.DeleteFunc(l.unitsOf(days), func(k int64) bool { return !s.pattern[k%7] || l.opens(k, l.really) })
	return s
}

// unitsOf are the units that have a part of some days, ascending, each once.
func (l *line) unitsOf(days []local) []int64 {
	var units []int64
	for _, day := range days {
		for _, c := range []local{day, day + minutesPerDay - 1} {
			k := l.every.guess(l.from, c)
			for k > 0 && l.every.after(l.from, k) > c {
				k--
			}
			units = append(units, k)
		}
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// opens reports whether a window starts in a unit, among those of which ok approves; their start is a local time.
func (l *line) opens(unit int64, ok func(window) bool) bool {
	begin, end := l.every.after(l.from, unit), l.every.after(l.from, unit+1)
	for _, open := range l.open.list {
		start := begin - sinceStart(begin, open.start)
		if start < begin {
			start += minutesPerWeek
		}
		for ; start < end; start += minutesPerWeek {
			if ok(window{start: start, length: open.length}) {
				return true
			}
		}
	}
	return false
}

// really reports whether a window that starts at a local time opens: no list of days drops it, and no jump of the clock.
func (l *line) really(open window) bool {
	return l.open.keeps(open.start) && l.clock.first(open.start).Before(l.clock.last(open.start+open.length))
}

// before is how many of the first k units count.
func (s *shifts) before(k int64) int64 {
	list := s.missing
	if s.limited {
		list = s.listed
	}
	found := int64(sort.Search(len(list), func(i int) bool { return list[i] >= k }))
	if s.limited {
		return found
	}
	var week, rest int64
	for i, counts := range s.pattern {
		if counts && int64(i) < k%7 {
			rest++
		}
		if counts {
			week++
		}
	}
	return k/7*week + rest - found
}

// turn is the number of the turn to which a unit belongs.
func (s *shifts) turn(k int64) int64 { return max(0, s.before(k+1)-1) / s.each }

// start is the unit with which a turn begins; it is not ok when there is no such turn.
func (s *shifts) start(turn int64) (int64, bool) {
	if turn == 0 {
		return 0, true
	}
	want := turn * s.each // counted units before it
	if s.limited {
		if want >= int64(len(s.listed)) {
			return 0, false
		}
		return s.listed[want], true
	}
	high := int64(1)
	for s.before(high) <= want {
		high *= 2
	}
	return int64(sort.Search(int(high), func(k int) bool { return s.before(int64(k)+1) > want })), true
}
