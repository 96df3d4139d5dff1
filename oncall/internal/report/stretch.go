// Package report works out what people want to know from a rotation file: when their next shift is, which shifts a span
// of time has, what a change moves, and how the load is shared.
//
// The commands of nezuban-oncall print what it gives. Everything here is a pure function of files and times; it reads
// no clock and no disk, and it decides nothing about who is on call: that is package schedule.
package report

import (
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// Span is a half-open time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Next is when a person is on call for one schedule.
type Next struct {
	Person   string
	Schedule string
	OnCall   bool      // at the time asked about
	Until    time.Time // when OnCall: the end of that; zero: not within ten years
	From, To time.Time // the time after that; From is zero when there is none within ten years, To when it does not end then
}

// horizonYears is how far ahead a person's next shift is looked for, as far as schedule.Answer.Until looks.
const horizonYears = 10

// NextOf finds when a person is on call for a schedule at `at` and next after it. Shifts that follow each other, with
// others beside the person or not, count as one.
func NextOf(f *schedule.File, name, person string, at time.Time) Next {
	next := Next{Person: person, Schedule: name}
	horizon := at.UTC().AddDate(horizonYears, 0, 0)
	for shift := range f.Shifts(name, at, horizon) {
		serves, end := slices.Contains(shift.People, person), shift.To
		if !shift.To.Before(horizon) {
			end = time.Time{}
		}
		switch {
		case serves && shift.From.Equal(at):
			next.OnCall, next.Until = true, end
		case serves && next.OnCall && next.Until.Equal(shift.From):
			next.Until = end
		case serves && next.From.IsZero():
			next.From, next.To = shift.From, end
		case serves && next.To.Equal(shift.From):
			next.To = end
		case !next.From.IsZero():
			return next
		}
	}
	return next
}
