package schedule

import "time"

// jump is a place at which the clock of a zone leaves times out: it shows begin, and in the same instant end.
type jump struct {
	begin, end local // begin is rounded up to the minute, end down: neither is outside
}

// ruleYears is how far the rules of a zone are followed; handoffs lost in a jump after that use up a turn.
// settledYear is one by which no jump is longer than ruleJump any more: whole days were left out in the past only.
const (
	firstJump   = firstYear - 1
	settledYear = 2100
	ruleYears   = 3000
	ruleJump    = 3 * 60
)

// takes reports whether a window of each week, where one falls on the jump, is left no time.
func (j jump) takes(open window) bool {
	until := sinceStart(j.end-open.length, open.start) // from the last one that ends by the end of the jump
	return j.begin <= j.end-open.length-until
}

// jumpKey is a zone and the year before which its jumps are wanted.
type jumpKey struct {
	zone *time.Location
	year int
}

// jumps lists the jumps of a zone by which handoffs that are so many minutes apart could fall together, and perhaps
// shorter ones. Ascending.
func (s *zoneStore) jumps(zone *time.Location, apart int64) []jump {
	key := jumpKey{zone, ruleYears}
	if apart >= ruleJump {
		key.year = settledYear
	}
	found, ok := s.jumped[key]
	if !ok {
		found = jumpsBefore(s.clock(zone), key.year)
		s.jumped[key] = found
	}
	return found
}

func jumpsBefore(c *clock, year int) []jump {
	var found []jump
	limit := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	before := c.around(time.Date(firstJump, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	for before.end < limit {
		after := c.around(before.end)
		if after.offset > before.offset {
			begin, end := before.end+before.offset, before.end+after.offset
			found = append(found, jump{begin: local(-floorDiv(-begin, 60)), end: local(floorDiv(end, 60))})
		}
		before = after
	}
	return found
}

// lostHandoffs lists the handoffs, so many minutes apart, that fall on the instant of the one before them: all but the
// first of those that a jump of the clock leaves out, the time at which it ends among them.
func lostHandoffs(from local, apart int64, jumps []jump) []int64 {
	var lost []int64
	for _, j := range jumps {
		if int64(j.end-j.begin) < apart {
			continue
		}
		first := max(0, -floorDiv(int64(from-j.begin), apart))
		last := floorDiv(int64(j.end-from), apart)
		for k := first + 1; k <= last; k++ {
			lost = append(lost, k)
		}
	}
	return lost
}

// floorDiv divides and rounds down, also below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
