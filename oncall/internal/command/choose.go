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

// moment reads --at; without it, it is now.
func moment(text string, w World) (time.Time, error) {
	if text == "" {
		return w.Now, nil
	}
	at, err := instant(text)
	if err != nil {
		return at, fmt.Errorf("--at: %w", err)
	}
	return at, nil
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
