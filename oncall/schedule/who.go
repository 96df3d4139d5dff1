package schedule

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// Who says who is on call for a schedule at an instant. It is a pure function of the file and the instant, and its
// cost does not grow with the time since the schedule began. The only error is a schedule that the file does not have.
//
// Next on a sample's path: the answer becomes a row of the outbox, which the router's record.Writer.Commit makes durable.
func (f *File) Who(schedule string, at time.Time) (Answer, error) {
	r := f.rotation(schedule)
	if r == nil {
		return Answer{}, fmt.Errorf("who is on call for %q: unknown schedule, expected one of %s", schedule, strings.Join(f.Schedules(), ", "))
	}
	return f.answer(r, at), nil
}

func (f *File) answer(r *rotation, at time.Time) Answer {
	w := r.walkFrom(at, false)
	m := w.moment()
	a := Answer{At: at, Schedule: r.name, Reasons: m.people, People: m.names(), Shadow: m.shadow}
	if until, _ := w.until(m, horizon(at)); !until.IsZero() {
		a.Until = until.In(f.zone)
	}
	return a
}

// horizon is how far ahead of t a change of people is looked for: ten years, but not beyond the last year that RFC 3339
// can write.
func horizon(t time.Time) time.Time {
	limit := t.UTC().AddDate(horizonYears, 0, 0)
	if last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC); limit.After(last) {
		return last
	}
	return limit
}

const horizonYears = 10

// OnCall answers for every schedule, in file order.
func (f *File) OnCall(at time.Time) []Answer {
	answers := make([]Answer, 0, len(f.schedules))
	for i := range f.schedules {
		answers = append(answers, f.answer(&f.schedules[i], at))
	}
	return answers
}

// Shift is a time in which the same people are on call, and the same learn, without a break.
type Shift struct {
	From, To time.Time // half-open
	People   []string  // sorted; empty for a gap
	Shadow   []string  // sorted
}

// Shifts tiles the time from `from` to `to` with the shifts of a schedule, cut at both ends: each begins where the one
// before it ends. An unknown schedule has none.
func (f *File) Shifts(schedule string, from, to time.Time) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		r := f.rotation(schedule)
		if r == nil {
			return
		}
		w := r.walkFrom(from, false)
		for m := w.moment(); from.Before(to); {
			shift := Shift{From: from, To: to, People: m.names(), Shadow: m.shadow}
			end, next := w.until(m, to)
			if !end.IsZero() {
				shift.To = end.In(f.zone)
			}
			if !yield(shift) {
				return
			}
			from, m = shift.To, next
		}
	}
}
