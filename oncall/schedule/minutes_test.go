package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/schedule"
)

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
func agree(tb rapid.TB, file slowFile, start time.Time) {
	var b strings.Builder
	holidays := "[holidays]\n"
	for i, l := range file.lines {
		fmt.Fprintf(&b, "  %s,\n", l.text(fmt.Sprintf("layer%d", i)))
		holidays += l.holidays(fmt.Sprintf("layer%d", i))
	}
	text := rotation(holidays + "[schedule.api]\nlayers = [\n" + b.String() + "]\n")
	for _, c := range file.changes {
		text += c.text()
	}
	for _, c := range file.swaps {
		text += c.text()
	}
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		tb.Fatalf("parse:\n%v\nof\n%s", err, text)
	}
	want := file.slow()
	stretch := len(want)
	minute, before := 0, "none yet"
	end := start.Add(time.Duration(stretch) * time.Minute)
	for shift := range f.Shifts("api", start, end) {
		if got := start.Add(time.Duration(minute) * time.Minute); !shift.From.Equal(got) {
			tb.Fatalf("a shift begins at %s, the one before it ended at %s, of\n%s", shift.From, got, text)
		}
		people := shown(shift.People, shift.Shadow)
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
		if err != nil || shown(a.People, a.Shadow) != want[i] {
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
					agree(t, slowFile{lines: []slowLine{{zone: name, from: from, days: 1, ring: ring}}, oracles: oracles}, start)
					agree(t, slowFile{lines: []slowLine{{zone: name, from: from, hours: 1, ring: ring}}, oracles: oracles}, start)
					agree(t, slowFile{lines: []slowLine{{zone: name, from: from, days: 1, ring: ring, when: jumpWindows(change, zone, shift)}}, oracles: oracles}, start)
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
				agree(t, slowFile{lines: []slowLine{{zone: name, from: "2025-01-02 00:00", hours: every, ring: [][]string{{"alice"}, {"bob"}, {"carol"}}}}, oracles: oracles}, start)
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
			l.shifts = l.days > 0 && rapid.Bool().Draw(t, "by shifts")
			l.shadow = rapid.IntRange(0, 4).Draw(t, "shadow") == 0
			if to := clock.Draw(t, "to"); to > l.from {
				l.to = to
			}
			lines = append(lines, l)
		}
		file := slowFile{lines: lines, oracles: oracles}
		for i, kind := range []string{"cover", "cover", "off", "off", "add"} {
			c := slowChange{
				kind: kind, by: rapid.SampledFrom([]string{"dan", "bob", "-"}).Draw(t, "by"), person: []string{"alice", "bob", "alice", "carol", "bob"}[i],
				zone: name, from: clock.Draw(t, "change from"), to: clock.Draw(t, "change to"),
			}
			if c.to > c.from && rapid.Bool().Draw(t, kind) {
				file.changes = append(file.changes, c)
			}
		}
		if swap, ok := drawSwap(t, file); ok {
			file.swaps = append(file.swaps, swap)
		}
		agree(t, file, start)
	})
}

// drawSwap draws two turns of one layer, among those whose owner has no other that starts on the same day.
func drawSwap(t *rapid.T, file slowFile) (slowSwap, bool) {
	layer := rapid.IntRange(0, len(file.lines)-1).Draw(t, "swap layer")
	l := file.lines[layer]
	if l.shadow {
		return slowSwap{}, false
	}
	o := file.oracles[l.zone]
	type start struct {
		person, day string
		turn        int
	}
	var starts []start
	before := -1
	for minute, turn := range l.turns(o) {
		if turn >= 0 && turn != before {
			for _, person := range l.ring[turn%len(l.ring)] {
				starts = append(starts, start{person, o.wall[minute][:10], turn})
			}
		}
		before = turn
	}
	var plain []start
	for _, s := range starts {
		same := 0
		for _, other := range starts {
			if other.person == s.person && other.day == s.day {
				same++
			}
		}
		if same == 1 && s.day < o.wall[len(o.wall)-1][:10] { // what else starts on the last day is out of sight
			plain = append(plain, s)
		}
	}
	if len(plain) < 2 {
		return slowSwap{}, false
	}
	a, b := rapid.SampledFrom(plain).Draw(t, "a turn"), rapid.SampledFrom(plain).Draw(t, "another turn")
	if a.turn == b.turn {
		return slowSwap{}, false
	}
	return slowSwap{layer: layer, turns: [2]int{a.turn, b.turn}, people: [2]string{a.person, b.person}, days: [2]string{a.day, b.day}, zone: l.zone}, true
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
