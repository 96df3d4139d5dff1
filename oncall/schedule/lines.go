package schedule

import "time"

// Line is one line of a layer as the file writes it, for those who judge the file and do not ask it who is on call.
type Line struct {
	Schedule string
	Layer    string
	Number   int        // in the file
	Ring     [][]string // the people of each turn, sorted; an empty turn is transparent
	Begin    time.Time  // its `from`, in the zone of the line
	End      time.Time  // its `to`, exclusive; zero: never
	Weekly   bool       // hands off every week, or every few weeks
	Shadow   bool       // its people learn, and are nobody's coverage
	Skipped  bool       // the clock jumps over its `from`, and Begin is the instant of the jump
}

// Lines are the lines of all layers of all schedules, in file order.
func (f *File) Lines() []Line {
	var lines []Line
	for _, r := range f.schedules {
		for _, y := range r.layers {
			for _, l := range y.lines {
				lines = append(lines, Line{
					Schedule: r.name, Layer: y.name, Number: l.number, Ring: l.ring, Begin: l.begin, End: l.end,
					Weekly:  !l.every.never() && l.every.minutes%(7*minutesPerDay) == 0 && l.every.months == 0,
					Shadow:  l.shadow,
					Skipped: l.from.skipped(l.zone),
				})
			}
		}
	}
	return lines
}
