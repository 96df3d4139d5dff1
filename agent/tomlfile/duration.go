package tomlfile

import (
	"errors"
	"fmt"
	"time"
)

// Duration is a length of time written as people say it: "90s", "5m", "1h30m".
// It is never negative; whether zero is allowed is for the caller to say.
type Duration time.Duration

// UnmarshalText accepts what time.ParseDuration does, save negatives. Its
// error is worded as what was expected.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(d.Expected())
	}
	if parsed < 0 {
		return errors.New(`a duration of zero or more, like "5m"`)
	}
	*d = Duration(parsed)
	return nil
}

// Expected says what a duration looks like in a file.
func (*Duration) Expected() string { return `a duration like "90s", "5m" or "1h30m"` }

// MarshalText writes the duration so that UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the duration as time.Duration writes it.
func (d Duration) String() string { return fmt.Sprint(time.Duration(d)) }
