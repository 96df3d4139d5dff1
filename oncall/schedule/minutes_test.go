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

// zones have every kind of change of their clocks that there has been since 1980.
var zones = []string{
	"Africa/Cairo", "Africa/Casablanca", "Africa/Juba", "America/Asuncion", "America/Caracas", "America/Ciudad_Juarez", "America/Godthab", "America/Havana",
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
		list := fmt.Sprintf("line%d", i)
		fmt.Fprintf(&b, "  %s,\n", l.text(file.layer(i), list))
		holidays += l.holidays(list)
	}
	text := rotation(holidays + "[schedule.api]\nlayers = [\n" + b.String() + "]\n")
	for _, c := range file.changes {
		text += c.text()
	}
	for _, c := range file.swaps {
		text += c.text(file.layer(c.line))
	}
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		tb.Fatalf("parse:\n%v\nof\n%s", err, text)
	}
	want := file.slow()
	end := start.Add(time.Duration(len(want)) * time.Minute)
	shifts := slices.Collect(f.Shifts("api", start, end))
	minute := 0
	for i, shift := range shifts {
		if got := start.Add(time.Duration(minute) * time.Minute); !shift.From.Equal(got) {
			tb.Fatalf("a shift begins at %s, the one before it ended at %s, of\n%s", shift.From, got, text)
		}
		people := shown(shift.People, shift.Shadow)
		if i > 0 && people == shown(shifts[i-1].People, shifts[i-1].Shadow) {
			tb.Fatalf("%q is relieved by the same at %s, of\n%s", people, shift.From, text)
		}
		for ; minute < len(want) && start.Add(time.Duration(minute)*time.Minute).Before(shift.To); minute++ {
			if want[minute] != people {
				tb.Fatalf("at %s: on call %q, want %q, of\n%s", start.Add(time.Duration(minute)*time.Minute), people, want[minute], text)
			}
		}
	}
	if minute != len(want) {
		tb.Fatalf("the shifts end after %d minutes of %d, of\n%s", minute, len(want), text)
	}
	if err := agreeing(f, shifts, end); err != nil {
		tb.Fatalf("%v, of\n%s", err, text)
	}
	for i := 0; i < len(want); i += 97 { // Who has no walk behind it that knows what was before
		a, err := f.Who("api", start.Add(time.Duration(i)*time.Minute))
		if err != nil || shown(a.People, a.Shadow) != want[i] {
			tb.Fatalf("at %s: %v, %v, want %q, of\n%s", a.At, a, err, want[i], text)
		}
	}
}

// agreeing asks Who at both ends of each shift and a second beside them, and Stints for the whole time.
func agreeing(f *schedule.File, shifts []schedule.Shift, end time.Time) error {
	for _, s := range shifts {
		for _, at := range []time.Time{s.From, s.From.Add(time.Second), s.To.Add(-time.Second)} {
			a, err := f.Who("api", at)
			if err != nil {
				return err
			}
			until := a.Until
			if until.IsZero() || until.After(end) {
				until = end
			}
			if shown(a.People, a.Shadow) != shown(s.People, s.Shadow) || !until.Equal(s.To) {
				return fmt.Errorf("at %s: %v until %s; the shift is %v from %s to %s", at, a.People, a.Until, s.People, s.From, s.To)
			}
		}
	}
	at, i := shifts[0].From, 0
	for stint := range f.Stints("api", at, end) {
		if stint.From.After(at) || (!stint.From.Equal(at) && i > 0) || (!stint.To.IsZero() && !stint.To.After(at)) {
			return fmt.Errorf("a stint from %s to %s where the one before it ended at %s", stint.From, stint.To, at)
		}
		if stint.Layer != "" && (stint.Begin.After(stint.From) || (!stint.End.IsZero() && !stint.To.IsZero() && stint.End.Before(stint.To))) {
			return fmt.Errorf("a stint from %s to %s of a turn from %s to %s", stint.From, stint.To, stint.Begin, stint.End)
		}
		for ; ; i++ { // all shifts that the stint touches have its people
			if !slices.Equal(shifts[i].People, stint.People) {
				return fmt.Errorf("from %s %v by Stints, %v by Shifts", at, stint.People, shifts[i].People)
			}
			if i == len(shifts)-1 || (!stint.To.IsZero() && !shifts[i].To.Before(stint.To)) {
				break
			}
		}
		if at = stint.To; at.IsZero() || !at.Before(end) {
			return nil
		}
		if i < len(shifts)-1 && shifts[i].To.Equal(at) {
			i++
		}
	}
	return fmt.Errorf("the stints end at %s, want %s", at, end)
}

// Every change of every zone, with handoffs just before, inside, at the end of and just after the jump.
func TestEveryMinuteAroundEveryChange(t *testing.T) {
	spans := [][2]int{{2011, 2012}, {2018, 2019}, {2022, 2023}, {2025, 2027}} // Apia's and Fakaofo's skipped day, gaps at midnight, Ciudad Juárez, now
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
					agree(t, slowFile{lines: []slowLine{{zone: name, from: from, every: 1, unit: "d", ring: ring}}, oracles: oracles}, start)
					agree(t, slowFile{lines: []slowLine{{zone: name, from: from, every: 1, unit: "h", ring: ring}}, oracles: oracles}, start)
					agree(t, slowFile{lines: []slowLine{{zone: name, from: from, every: 1, unit: "d", ring: ring, when: jumpWindows(change, zone, shift)}}, oracles: oracles}, start)
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

// Three years of every zone with one of each: lines that somebody joins by, windows by day and over the weekend, days and
// months that count by what is served, a month's end, hours in another zone, a shadow and all changes.
func TestEveryMinuteOfThreeYears(t *testing.T) {
	names := zones
	if testing.Short() {
		names = []string{"Europe/Berlin", "Australia/Lord_Howe"}
	}
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	const minutes = (3*365 + 2) * 24 * 60
	const other = "America/New_York"
	there := look(fileZone(t, other), start, minutes)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := yearsFile(name, other)
			file.oracles = map[string]oracle{name: look(fileZone(t, name), start, minutes), other: there}
			agree(t, file, start)
		})
	}
	t.Logf("%d zones of %d minutes each", len(names), minutes)
}

// yearsFile is a schedule in one zone with a layer in another.
func yearsFile(zone, other string) slowFile {
	var office []slowWindow
	for day := time.Monday; day <= time.Thursday; day++ {
		office = append(office, slowWindow{day: day, from: "02:15", to: "02:45"}, slowWindow{day: day, from: "09:00", to: "17:00"})
	}
	office = append(office, slowWindow{day: time.Thursday, from: "22:00", to: "10:00", later: 2}) // Friday begins no window and stays with it
	nights := []slowWindow{{day: time.Friday, from: "18:30", to: "08:00", later: 3}, {day: time.Tuesday, from: "23:00", to: "01:30", later: 1}}
	sundays := []slowWindow{{day: time.Sunday, from: "00:00", to: "04:00"}}
	people := func(names ...string) (ring [][]string) {
		for _, name := range names {
			if name == "-" {
				ring = append(ring, nil)
				continue
			}
			ring = append(ring, strings.Split(name, "+"))
		}
		return ring
	}
	return slowFile{
		lines: []slowLine{
			{zone: zone, from: "2025-01-08 02:30", to: "2026-06-03 02:30", every: 1, unit: "w", ring: people("alice", "bob", "carol")},
			{zone: zone, from: "2026-06-03 02:30", every: 1, unit: "w", ring: people("carol", "alice", "dan", "bob"), joins: true},
			{zone: zone, from: "2025-01-31 00:30", every: 1, unit: "mo", ring: people("-", "erin", "-", "frank"), only: []string{"2025-02-28", "2025-03-30", "2026-03-31", "2027-02-28", "2027-03-01"}},
			{zone: zone, from: "2025-01-06 02:15", every: 2, unit: "d", ring: people("bob", "dan+erin", "alice"), when: office, except: []string{"2025-05-01", "2025-12-25", "2026-03-30", "2027-01-01"}, shifts: true},
			{zone: other, from: "2025-01-06 09:30", every: 7, unit: "h", ring: people("carol", "-", "dan", "-", "-"), when: nights},
			{zone: zone, from: "2025-01-05 00:00", every: 1, unit: "w", ring: people("frank", "-", "alice"), when: sundays, except: []string{"2025-03-09", "2026-10-25"}, shifts: true},
			{zone: zone, from: "2025-02-01 00:00", every: 1, unit: "mo", ring: people("erin", "frank", "dan"), when: sundays, only: []string{"2025-03-02", "2025-03-30", "2025-07-06", "2026-10-25", "2027-03-28"}, shifts: true},
			{zone: zone, from: "2025-01-06 00:00", every: 1, unit: "d", ring: people("erin", "bob"), shadow: true},
		},
		changes: []slowChange{
			{kind: "cover", by: "frank", person: "alice", from: "2025-03-30 02:30", to: "2025-04-09 00:00", zone: zone},
			{kind: "cover", by: "-", person: "carol", from: "2026-10-20 12:00", to: "2026-10-28 01:30", zone: other},
			{kind: "off", person: "bob", from: "2025-10-20 00:00", to: "2025-11-09 02:30", zone: zone},
			{kind: "off", person: "carol", from: "2027-03-01 00:00", to: "2027-04-01 00:00", zone: zone},
			{kind: "add", person: "erin", from: "2026-03-29 02:15", to: "2026-03-29 12:00", zone: zone},
		},
		swaps: []slowSwap{{line: 0, turns: [2]int{11, 13}, people: [2]string{"carol", "bob"}, days: [2]string{"2025-03-26", "2025-04-09"}, zone: zone}},
	}
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
				agree(t, slowFile{lines: []slowLine{{zone: name, from: "2025-01-02 00:00", every: every, unit: "h", ring: [][]string{{"alice"}, {"bob"}, {"carol"}}}}, oracles: oracles}, start)
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
				every: rapid.SampledFrom([]int{1, 2, 3, 5, 12, 24}).Draw(t, "every"), unit: rapid.SampledFrom([]string{"h", "h", "d", "d", "w", "mo"}).Draw(t, "unit"),
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
			l.shifts = l.unit != "h" && rapid.Bool().Draw(t, "by shifts")
			l.shadow = rapid.IntRange(0, 4).Draw(t, "shadow") == 0
			if to := clock.Draw(t, "to"); to > l.from {
				l.to = to
			}
			lines = append(lines, l)
			if next := clock.Draw(t, "next from"); l.to != "" && next >= l.to && rapid.Bool().Draw(t, "joined") {
				l.joins, l.from, l.to = true, next, ""
				l.ring = append(l.ring[1:len(l.ring):len(l.ring)], []string{"erin"})
				lines = append(lines, l)
			}
		}
		file := slowFile{lines: lines, oracles: oracles}
		for i, kind := range []string{"cover", "cover", "off", "off", "add"} {
			c := slowChange{
				kind: kind, by: rapid.SampledFrom([]string{"dan", "bob", "-"}).Draw(t, "by"), person: []string{"alice", "bob", "alice", "carol", "bob"}[i],
				zone: name, from: clock.Draw(t, "change from"), to: clock.Draw(t, "change to"),
			}
			lasts := c.to > c.from && oracles[name].first(c.from) < oracles[name].last(c.to) // one that a jump takes is refused
			if lasts && rapid.Bool().Draw(t, kind) {
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
	line := rapid.IntRange(0, len(file.lines)-1).Draw(t, "swap line")
	l := file.lines[line]
	if l.shadow || l.joins || (line+1 < len(file.lines) && file.lines[line+1].joins) { // a day may name turns of both lines
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
	return slowSwap{line: line, turns: [2]int{a.turn, b.turn}, people: [2]string{a.person, b.person}, days: [2]string{a.day, b.day}, zone: l.zone}, true
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
