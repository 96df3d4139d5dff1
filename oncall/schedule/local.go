package schedule

import (
	"errors"
	"time"
)

// local is a date and a clock time as a wall shows them, in no zone yet: minutes since 1970-01-01 00:00 on that wall.
type local int64

const (
	minutesPerDay = 24 * 60

	// clockForm is how the file writes a local time, dayForm a bare day.
	clockForm = "2006-01-02 15:04"
	dayForm   = "2006-01-02"

	// firstYear keeps typing mistakes, and what no tz database knows, out.
	firstYear = 1900

	// reach is more than any zone has ever been away from UTC.
	reach = 30 * time.Hour
)

var errLocal = errors.New("not a local time")

// parseClock reads "2026-01-05 09:00": whole minutes, nothing after them.
func parseClock(text string) (local, error) {
	return parseLocal(clockForm, text)
}

// parseDay reads "2026-01-05", the beginning of that day.
func parseDay(text string) (local, error) {
	return parseLocal(dayForm, text)
}

// parseLocal is strict where time.Parse is not: every digit must be there.
func parseLocal(form, text string) (local, error) {
	t, err := time.Parse(form, text)
	if err != nil {
		return 0, err
	}
	if t.Format(form) != text || t.Year() < firstYear {
		return 0, errLocal
	}
	return local(t.Unix() / 60), nil
}

// localAt is what the clock of a zone shows at t, cut to the minute.
func localAt(t time.Time, zone *time.Location) local {
	_, offset := t.In(zone).Zone()
	seconds := t.Unix() + int64(offset)
	minutes := seconds / 60
	if seconds%60 < 0 {
		minutes--
	}
	return local(minutes)
}

// date is the wall's time as a time.Time whose fields read the same; it is no instant.
func (c local) date() time.Time { return time.Unix(int64(c)*60, 0).UTC() }

func (c local) String() string { return c.date().Format(clockForm) }

// addMonths is n calendar months later; a day that the month does not have becomes its last.
func (c local) addMonths(n int) local {
	d := c.date()
	first := time.Date(d.Year(), d.Month()+time.Month(n), 1, d.Hour(), d.Minute(), 0, 0, time.UTC)
	lastDay := first.AddDate(0, 1, -1).Day()
	return local(first.AddDate(0, 0, min(d.Day(), lastDay)-1).Unix() / 60)
}

// first is the first instant at which the clock of the zone shows c or later. Where the clock jumps over c, that is
// the instant of the jump; where it shows c twice, the first of the two.
func (c local) first(zone *time.Location) time.Time {
	wall := c.date()
	for at := wall.Add(-reach); ; {
		begin, end := constant(at, zone)
		shown := instantAt(wall, at, zone)
		if end.IsZero() || shown.Before(end) {
			if shown.Before(begin) {
				shown = begin
			}
			return shown.In(zone)
		}
		at = end
	}
}

// last is the last instant at which the clock of the zone shows c. Where the clock jumps over c, that is the instant
// of the jump.
func (c local) last(zone *time.Location) time.Time {
	wall := c.date()
	for at := wall.Add(reach); ; {
		begin, end := constant(at, zone)
		shown := instantAt(wall, at, zone)
		if begin.IsZero() || !shown.Before(begin) {
			return earlier(shown, end).In(zone)
		}
		at = begin.Add(-1)
	}
}

// skipped reports whether the clock of the zone jumps over c.
func (c local) skipped(zone *time.Location) bool {
	return localAt(c.first(zone), zone) != c
}

// constant bounds a time around `at` in which the zone's offset stays as it is; zero stands for no bound. It may end
// before the offset really changes: time.Time.ZoneBounds cuts at the turn of a year, and on 31 December of a leap year
// it gives an end that is not after `at` (it takes every year for 365 days long).
func constant(at time.Time, zone *time.Location) (begin, end time.Time) {
	begin, end = at.In(zone).ZoneBounds()
	if !end.IsZero() && !end.After(at) {
		end = at.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	}
	return begin, end
}

// instantAt is when a clock that is as far from UTC as the zone's is at `at` shows what wall reads.
func instantAt(wall, at time.Time, zone *time.Location) time.Time {
	_, offset := at.In(zone).Zone()
	return wall.Add(-time.Duration(offset) * time.Second)
}
