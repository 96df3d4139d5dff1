package lint

import (
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// lines finds beginnings that fall where nobody expects them, and hours that do not divide a day.
func lines(f *schedule.File) []Finding {
	var found []Finding
	var before schedule.Line
	for _, l := range f.Lines() {
		if l.Skipped {
			found = append(found, fail(l.Number, KindSkipped, "the clock jumps over this from: the layer %q begins at %s; write that", l.Layer, l.Begin.Format(minute)))
		}
		joins := before.Schedule == l.Schedule && before.Layer == l.Layer
		if joins && before.Weekly && l.Weekly && before.Begin.Weekday() != l.Begin.Weekday() {
			found = append(found, warn(l.Number, KindWeekday, "the layer %q hands off on a %s from here on, before that on a %s", l.Layer, l.Begin.Weekday(), before.Begin.Weekday()))
		}
		if l.Hours > 0 && len(l.Ring) > 1 && 24%l.Hours != 0 && l.Hours%24 != 0 {
			found = append(found, warn(l.Number, KindHours, "%d hours do not divide a day: the layer %q hands off at another clock time each day; take 1, 2, 3, 4, 6, 8, 12 or days", l.Hours, l.Layer))
		}
		before = l
	}
	return found
}

// nights finds handoffs in the middle of a night, one finding a line: in a layer that is open at certain times those
// inside a window, in any other those of days, weeks and months.
func nights(f *schedule.File, now time.Time) []Finding {
	var found []Finding
	for _, l := range f.Lines() {
		if l.Shadow || (l.Hours > 0 && !l.Windowed()) {
			continue // turns of hours without windows go around the clock: some end at night
		}
		count := 0
		var first time.Time
		for at := range l.Handoffs(now, now.Add(ahead)) {
			if !report.AtNight(at) || !report.AtNight(at.Add(-1)) {
				continue
			}
			if count == 0 {
				first = at
			}
			count++
		}
		if count > 0 {
			found = append(found, warn(l.Number, KindSplitNight,
				"the layer %q hands off in the middle of the night %s in the next 52 weeks, first at %s: two people share that night; let it hand off by day",
				l.Layer, times(count), first.Format(minute)))
		}
	}
	return found
}

// lost finds windows over which the clock jumps, one finding a line.
func lost(f *schedule.File, now time.Time) []Finding {
	var found []Finding
	for _, l := range f.Lines() {
		windows := l.Lost(now, now.Add(ahead))
		if len(windows) == 0 {
			continue
		}
		found = append(found, warn(l.Number, KindLostWindow, "the clock jumps over a window of the layer %q at %s: it does not open that day; let it begin earlier or end later",
			l.Layer, windows[0].Format(minute)))
	}
	return found
}
