package command

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"nezuban/oncall/schedule"
)

// spanFlags are --from and --to of a command that looks at a span of time.
type spanFlags struct{ from, to string }

const (
	// spanDays is how far ahead most reports look without --to.
	spanDays = 8 * 7
	// maxSpanYears bounds the work that one command can ask for.
	maxSpanYears = 10
)

func (s *spanFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&s.from, "from", "", "")
	flags.StringVar(&s.to, "to", "", "")
}

// span reads the flags. Without --from it begins now, without --to it lasts that many days.
func (s *spanFlags) span(now time.Time, days int, zone *time.Location) (from, to time.Time, err error) {
	from = now.Truncate(time.Minute)
	if s.from != "" {
		if from, err = dayOrTime(s.from, 0, zone); err != nil {
			return from, to, fmt.Errorf("--from: %w", err)
		}
	}
	to = from.In(zone).AddDate(0, 0, days)
	if s.to != "" {
		if to, err = dayOrTime(s.to, 1, zone); err != nil {
			return from, to, fmt.Errorf("--to: %w", err)
		}
	}
	switch {
	case !from.Before(to):
		return from, to, fmt.Errorf("--to: found %q, expected a time after --from, %s", s.to, from.In(zone).Format(minute))
	case from.AddDate(maxSpanYears, 0, 1).Before(to):
		return from, to, fmt.Errorf("--to: found %q, expected at most %d years after --from", s.to, maxSpanYears)
	}
	return from, to, nil
}

var errWhen = errors.New(`a time like 2026-11-30T09:00:00+01:00, a local one like "2026-11-30 09:00", or a day like 2026-11-30`)

// localForm is how a local time is written.
const localForm = "2006-01-02 15:04"

// dayOrTime reads an instant, a local time or a day of a zone. As in the file, a day as an end includes that day: days
// is then 1.
func dayOrTime(text string, days int, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(localForm, text); err == nil {
		return schedule.Clock(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), zone), nil
	}
	t, err := time.Parse("2006-01-02", text)
	if err != nil {
		return t, fmt.Errorf("found %q, expected %w", text, errWhen)
	}
	return schedule.Clock(t.Year(), t.Month(), t.Day()+days, 0, 0, zone), nil
}
