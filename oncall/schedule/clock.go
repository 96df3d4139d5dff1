package schedule

import (
	"math"
	"sort"
	"time"
)

// clock is what the walls of a zone show. It reads the zone's rule once and keeps what it found in a table, since
// [time.Location] works a rule out anew for each time it is asked about.
type clock struct {
	zone      *time.Location
	stretches []stretch         // up to the end of tableYear without a gap, ascending; none: everything is looked up in the zone
	years     [2][7]yearOfTable // of the last years of the table, by whether they are leap years and the weekday of 1 January
}

// stretch is a time in which a zone's offset from UTC stays as it is. It may end before the offset really changes.
type stretch struct {
	begin, end int64 // Unix seconds, end exclusive; the smallest and the largest stand for no bound
	offset     int64 // seconds
}

// yearOfTable is a year as Unix seconds.
type yearOfTable struct{ begin, end int64 }

const (
	// oldYear is one in which no zone had changed its clock yet.
	oldYear = 1800

	// tableYear is the last of 28 years in which there is a year of every kind: no leap day is left out in them. By then
	// every zone follows a rule that tells years apart by their kind alone.
	tableYear = 2128
	kinds     = 28

	forever = math.MaxInt64
	always  = math.MinInt64
)

// newClock makes the table of a zone.
func newClock(zone *time.Location) *clock {
	c := &clock{zone: zone}
	end := time.Date(tableYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for at := time.Date(oldYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix(); at < end; {
		s := lookUp(at, zone)
		if last := len(c.stretches) - 1; last >= 0 && c.stretches[last].offset == s.offset {
			c.stretches[last].end = s.end
		} else {
			c.stretches = append(c.stretches, s)
		}
		at = s.end
	}
	c.stretches[0].begin = always
	for year := tableYear - kinds + 1; year <= tableYear; year++ {
		y := yearAt(year)
		leap, weekday := kindOf(y)
		c.years[leap][weekday] = y
	}
	return c
}

func yearAt(year int) yearOfTable {
	return yearOfTable{time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()}
}

// kindOf tells whether a year is a leap year, 1, and the weekday of its first day.
func kindOf(y yearOfTable) (leap, weekday int) {
	days := (y.end - y.begin) / secondsPerDay
	return int(days - 365), int(((y.begin/secondsPerDay)%7 + 7) % 7)
}

// around is the stretch of a time in Unix seconds.
func (c *clock) around(at int64) stretch {
	switch last := len(c.stretches) - 1; {
	case last < 0:
		return lookUp(at, c.zone)
	case at < c.stretches[last].end:
		return c.stretches[sort.Search(last, func(i int) bool { return c.stretches[i].end > at })]
	}
	year := yearAt(time.Unix(at, 0).UTC().Year())
	leap, weekday := kindOf(year)
	like := c.years[leap][weekday]
	later := year.begin - like.begin
	s := c.stretches[sort.Search(len(c.stretches)-1, func(i int) bool { return c.stretches[i].end > at-later })]
	return stretch{begin: max(s.begin, like.begin) + later, end: min(s.end, like.end) + later, offset: s.offset}
}

// lookUp asks the zone itself. What [time.Time.ZoneBounds] says needs care: it begins too early where the last change
// that the zone lists came after the one by its rule, as in Ciudad Juárez in 2022.
func lookUp(at int64, zone *time.Location) stretch {
	s := bounds(at, zone)
	for s.begin != always {
		before := bounds(s.begin, zone)
		if before.end > at {
			break
		}
		s.begin = before.end
	}
	return s
}

// bounds is a stretch as time.Time.ZoneBounds gives it. That cuts at the turn of a year, and on 31 December of a leap
// year it gives an end that is not after the time (it takes every year for 365 days long).
func bounds(at int64, zone *time.Location) stretch {
	t := time.Unix(at, 0).In(zone)
	_, offset := t.Zone()
	s := stretch{begin: always, end: forever, offset: int64(offset)}
	begin, end := t.ZoneBounds()
	if !begin.IsZero() {
		s.begin = begin.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
		if s.end <= at {
			s.end = (floorDiv(at, secondsPerDay) + 1) * secondsPerDay
		}
	}
	return s
}

// shows is what the clock shows at t, cut to the minute.
func (c *clock) shows(t time.Time) local {
	at := t.Unix()
	return local(floorDiv(at+c.around(at).offset, 60))
}

// first is the first instant at which the clock shows a local time or later. Where it jumps over it, that is the instant
// of the jump; where it shows it twice, the first of the two.
func (c *clock) first(l local) time.Time {
	wall := int64(l) * 60
	for at := wall - reach; ; {
		s := c.around(at)
		if shown := wall - s.offset; shown < s.end {
			return time.Unix(max(shown, s.begin), 0).In(c.zone)
		}
		at = s.end
	}
}

// last is the last instant at which the clock shows a local time. Where it jumps over it, that is the instant of the
// jump.
func (c *clock) last(l local) time.Time {
	wall := int64(l) * 60
	for at := wall + reach; ; {
		s := c.around(at)
		if shown := wall - s.offset; shown >= s.begin {
			return time.Unix(min(shown, s.end), 0).In(c.zone)
		}
		at = s.begin - 1
	}
}

// unsettled is by how many minutes what the clock shows may mislead about what it has shown before t or shows after it;
// 0 far from any change of it.
func (c *clock) unsettled(t time.Time) local {
	at := t.Unix()
	if s := c.around(at); (s.begin == always || at-s.begin > reach) && (s.end == forever || s.end-at > reach) {
		return 0
	}
	return reach / 60
}
