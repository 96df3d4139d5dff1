package schedule

import "time"

// Clock is the first instant at which the clock of a zone shows a local time or, where it jumps over it, a later one.
// Days, months and hours beyond their range run over into the next, as in [time.Date]. Reports cut days and nights with
// it, so that a day whose midnight the clock skips still has one beginning.
func Clock(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	return local(time.Date(year, month, day, hour, minute, 0, 0, time.UTC).Unix() / 60).first(zone)
}

// Shown are the instants at which the clock of a zone shows a local time, as in [Clock]: none where it jumps over it, two
// where it is turned back over it.
func Shown(year int, month time.Month, day, hour, minute int, zone *time.Location) []time.Time {
	c := local(time.Date(year, month, day, hour, minute, 0, 0, time.UTC).Unix() / 60)
	first, last := c.first(zone), c.last(zone)
	switch {
	case c.skipped(zone):
		return nil
	case first.Equal(last):
		return []time.Time{first}
	}
	return []time.Time{first, last}
}
