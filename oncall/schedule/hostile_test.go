package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/schedule"
)

// FuzzStructured draws files that look like rotation files, with values at and beyond every edge: whatever is accepted
// must give shifts that end, tile, and agree with Who and Stints.
func FuzzStructured(f *testing.F) {
	bytes := rand.NewChaCha8([32]byte{3}) // a file takes some thousand bytes to draw
	for range 10 {
		seed := make([]byte, 8<<10)
		if _, err := bytes.Read(seed); err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(rapid.MakeFuzz(hostile))
}

// TestHostileFiles is the same with drawn input.
func TestHostileFiles(t *testing.T) { rapid.Check(t, hostile) }

func hostile(t *rapid.T) {
	text := drawHostile(t)
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		return
	}
	from := rapid.SampledFrom(hostileStarts).Draw(t, "start").Add(time.Duration(spread(rapid.IntRange(0, 40*24*3600).Draw(t, "seconds"), 40*24*3600)) * time.Second)
	end := from.AddDate(1, 0, 0)
	at := from
	for shift := range f.Shifts("api", from, end) {
		if !shift.From.Equal(at) || !shift.From.Before(shift.To) {
			t.Fatalf("a shift from %s to %s where the one before it ended at %s, of\n%s", shift.From, shift.To, at, text)
		}
		at = shift.To
	}
	if !at.Equal(end) {
		t.Fatalf("the shifts end at %s, want %s, of\n%s", at, end, text)
	}
	soon := from.Add(2 * 24 * time.Hour)
	var shifts []schedule.Shift
	for shift := range f.Shifts("api", from, soon) {
		shifts = append(shifts, shift)
	}
	if err := agreeing(f, shifts, soon); err != nil {
		t.Fatalf("%v, of\n%s", err, text)
	}
}

// hostileStarts are before every file, at Apia's skipped day, before changes of many clocks, and at the end of time.
var hostileStarts = []time.Time{
	{},
	time.Date(1899, 12, 20, 0, 0, 0, 0, time.UTC), time.Date(2011, 12, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 2, 10, 0, 0, 0, 0, time.UTC), time.Date(9990, 1, 1, 0, 0, 0, 0, time.UTC),
}

// drawHostile draws a file. Each value is a plain one, one at an edge, or, now and then, one that is refused.
func drawHostile(t *rapid.T) string {
	one := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	sometimes := func(label, text string) string {
		if rapid.IntRange(0, 2).Draw(t, label) > 0 {
			return ""
		}
		return text
	}
	rarely := func(label, bad, good string) string {
		if rapid.IntRange(0, 79).Draw(t, label) == 79 {
			return bad
		}
		return good
	}
	zone := func() string {
		return one("zone", "Europe/Berlin", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "America/Sao_Paulo",
			"Africa/Monrovia", "America/Ciudad_Juarez", "Asia/Kathmandu", "Africa/Casablanca", "Etc/GMT+12", "UTC")
	}
	clock := func() string {
		return rarely("bad clock", one("nonsense", "2026-02-30 09:00", "2026-01-05 09:00:30", ""), one("clock", "2026-01-05 09:00", "2026-03-29 02:30", "2026-03-08 02:30", "2026-10-25 02:30", "2011-12-30 09:00", "2011-12-30 00:00", "2018-11-04 00:00",
			"1900-01-01 00:00", "2026-01-31 23:59", "2028-02-29 00:00", "9999-12-31 23:59", "2022-11-29 23:30"))
	}
	span := func() string {
		from, to := clock(), clock()
		return fmt.Sprintf("from = %q, to = %q", min(from, to), rarely("bad end", from, max(from, to)+rarely("longer", ":59", "")))
	}
	day := func() string {
		return one("day", "2026-03-29", "2026-03-30", "2026-10-25", "2011-12-30", "2026-01-06", "1900-01-01", "9999-12-31")
	}
	turn := func() string {
		return one("turn", `"alice"`, `"bob"`, `"carol"`, `"-"`, `["alice", "bob"]`, `["alice", "bob", "carol", "alice"]`, `[]`)
	}
	window := func() string {
		return one("window", "00:00-24:00", "02:15-02:45", "22:00-06:00", "Mon-Fri 09:00-17:00", "Fri 18:00-Mon 08:00", "Sat-Mon 08:00-08:00", "Mon 09:00-Mon 09:00",
			"Sun 02:00-03:00", "00:00-00:01", "23:59-24:00", "Mon,Wed,Fri 12:00-11:59", "Sun 23:59-Sun 23:58", rarely("bad window", "25:00-26:00", "12:30-12:31"))
	}
	lists := func() string { return one("lists", `"a"`, `"b"`, `["a", "b"]`, `["a", "a"]`, `"none"`) }
	many := func(label string, most int, item func() string) string {
		var items []string
		for range rapid.IntRange(1, most).Draw(t, label) {
			items = append(items, item())
		}
		return strings.Join(items, ", ")
	}

	var b strings.Builder
	fmt.Fprintf(&b, "zone = %q\n[people]\nalice = {}\nbob = {}\ncarol = {}\n", zone())
	fmt.Fprintf(&b, "[holidays]\na = [%s]\nb = [%s]\nnone = []\n[schedule.api]\nlayers = [\n", many("days", 5, day), many("days", 5, day))
	for i := range rapid.IntRange(1, 4).Draw(t, "lines") {
		from, to := clock(), clock()
		from, to = min(from, to), max(from, to)
		fmt.Fprintf(&b, "  { name = %q, every = %q, from = %q, who = [%s]%s%s%s%s%s%s%s },\n", rarely("same name", "n0", fmt.Sprintf("n%d", i)),
			one("every", "1h", "5h", "24h", "1d", "2d", "1w", "9000d", "9000w", "1mo", "9000mo", "9000h", rarely("bad every", "0d", "3d")), from, many("ring", 6, turn),
			sometimes("to", fmt.Sprintf(", to = %q", rarely("bad to", from, to))), sometimes("zoned", fmt.Sprintf(", zone = %q", zone())),
			sometimes("when", `, when = ["`+strings.ReplaceAll(many("windows", 4, window), ", ", `", "`)+`"]`),
			sometimes("except", ", except = "+lists()), sometimes("only", ", only = "+lists()), sometimes("count", `, count = "shifts"`), sometimes("shadow", ", shadow = true"))
	}
	b.WriteString("]\n")
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		person := rarely("bad person", "zoe", one("person", "alice", "bob", "carol"))
		switch rarely("swap", "swap", one("kind", "cover", "add", "off")) {
		case "cover":
			fmt.Fprintf(&b, "[[change]]\ncover = { on = \"api\", by = %q, for = %q, %s }\n", one("by", "alice", "bob", "-"), person, span())
		case "add":
			fmt.Fprintf(&b, "[[change]]\nadd = { on = \"api\", who = %q, %s }\n", person, span())
		case "off":
			fmt.Fprintf(&b, "[[change]]\noff = { who = %q, %s }\n", person, span())
		case "swap":
			fmt.Fprintf(&b, "[[change]]\nswap = { on = \"api\", turns = [\"%s %s\", \"%s %s\"] }\n", person, day(), one("other", "alice", "bob"), day())
		}
	}
	return b.String()
}

// A file of the size that is allowed must be read, and answered from, in about a second, whatever is in it. The bound is
// many times that, for a busy machine; what grew with a square took minutes.
func TestLargeFilesEnd(t *testing.T) {
	const bound = 20 * time.Second
	some := func(n int, item func(i int) string) []string {
		var items []string
		for i := range n {
			items = append(items, item(i))
		}
		return items
	}
	day := func(i int) string {
		return time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i).Format("2006-01-02")
	}
	people := func(n int) string {
		return "zone = \"Europe/Berlin\"\n[people]\n" + strings.Join(some(n, func(i int) string { return fmt.Sprintf("p%d = {}\n", i) }), "")
	}
	minutes := some(50, func(i int) string {
		return fmt.Sprintf(`"%02d:%02d-%02d:%02d"`, i*28/60, i*28%60, (i*28+1)/60, (i*28+1)%60)
	})
	windows := "when = [" + strings.Join(minutes, ", ") + "]"
	base := line("base", `from = "2026-01-05 09:00", who = ["p0"]`)
	for name, text := range map[string]string{
		"a ring of 10,000 people by the hour": people(10000) + api(line("n", `every = "1h", from = "1900-01-01 00:00", who = [`+strings.Join(some(10000, func(i int) string { return fmt.Sprintf(`"p%d"`, i) }), ",")+"]")),
		"a ring of 9,000 people by the month": people(9000) + api(line("n", `every = "1mo", from = "1900-01-31 00:00", who = [`+strings.Join(some(9000, func(i int) string { return fmt.Sprintf(`"p%d"`, i) }), ",")+"]")),
		"80,000 turns of people who are off":  people(4) + api(line("n", `every = "1h", from = "2026-01-05 09:00", who = [`+strings.Join(some(80000, func(i int) string { return fmt.Sprintf(`"p%d"`, i%4) }), ",")+"]")) + strings.Join(some(4, func(i int) string { return offOf(fmt.Sprintf("p%d", i), "2026-02-01", "2036-02-01") }), ""),
		"5,000 lines of one layer": people(1) + api(some(5000, func(i int) string {
			return line("n", fmt.Sprintf(`from = "%s 09:00", to = "%s 09:00", who = ["p0"]`, day(i), day(i+1)))
		})...),
		"100 layers that change nothing by the hour, by 10 hours each": people(1) + api(append([]string{base}, some(99, func(i int) string {
			return line(fmt.Sprint("n", i), fmt.Sprintf(`every = "10h", from = "2026-01-05 09:%02d", who = ["-", "p0"]`, i%60))
		})...)...),
		"50 windows a day that change nothing": people(1) + api(base, line("n", `every = "1h", from = "2026-01-05 09:00", who = ["-", "p0"], `+windows)),
		"50 windows a day, counted":            people(2) + api(base, line("n", `every = "1d", from = "1900-01-05 09:00", who = ["p0", "p1"], count = "shifts", `+windows)),
		"2,000 layers with 2,000 holidays each": people(1) + "[holidays]\nd = [" + strings.Join(some(2000, day), ",") + "]\n" + strings.Join(some(2000, func(i int) string {
			return fmt.Sprintf("[schedule.s%d]\nlayers = [%s]\n", i, line("n", `every = "1d", from = "2026-01-05 09:00", who = ["p0", "-"], except = "d", count = "shifts"`))
		}), ""),
		"1,500 layers that count months": people(1) + strings.Join(some(1500, func(i int) string {
			return fmt.Sprintf("[schedule.s%d]\nlayers = [%s]\n", i, line("n", `every = "9000mo", from = "1900-01-05 09:00", who = ["p0", "-"], when = "02:15-02:45", count = "shifts"`))
		}), ""),
		"1,500 layers that count days in a gap": people(1) + strings.Join(some(1500, func(i int) string {
			return fmt.Sprintf("[schedule.s%d]\nlayers = [%s]\n", i, line("n", `every = "1d", from = "1900-01-05 09:00", who = ["p0", "-"], when = "02:15-02:45", count = "shifts"`))
		}), ""),
		"3,000 schedules and as many people away":     people(1) + strings.Join(some(3000, func(i int) string { return fmt.Sprintf("[schedule.s%d]\nlayers = [%s]\n", i, base) }), "") + strings.Join(some(3000, func(i int) string { return offOf("p0", day(2*i), day(2*i)) }), ""),
		"5,000 covers of one person":                  people(2) + api(base) + strings.Join(some(5000, func(i int) string { return coverOf("p1", "p0", day(2*i), day(2*i)) }), ""),
		"3,000 people added at once, with many edges": people(3000) + api(base) + strings.Join(some(4500, func(i int) string { return addOf(fmt.Sprintf("p%d", i%3000), day(0), day(i%300)) }), ""),
		"4,000 swaps": people(2) + api(line("n", `every = "1d", from = "2026-01-05 09:00", who = ["p0", "p1"]`)) + strings.Join(some(4000, func(i int) string { return swapOf(fmt.Sprintf(`turns = ["p0 %s", "p1 %s"]`, day(2*i), day(2*i+1))) }), ""),
	} {
		t.Run(name, func(t *testing.T) {
			if len(text) > schedule.MaxBytes {
				t.Fatalf("%d bytes", len(text))
			}
			begin := time.Now()
			f := mustParse(t, text)
			parsed := time.Since(begin)
			schedule := f.Schedules()[0]
			at := instant(t, "2026-11-22T03:00:00Z")
			if _, err := f.Who(schedule, at); err != nil {
				t.Fatal(err)
			}
			answered := time.Since(begin)
			for range f.Shifts(schedule, at, at.AddDate(0, 1, 0)) {
				continue
			}
			for range f.Stints(schedule, at, at.AddDate(0, 0, 7)) {
				continue
			}
			all := time.Since(begin)
			t.Logf("%d bytes: read in %v, answered in %v, a month of shifts in %v", len(text), parsed, answered-parsed, all-answered)
			if all > bound {
				t.Errorf("it takes %v", all)
			}
		})
	}
}
