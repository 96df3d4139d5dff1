package schedule

import (
	"errors"
	"time"
)

// local is a date and a clock time as a wall shows them, in no zone yet: minutes since 1970-01-01 00:00 on that wall.
type local int64

const (
	minutesPerDay = 24 * 60
	secondsPerDay = 24 * 60 * 60

	// clockForm is how the file writes a local time, dayForm a bare day.
	clockForm = "2006-01-02 15:04"
	dayForm   = "2006-01-02"

	// firstYear keeps typing mistakes, and what no tz database knows, out.
	firstYear = 1900

	// reach is more seconds than any zone has ever been away from UTC.
	reach = 30 * 60 * 60
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

// first and last are those of [clock], for whoever asks about a zone once.
func (c local) first(zone *time.Location) time.Time { return (&clock{zone: zone}).first(c) }
func (c local) last(zone *time.Location) time.Time  { return (&clock{zone: zone}).last(c) }

// skipped reports whether the clock of the zone jumps over c.
func (c local) skipped(zone *time.Location) bool {
	once := &clock{zone: zone}
	return once.shows(once.first(c)) != c
}
