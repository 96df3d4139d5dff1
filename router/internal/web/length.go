package web

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// These are worded as what was expected.
var (
	errLength = errors.New("a length such as 90m, 2h, 3d or 1w")
	errShort  = errors.New("a length of at least 1s")
)

// ParseLength reads a length of time as people write one: that of [time.ParseDuration], also with weeks (w, of seven days)
// and days (d, of 24 hours) before. It is at least a second. The error is worded as what was expected.
func ParseLength(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for _, unit := range [...]struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 12) // as many weeks fit into a duration, and their days
		if err != nil {
			return 0, errLength
		}
		total, rest = total+time.Duration(n)*unit.length, after
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return 0, errLength
		}
		total += more
	}
	if total <= 0 { // also when it was too long to be added up
		return 0, errLength
	}
	if total < time.Second { // it would be over before it is stored
		return 0, errShort
	}
	return total, nil
}

// AtMost refuses a length above a bound, in whole days. The error is worded as what was expected.
func AtMost(length, longest time.Duration) error {
	if length > longest {
		return fmt.Errorf("at most %dd", longest/(24*time.Hour))
	}
	return nil
}

// end reads the end of something that begins at a time: exactly one of "until", a time, and "for", a length of at most longest.
func end(length, until string, begin time.Time, longest time.Duration) (time.Time, error) {
	switch {
	case length == "" && until == "":
		return time.Time{}, errors.New(`expected "until", a time, or "for", a length: when does it end?`)
	case length != "" && until != "":
		return time.Time{}, errors.New(`found "until" and "for", expected one of them`)
	case length != "":
		d, err := ParseLength(length)
		if err == nil {
			err = AtMost(d, longest)
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("for: found %.100q, expected %w", length, err)
		}
		return begin.Add(d), nil
	}
	return instant("until", until)
}

// instant reads a time; "" is none.
func instant(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: found %.100q, expected a time like 2026-11-30T08:00:00+01:00", field, text)
	}
	return at, nil
}
