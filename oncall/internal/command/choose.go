package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// minute is how times are shown.
const minute = "2006-01-02 15:04 MST"

// chosen are the schedules that --schedule asks for; without it all of them, in file order.
func chosen(f *schedule.File, name string) ([]string, error) {
	if name == "" {
		return f.Schedules(), nil
	}
	if !f.HasSchedule(name) {
		return nil, fmt.Errorf("--schedule: found %q, expected one of %s", name, strings.Join(f.Schedules(), ", "))
	}
	return []string{name}, nil
}

// person looks somebody up in the file.
func person(f *schedule.File, name string) (schedule.Person, error) {
	p, ok := f.Person(name)
	if !ok {
		return p, fmt.Errorf("found %q, expected one of %s", name, strings.Join(names(f), ", "))
	}
	return p, nil
}

func names(f *schedule.File) []string {
	var names []string
	for _, p := range f.People() {
		names = append(names, p.Name)
	}
	return slices.Clip(names)
}

// moment reads --at: an instant, or a local time or day of the file's zone; without it, it is now. Unlike --from, which
// only cuts what is shown, it must name one instant.
func moment(text string, w World, zone *time.Location) (time.Time, error) {
	if text == "" {
		return w.Now, nil
	}
	at, err := dayOrTime(text, 0, zone)
	if err == nil {
		err = oneInstant(text, at, zone)
	}
	if err != nil {
		return at, fmt.Errorf("--at: %w", err)
	}
	return at, nil
}

// oneInstant refuses a local time that the clock of a zone jumps over or shows twice; at is what it was read as.
func oneInstant(text string, at time.Time, zone *time.Location) error {
	t, err := time.Parse(localForm, text)
	if err != nil {
		return nil //nolint:nilerr // a day, or a time that names its zone: nothing to choose
	}
	switch shown := schedule.Shown(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), zone); len(shown) {
	case 0:
		return fmt.Errorf("found %q, over which the clock of %s jumps: expected a time that it shows, such as that after the jump, %s", text, zone, at.Format(time.RFC3339))
	case 1:
		return nil
	default:
		return fmt.Errorf("found %q, which the clock of %s shows twice: expected %s or %s", text, zone, shown[0].Format(time.RFC3339), shown[1].Format(time.RFC3339))
	}
}

// until shows an end in a zone; zero is none.
func until(end time.Time, zone *time.Location) string {
	if end.IsZero() {
		return "further notice"
	}
	return end.In(zone).Format(minute)
}

// orNull is a time in a zone for JSON, where zero is null.
func orNull(at time.Time, zone *time.Location) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.In(zone)
	return &at
}
