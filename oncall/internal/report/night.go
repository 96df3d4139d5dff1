package report

import "time"

// AtNight reports whether a time, on the clock of the zone that it is in, is one of the night: from 22:00 to 07:00.
func AtNight(t time.Time) bool { return t.Hour() >= nightFrom || t.Hour() < nightTo }
