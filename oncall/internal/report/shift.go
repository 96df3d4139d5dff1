package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// Shift is one turn of a schedule, or the part of it that no other turn and no change breaks.
type Shift struct {
	Schedule string
	schedule.Stint
	UID string // names the turn for calendars; empty for a gap
}

// Shifts lists what a schedule has from `from` to `to`, in time order, without gap or overlap; the first and the last
// may reach beyond. With a person only their shifts.
func Shifts(f *schedule.File, name, person string, from, to time.Time) []Shift {
	var shifts []Shift
	for stint := range f.Stints(name, from, to) {
		if person == "" || slices.Contains(stint.People, person) {
			shifts = append(shifts, Shift{Schedule: name, Stint: stint, UID: uid(name, stint)})
		}
	}
	return shifts
}

// Clip cuts a shift to the time from `from` to `to`, which it must touch.
func (s Shift) Clip(from, to time.Time) Shift {
	if s.From.Before(from) {
		s.From = from
	}
	if s.To.IsZero() || s.To.After(to) {
		s.To = to
	}
	return s
}

// Hours is how long the shift is, on a watch and not on the wall.
func (s Shift) Hours() float64 { return s.To.Sub(s.From).Hours() }

// uid names a turn by what stays when it changes its owner or its length: the schedule, the layer and the local time at
// which it begins. So people can join and lines be split without a calendar losing its events. What comes after a break
// within the turn is named by its own beginning too.
func uid(name string, stint schedule.Stint) string {
	if len(stint.People) == 0 {
		return ""
	}
	id := fmt.Sprintf("%q %q %s", name, stint.Layer, stint.Begin.Format("2006-01-02T15:04"))
	if !stint.From.Equal(stint.Begin) {
		id += " " + stint.From.UTC().Format(time.RFC3339)
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16]) + "@nezuban-oncall"
}
