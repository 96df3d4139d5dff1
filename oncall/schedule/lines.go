package schedule

import (
	"iter"
	"slices"
	"time"
)

// Line is one line of a layer as the file writes it, for those who judge the file and do not ask it who is on call.
type Line struct {
	Schedule string
	Layer    string
	Number   int        // in the file
	Ring     [][]string // the people of each turn, sorted; an empty turn is transparent
	Begin    time.Time  // its `from`, in the zone of the line
	End      time.Time  // its `to`, exclusive; zero: never
	Weekly   bool       // hands off every week, or every few weeks
	Hours    int        // hands off every so many hours; 0: by days, weeks or months, or never
	Events   int        // about how many handoffs a year has, and windows that open or close
	Shadow   bool       // its people learn, and are nobody's coverage
	Skipped  bool       // the clock jumps over its `from`, and Begin is the instant of the jump

	line *line
}

// Lines are the lines of all layers of all schedules, in file order.
func (f *File) Lines() []Line {
	var lines []Line
	for _, r := range f.schedules {
		for _, y := range r.layers {
			for i := range y.lines {
				l := &y.lines[i]
				lines = append(lines, Line{
					Schedule: r.name, Layer: y.name, Number: l.number, Ring: l.ring, Begin: l.begin, End: l.end,
					Weekly:  !l.every.never() && l.every.minutes%(7*minutesPerDay) == 0 && l.every.months == 0,
					Hours:   l.hours(),
					Events:  l.events(),
					Shadow:  l.shadow,
					Skipped: l.from.skipped(l.zone),
					line:    l,
				})
			}
		}
	}
	return lines
}

// hours is the length of a turn of a line that hands off by the hour; else 0.
func (l *line) hours() int {
	if l.every.number > 0 {
		return 0
	}
	return int(l.every.minutes / 60)
}

// Handoffs are the instants from `from` to `to` at which the line passes from some people to others while it is in force
// and open on both sides, in its zone: those that cut a time on call in two.
func (l Line) Handoffs(from, to time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		y := layer{lines: []line{*l.line}}
		before, at := y.at(from.Add(-1), true)
		for !at.IsZero() && at.Before(to) {
			now, until := y.at(at, true)
			if before.line != nil && now.line != nil && !slices.Equal(before.people(), now.people()) && !yield(at.In(l.line.zone)) {
				return
			}
			before, at = now, until
		}
	}
}

// Turn is the turn under way at a time: which of the ring it is, from 0, and from when to when it lasts; a To of zero is
// never. It is not ok when the line is not in force then.
func (l Line) Turn(at time.Time) (index int, from, to time.Time, ok bool) {
	if (&layer{lines: []line{*l.line}}).active(at) == nil {
		return 0, time.Time{}, time.Time{}, false
	}
	number, from, to := l.line.turnAt(at)
	return int(number % int64(len(l.Ring))), from, to, true
}

// Zone is the zone of the line's times.
func (l Line) Zone() *time.Location { return l.line.zone }

// Written is how the file writes a time in the line's zone; it is not ok for one that this would not name, because the
// clock shows it a second time then.
func (l Line) Written(at time.Time) (text string, ok bool) {
	c := l.line.clock.shows(at)
	return c.String(), l.line.clock.first(c).Equal(at)
}

// Windowed reports whether the line is open at certain times of the week alone.
func (l Line) Windowed() bool { return !l.line.open.always() }

// Lost are the windows from `from` to `to` that do not open because the clock jumps over all of them, each by the instant
// of the jump, in the zone of the line.
func (l Line) Lost(from, to time.Time) []time.Time {
	if l.line.open.always() {
		return nil
	}
	zone := l.line.zone
	var lost []time.Time
	for _, j := range jumpsBefore(l.line.clock, to.UTC().Year()+1) {
		at := l.line.clock.first(j.begin).In(zone)
		if at.Before(from) || !at.Before(to) || (&layer{lines: []line{*l.line}}).active(at) == nil {
			continue
		}
		for _, open := range l.line.open.list {
			start := j.end - sinceStart(j.end, open.start)
			if l.line.open.keeps(start) && !l.line.really(window{start: start, length: open.length}) {
				lost = append(lost, at)
			}
		}
	}
	return lost
}
