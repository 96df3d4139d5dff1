package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/schedule"
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

// holders walks all minutes of the stretch and gives the turn at each, nil for a transparent one.
func (l slowLine) holders(o oracle) [][]string {
	out := make([][]string, len(o.wall))
	end := len(o.wall)
	if l.to != "" {
		end = o.last(l.to)
	}
	open := l.openAt(o)
	turn, highest, handoffs := 0, "", 1
	next := l.handoff(1)
	for i := o.first(l.from); i < end; i++ {
		highest = max(highest, o.wall[i])
		passed := false
		for ; next <= highest; handoffs++ {
			passed = true // several at one minute are one
			next = l.handoff(handoffs + 1)
		}
		if passed && i > o.first(l.from) {
			turn++
		}
		if open[i] {
			out[i] = l.ring[turn%len(l.ring)]
		}
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
	every := fmt.Sprintf("%dd", l.days)
	if l.days == 0 {
		every = fmt.Sprintf("%dh", l.hours)
	}
	return fmt.Sprintf("{ name = %q, every = %q, from = %q, %szone = %q, who = [%s] }", name, every, l.from, more, l.zone, strings.Join(turns, ", "))
}

// slowCover is a cover as the oracle sees it: minutes of the stretch.
type slowCover struct {
	by, person string
	from, to   string
	zone       string
}

// slow is who is on call at each minute by the rules of the format, read slowly: the highest layer with anybody wins;
// covers take one person's time, and nobody's cover takes them out.
func slow(lines []slowLine, covers []slowCover, oracles map[string]oracle) []string {
	var layers [][][]string
	minutes := 0
	for _, l := range lines {
		o := oracles[l.zone]
		layers = append(layers, l.holders(o))
		minutes = len(o.wall)
	}
	out := make([]string, minutes)
	for i := range out {
		for y := len(layers) - 1; y >= 0 && out[i] == ""; y-- {
			out[i] = covered(layers[y][i], covers, oracles, i)
		}
	}
	return out
}

func covered(people []string, covers []slowCover, oracles map[string]oracle, minute int) string {
	var on []string
	for _, person := range people {
		for _, c := range covers {
			o := oracles[c.zone]
			if c.person == person && minute >= o.first(c.from) && minute < o.last(c.to) {
				person = c.by
				break
			}
		}
		if person != "-" {
			on = append(on, person)
		}
	}
	slices.Sort(on)
	return strings.Join(slices.Compact(on), ", ")
}

// zones have every kind of change of their clocks that there has been since 1980.
var zones = []string{
	"Africa/Cairo", "Africa/Casablanca", "Africa/Juba", "America/Asuncion", "America/Caracas", "America/Godthab", "America/Havana",
	"America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Santiago", "America/Sao_Paulo", "America/Scoresbysund",
	"America/St_Johns", "Antarctica/Casey", "Antarctica/Troll", "Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Kolkata",
	"Asia/Pyongyang", "Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe", "Australia/Sydney",
	"Europe/Berlin", "Europe/Dublin", "Europe/Istanbul", "Europe/London", "Europe/Moscow", "Europe/Volgograd", "Pacific/Apia",
	"Pacific/Chatham", "Pacific/Fakaofo", "Pacific/Kiritimati", "Pacific/Kwajalein", "Pacific/Norfolk", "UTC",
}

// changes are the times between two years at which a zone's clock is set.
func changes(zone *time.Location, from, to int) []time.Time {
	var found []time.Time
	day := 24 * time.Hour
	for at := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < to; at = at.Add(day) {
		_, before := at.In(zone).Zone()
		_, after := at.Add(day).In(zone).Zone()
		if before == after {
			continue
		}
		minute := at
		for _, offset := minute.In(zone).Zone(); offset == before; _, offset = minute.In(zone).Zone() {
			minute = minute.Add(time.Minute)
		}
		found = append(found, minute)
	}
	return found
}

const stretch = 6 * 24 * 60 // minutes that the oracle walks

// fileZone loads a zone in the only way there is from outside: as the zone of a file.
func fileZone(tb rapid.TB, name string) *time.Location {
	f, err := schedule.Parse("zone.toml", []byte(fmt.Sprintf("zone = %q\n[people]\nalice = {}\n[schedule.s]\nlayers = [{ name = \"n\", from = \"2026-01-05 09:00\", who = [\"alice\"] }]", name)))
	if err != nil {
		tb.Fatal(err)
	}
	return f.Zone()
}

// agree compares every minute of the stretch, and that the shifts tile it.
func agree(tb rapid.TB, lines []slowLine, covers []slowCover, start time.Time, oracles map[string]oracle) {
	var b strings.Builder
	holidays := "[holidays]\n"
	for i, l := range lines {
		fmt.Fprintf(&b, "  %s,\n", l.text(fmt.Sprintf("layer%d", i)))
		holidays += l.holidays(fmt.Sprintf("layer%d", i))
	}
	text := rotation(holidays + "[schedule.api]\nlayers = [\n" + b.String() + "]\n")
	for _, c := range covers {
		text += fmt.Sprintf("[[change]]\ncover = { on = \"api\", by = %q, for = %q, from = %q, to = %q, zone = %q }\n", c.by, c.person, c.from, c.to, c.zone)
	}
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		tb.Fatalf("parse:\n%v\nof\n%s", err, text)
	}
	want := slow(lines, covers, oracles)
	stretch := len(want)
	minute, before := 0, "none yet"
	end := start.Add(time.Duration(stretch) * time.Minute)
	for shift := range f.Shifts("api", start, end) {
		if got := start.Add(time.Duration(minute) * time.Minute); !shift.From.Equal(got) {
			tb.Fatalf("a shift begins at %s, the one before it ended at %s, of\n%s", shift.From, got, text)
		}
		people := strings.Join(shift.People, ", ")
		if people == before {
			tb.Fatalf("%q is relieved by the same at %s, of\n%s", people, shift.From, text)
		}
		before = people
		for ; minute < stretch && start.Add(time.Duration(minute)*time.Minute).Before(shift.To); minute++ {
			if want[minute] != people {
				tb.Fatalf("at %s: on call %q, want %q, of\n%s", start.Add(time.Duration(minute)*time.Minute), people, want[minute], text)
			}
		}
	}
	if minute != stretch {
		tb.Fatalf("the shifts end after %d minutes of %d, of\n%s", minute, stretch, text)
	}
	for i := 0; i < stretch; i += 97 {
		a, err := f.Who("api", start.Add(time.Duration(i)*time.Minute))
		if err != nil || strings.Join(a.People, ", ") != want[i] {
			tb.Fatalf("at %s: %v, %v, want %q, of\n%s", a.At, a, err, want[i], text)
		}
	}
}

// Every change of every zone, with handoffs just before, inside, at the end of and just after the jump.
func TestEveryMinuteAroundEveryChange(t *testing.T) {
	spans := [][2]int{{2011, 2012}, {2018, 2019}, {2025, 2027}} // Apia's and Fakaofo's skipped day, gaps at midnight, now
	if testing.Short() {
		spans = spans[:1]
	}
	for _, name := range zones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := fileZone(t, name)
			var found []time.Time
			for _, span := range spans {
				found = append(found, changes(zone, span[0], span[1])...)
			}
			for _, change := range found {
				start := change.Add(-3 * 24 * time.Hour).Truncate(time.Hour)
				oracles := map[string]oracle{name: look(zone, start, stretch)}
				for _, shift := range []time.Duration{-30 * time.Minute, 0, 15 * time.Minute, 24 * time.Hour} {
					clock := change.Add(-time.Minute).In(zone).Add(time.Minute + shift).Format(" 15:04")
					from := change.Add(-2*24*time.Hour).In(zone).Format("2006-01-02") + clock
					ring := [][]string{{"alice"}, {"bob"}, {"carol"}}
					agree(t, []slowLine{{zone: name, from: from, days: 1, ring: ring}}, nil, start, oracles)
					agree(t, []slowLine{{zone: name, from: from, hours: 1, ring: ring}}, nil, start, oracles)
					agree(t, []slowLine{{zone: name, from: from, days: 1, ring: ring, when: jumpWindows(change, zone, shift)}}, nil, start, oracles)
				}
			}
		})
	}
}

// jumpWindows begin and end on each day around the time of a change: a short one, and one over the night before it.
func jumpWindows(change time.Time, zone *time.Location, shift time.Duration) []slowWindow {
	near := change.Add(-time.Minute).In(zone).Add(time.Minute + shift)
	begin := wall(near.Format("2006-01-02 15:04"))
	end := begin.Add(30 * time.Minute)
	later := 0
	if end.Day() != begin.Day() {
		later = 1
	}
	var list []slowWindow
	for day := range time.Weekday(7) {
		list = append(list,
			slowWindow{day: day, from: begin.Format("15:04"), to: end.Format("15:04"), later: later},
			slowWindow{day: day, from: "20:00", to: begin.Format("15:04"), later: 1})
	}
	return list
}

// Hours over three years: what each change of the clock takes from the turns, or gives to them, stays counted.
func TestEveryMinuteOfThreeYearsOfHours(t *testing.T) {
	names := []string{"Europe/Berlin", "Antarctica/Troll", "Australia/Lord_Howe", "Africa/Casablanca"}
	if testing.Short() {
		names = names[:1]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			oracles := map[string]oracle{name: look(fileZone(t, name), start, 3*366*24*60)}
			for _, every := range []int{1, 2, 7} {
				agree(t, []slowLine{{zone: name, from: "2025-01-02 00:00", hours: every, ring: [][]string{{"alice"}, {"bob"}, {"carol"}}}}, nil, start, oracles)
			}
		})
	}
}

// Rings, layers, zones and covers drawn at random around a change.
func TestEveryMinuteOfDrawnRotations(t *testing.T) {
	loaded := map[string]*time.Location{}
	known := map[string][]time.Time{}
	for _, name := range zones {
		loaded[name] = fileZone(t, name)
		known[name] = changes(loaded[name], 1990, 2040)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		second := rapid.SampledFrom([]string{name, "America/New_York", "Asia/Tokyo"}).Draw(t, "second zone")
		around := append([]time.Time{time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}, known[name]...)
		change := rapid.SampledFrom(around).Draw(t, "change")
		start := change.Add(-4 * 24 * time.Hour).Truncate(time.Hour) // before every `from` that is drawn, in either zone
		oracles := map[string]oracle{name: look(loaded[name], start, stretch), second: look(loaded[second], start, stretch)}

		clock := rapid.Custom(func(t *rapid.T) string { return drawClock(t, change.In(loaded[name])) })
		window := rapid.Custom(func(t *rapid.T) slowWindow { return drawWindow(t, clock) })
		var lines []slowLine
		for range rapid.IntRange(1, 3).Draw(t, "layers") {
			l := slowLine{
				zone: rapid.SampledFrom([]string{name, second}).Draw(t, "layer zone"), from: clock.Draw(t, "from"),
				days: rapid.IntRange(0, 3).Draw(t, "days"), hours: rapid.SampledFrom([]int{1, 2, 5, 12, 24}).Draw(t, "hours"),
				when: rapid.SliceOfN(window, 0, 3).Draw(t, "when"),
				ring: rapid.SliceOfN(rapid.SampledFrom([][]string{{"alice"}, {"bob"}, {"alice", "bob"}, {"carol"}, nil}), 1, 4).Draw(t, "ring"),
			}
			if rapid.Bool().Draw(t, "holidays") {
				day := rapid.Custom(func(t *rapid.T) string { return clock.Draw(t, "day")[:10] })
				l.except = rapid.SliceOfN(day, 0, 2).Draw(t, "except")
				if rapid.Bool().Draw(t, "limited") {
					l.only = rapid.SliceOfN(day, 0, 4).Draw(t, "only")
				}
			}
			if to := clock.Draw(t, "to"); to > l.from {
				l.to = to
			}
			lines = append(lines, l)
		}
		var covers []slowCover
		for _, person := range []string{"alice", "bob"} {
			c := slowCover{
				by: rapid.SampledFrom([]string{"dan", "bob", "-"}).Draw(t, "by"), person: person, zone: name,
				from: clock.Draw(t, "cover from"), to: clock.Draw(t, "cover to"),
			}
			if c.to > c.from {
				covers = append(covers, c)
			}
		}
		agree(t, lines, covers, start, oracles)
	})
}

// drawClock is a local time in the days around a change, often one near the jump itself.
func drawClock(t *rapid.T, change time.Time) string {
	day := change.AddDate(0, 0, rapid.IntRange(-2, 2).Draw(t, "day")).Format("2006-01-02")
	near := []string{change.Format(" 15:04"), change.Add(-time.Minute).Format(" 15:04"), change.Add(-time.Hour).Format(" 15:04"), " 00:00", " 02:30", " 01:30"}
	if rapid.Bool().Draw(t, "near") {
		return day + rapid.SampledFrom(near).Draw(t, "clock")
	}
	return fmt.Sprintf("%s %02d:%02d", day, rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"))
}

// drawWindow is a window whose ends are clock times such as those drawn for handoffs, often near the jump.
func drawWindow(t *rapid.T, clock *rapid.Generator[string]) slowWindow {
	opens, closes := clock.Draw(t, "opens"), clock.Draw(t, "closes")
	w := slowWindow{day: wall(opens).Weekday(), from: opens[11:], to: closes[11:], later: rapid.IntRange(0, 6).Draw(t, "closes later")}
	if w.later == 0 && w.to <= w.from {
		w.later = 7 // the file can only say the next time that the day and the clock come
	}
	return w
}
