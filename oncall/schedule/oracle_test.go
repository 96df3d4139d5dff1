package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// oracle knows what the clock of a zone shows at each minute of a stretch of time, and finds everything by looking
// through all of them. It shares no code with the package and uses none of its ideas: no jumps, no offsets, no sums.
type oracle struct {
	start time.Time
	wall  []string // as the file writes a local time: strings compare as times do
}

func look(zone *time.Location, start time.Time, minutes int) oracle {
	o := oracle{start: start, wall: make([]string, minutes)}
	for i := range o.wall {
		o.wall[i] = start.Add(time.Duration(i) * time.Minute).In(zone).Format("2006-01-02 15:04")
	}
	return o
}

// near is the minute some days after a local time of UTC. No clock is a day away from UTC, so none shows the local time before
// one day less or after one more.
func (o oracle) near(clock string, days int) int {
	naive := wall(clock).AddDate(0, 0, days).Sub(o.start.UTC()) / time.Minute
	return int(min(max(0, naive), time.Duration(len(o.wall))))
}

// first is the first minute at which the clock has reached a local time.
func (o oracle) first(clock string) int {
	begin := o.near(clock, -1)
	i := slices.IndexFunc(o.wall[begin:], func(shown string) bool { return shown >= clock })
	if i < 0 {
		return len(o.wall)
	}
	return begin + i
}

// last is the last minute at which the clock shows a local time, or the first after it has skipped it.
func (o oracle) last(clock string) int {
	begin := o.near(clock, -1)
	for i := o.near(clock, 1) - 1; i >= begin; i-- {
		if o.wall[i] == clock {
			return i
		}
	}
	return o.first(clock)
}

// wall reads a local time as the file writes it.
func wall(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", clock)
	if err != nil {
		panic(err)
	}
	return t
}

// days is a local time some days later, hours one some hours later.
func days(clock string, n int) string { return wall(clock).AddDate(0, 0, n).Format("2006-01-02 15:04") }

func hours(clock string, n int) string {
	return wall(clock).Add(time.Duration(n) * time.Hour).Format("2006-01-02 15:04")
}

// months is a local time some months later; a day that the month does not have gives way to the one before it.
func months(clock string, n int) string {
	t := wall(clock)
	month := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, n, 0).Format("2006-01-")
	for day := t.Day(); ; day-- {
		text := fmt.Sprintf("%s%02d%s", month, day, clock[10:])
		if _, err := time.Parse("2006-01-02 15:04", text); err == nil {
			return text
		}
	}
}

// slowLine is a line of a layer as the oracle sees it.
type slowLine struct {
	zone     string
	from, to string // to may be ""
	every    int    // units between handoffs
	unit     string // "h", "d", "w" or "mo"
	joins    bool   // it is of the same layer as the line before it
	ring     [][]string
	shadow   bool
	shifts   bool         // turns are counted by the days on which a window opens
	when     []slowWindow // none: always
	except   []string     // days
	only     []string     // days; nil: all
}

// holidays are the lists of days that the line's text names.
func (l slowLine) holidays(name string) string {
	return fmt.Sprintf("%s-except = [%s]\n%s-only = [%s]\n", name, strings.Join(l.except, ", "), name, strings.Join(l.only, ", "))
}

// slowWindow opens on one day of the week at a clock time, and closes so many days later at another.
type slowWindow struct {
	day      time.Weekday
	from, to string
	later    int // days
}

func (w slowWindow) text() string {
	to := (int(w.day) + w.later) % 7
	return fmt.Sprintf("%s %s-%s %s", w.day.String()[:3], w.from, time.Weekday(to).String()[:3], w.to)
}

// openAt looks at each day from a week and more before the stretch to its end, and opens the windows of that day.
func (l slowLine) openAt(o oracle) []bool {
	open := make([]bool, len(o.wall))
	when := l.when
	if len(when) == 0 && len(l.except) == 0 && l.only == nil {
		for i := range open {
			open[i] = true
		}
		return open
	}
	if len(when) == 0 {
		for day := range time.Weekday(7) {
			when = append(when, slowWindow{day: day, from: "00:00", to: "00:00", later: 1})
		}
	}
	last := o.wall[len(o.wall)-1][:10]
	for day := wall(o.wall[0]).AddDate(0, 0, -9); day.Format("2006-01-02") <= last; day = day.AddDate(0, 0, 1) {
		date := day.Format("2006-01-02")
		if slices.Contains(l.except, date) || (l.only != nil && !slices.Contains(l.only, date)) {
			continue
		}
		for _, w := range when {
			if w.day != day.Weekday() {
				continue
			}
			begin := o.first(day.Format("2006-01-02 ") + w.from)
			end := o.last(day.AddDate(0, 0, w.later).Format("2006-01-02 ") + w.to)
			for i := begin; i < end; i++ {
				open[i] = true
			}
		}
	}
	return open
}

// after is the wall's time some units after the line's from.
func (l slowLine) after(units int) string {
	switch l.unit {
	case "h":
		return hours(l.from, units)
	case "d":
		return days(l.from, units)
	case "w":
		return days(l.from, 7*units)
	}
	return months(l.from, units)
}

func (l slowLine) handoff(k int) string { return l.after(k * l.every) }

// counts says of the time on the wall from one local time to another whether a window opens in it.
func (l slowLine) counts(o oracle, from, to string) bool {
	for day := wall(from[:10] + " 00:00"); day.Format("2006-01-02 15:04") < to; day = day.AddDate(0, 0, 1) {
		date := day.Format("2006-01-02")
		if slices.Contains(l.except, date) || (l.only != nil && !slices.Contains(l.only, date)) {
			continue
		}
		when := l.when
		if len(when) == 0 {
			when = []slowWindow{{day: day.Weekday(), from: "00:00", to: "00:00", later: 1}}
		}
		for _, w := range when {
			opens := date + " " + w.from
			if w.day != day.Weekday() || opens < from || opens >= to {
				continue
			}
			if o.first(opens) == len(o.wall) { // out of sight, where the clock is not set
				return true
			}
			if o.first(opens) < o.last(day.AddDate(0, 0, w.later).Format("2006-01-02 ")+w.to) {
				return true
			}
		}
	}
	return false
}

// turnsByShifts are as turns, where only units that count hand off.
func (l slowLine) turnsByShifts(o oracle) []int {
	out := make([]int, len(o.wall))
	end := len(o.wall)
	if l.to != "" {
		end = o.last(l.to)
	}
	for i := range out {
		out[i] = -1
	}
	counted := 0
	for unit := 0; ; unit++ {
		begin, next := l.after(unit), l.after(unit+1)
		first, last := o.first(begin), min(o.first(next), end)
		if first >= end {
			return out
		}
		if l.counts(o, begin, next) {
			counted++
		}
		for i := first; i < last; i++ {
			out[i] = max(0, counted-1) / l.every
		}
	}
}

// turns walks all minutes of the stretch and gives the number of the turn at each, -1 for one without.
func (l slowLine) turns(o oracle) []int {
	if l.shifts {
		return l.turnsByShifts(o)
	}
	out := make([]int, len(o.wall))
	end := len(o.wall)
	if l.to != "" {
		end = o.last(l.to)
	}
	turn, highest, handoffs := 0, "", 1
	next := l.handoff(1)
	begin := o.first(l.from)
	for i := range out {
		out[i] = -1
		if i < begin || i >= end {
			continue
		}
		highest = max(highest, o.wall[i])
		passed := false
		for ; next <= highest; handoffs++ {
			passed = true // several at one minute are one
			next = l.handoff(handoffs + 1)
		}
		if passed && i > begin {
			turn++
		}
		out[i] = turn
	}
	return out
}

// text is the line as the file writes it; list is how the names of its lists of days begin.
func (l slowLine) text(name, list string) string {
	var turns []string
	for _, people := range l.ring {
		switch {
		case len(people) == 0:
			turns = append(turns, `"-"`)
		default:
			turns = append(turns, `["`+strings.Join(people, `", "`)+`"]`)
		}
	}
	more := ""
	if l.to != "" {
		more = fmt.Sprintf("to = %q, ", l.to)
	}
	if len(l.when) > 0 {
		var texts []string
		for _, w := range l.when {
			texts = append(texts, w.text())
		}
		more += `when = ["` + strings.Join(texts, `", "`) + `"], `
	}
	if len(l.except) > 0 {
		more += fmt.Sprintf("except = %q, ", list+"-except")
	}
	if l.only != nil {
		more += fmt.Sprintf("only = [%q], ", list+"-only")
	}
	if l.shifts {
		more += `count = "shifts", `
	}
	if l.shadow {
		more += "shadow = true, "
	}
	every := fmt.Sprintf("%d%s", l.every, l.unit)
	return fmt.Sprintf("{ name = %q, every = %q, from = %q, %szone = %q, who = [%s] }", name, every, l.from, more, l.zone, strings.Join(turns, ", "))
}
