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

// first is the first minute at which the clock has reached a local time.
func (o oracle) first(clock string) int {
	i := slices.IndexFunc(o.wall, func(shown string) bool { return shown >= clock })
	if i < 0 {
		return len(o.wall)
	}
	return i
}

// last is the last minute at which the clock shows a local time, or the first after it has skipped it.
func (o oracle) last(clock string) int {
	for i, shown := range slices.Backward(o.wall) {
		if shown == clock {
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

// slowLine is a line of a layer as the oracle sees it.
type slowLine struct {
	zone     string
	from, to string // to may be ""
	hours    int    // between handoffs, when days is 0
	days     int
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

func (l slowLine) handoff(k int) string {
	if l.days > 0 {
		return days(l.from, k*l.days)
	}
	return hours(l.from, k*l.hours)
}

// counts says of a day of 24 hours on the wall, from one local time on, whether a window opens in it.
func (l slowLine) counts(o oracle, from string) bool {
	begin, end := wall(from), wall(from).AddDate(0, 0, 1)
	for _, day := range []time.Time{begin, end} {
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
			if w.day != day.Weekday() || wall(opens).Before(begin) || !wall(opens).Before(end) {
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

// turnsByShifts are as turns, where only days that count hand off.
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
	for day := 0; ; day++ {
		begin := o.first(days(l.from, day))
		if begin >= end {
			return out
		}
		if l.counts(o, days(l.from, day)) {
			counted++
		}
		for i := begin; i < end; i++ {
			out[i] = max(0, counted-1) / l.days
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

func (l slowLine) text(name string) string {
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
		more += fmt.Sprintf("except = %q, ", name+"-except")
	}
	if l.only != nil {
		more += fmt.Sprintf("only = [%q], ", name+"-only")
	}
	if l.shifts {
		more += `count = "shifts", `
	}
	if l.shadow {
		more += "shadow = true, "
	}
	every := fmt.Sprintf("%dd", l.days)
	if l.days == 0 {
		every = fmt.Sprintf("%dh", l.hours)
	}
	return fmt.Sprintf("{ name = %q, every = %q, from = %q, %szone = %q, who = [%s] }", name, every, l.from, more, l.zone, strings.Join(turns, ", "))
}
