package tomlfile

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration is a length of time written as people say it: "90s", "5m", "1h30m".
// It is never negative; whether zero is allowed is for the caller to say.
type Duration time.Duration

// UnmarshalText accepts what time.ParseDuration does, save negatives. Its
// error is worded as what was expected.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil && tooLong(string(text)) {
		*d = math.MaxInt64 // which the range of its key refuses too, and names itself
		return errors.New(expectedShorter)
	}
	if err != nil {
		return errors.New(d.Expected())
	}
	if parsed < 0 {
		return errors.New(`a duration of zero or more, like "5m"`)
	}
	*d = Duration(parsed)
	return nil
}

// expectedShorter is said of a duration for which there is no number; the range of its key says more, see [Validator.Add].
const expectedShorter = "a duration of at most 2562047h"

// tooLong says that a text which time.ParseDuration refuses has the form of a duration all the same: a number with a unit.
func tooLong(text string) bool {
	zeros := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '0'
		}
		return r
	}, text)
	_, err := time.ParseDuration(zeros)
	return err == nil && strings.ContainsAny(text, "smh") && !strings.HasPrefix(text, "-")
}

// Expected says what a duration looks like in a file.
func (*Duration) Expected() string { return `a duration like "90s", "5m" or "1h30m"` }

// MarshalText writes the duration so that UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the duration as time.Duration writes it.
func (d Duration) String() string { return fmt.Sprint(time.Duration(d)) }
