package main

import (
	"fmt"
	"time"

	"nezuban/oncall/schedule"
)

// shownForm is how times are printed: by the clock of this machine, whose zone they name.
const shownForm = "2006-01-02 15:04 MST"

// when reads a time of the command line: one with a zone; or one by the clock of now's zone, a local time or an hour, which is
// the next time that the clock shows it. A local time that the clock does not show, or shows twice, is refused.
func when(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, form := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if at, err := time.Parse(form, text); err == nil {
			return local(text, at, now.Location())
		}
	}
	hour, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, fmt.Errorf(`found %q, expected a time such as 08:00, "2026-11-30 08:00" or 2026-11-30T08:00:00+01:00`, text)
	}
	year, month, day := now.Date()
	for days := 0; ; days++ { // tomorrow, or the day after when the clock skips it then
		for _, at := range schedule.Shown(year, month, day+days, hour.Hour(), hour.Minute(), now.Location()) {
			if at.After(now) {
				return at.In(now.Location()), nil
			}
		}
	}
}

// local is the instant at which the clock of a zone shows a time.
func local(text string, at time.Time, zone *time.Location) (time.Time, error) {
	shown := schedule.Shown(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), zone)
	switch len(shown) {
	case 0:
		return time.Time{}, fmt.Errorf("found %q, which the clock skips, expected a time that there is", text)
	case 1:
		return shown[0].In(zone), nil
	}
	return time.Time{}, fmt.Errorf("found %q, which the clock shows twice, expected it with its zone, such as %s or %s",
		text, shown[0].In(zone).Format(time.RFC3339), shown[1].In(zone).Format(time.RFC3339))
}
