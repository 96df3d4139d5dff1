package schedule_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
	"nezuban/oncall/schedule"
)

// TestSameSchedule: lines that move are no difference, and two that are the same never give other people.
func TestSameSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawn.Draw(t)
		moved, err := schedule.Parse("moved.toml", []byte("# who is on call\n"+strings.ReplaceAll(a.Text, "[[change]]", "\n# a change\n[[change]]")))
		if err != nil {
			t.Fatal(err)
		}
		b := drawn.Edit(t, a)
		for _, name := range []string{"api", "web", "db"} {
			if !a.SameSchedule(moved, name) {
				t.Fatalf("%s is another after its lines have moved:\n%s", name, a.Text)
			}
			if !a.SameSchedule(b.File, name) {
				continue
			}
			for range 20 {
				at := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 400*24*60).Draw(t, "minute"), 0, 0, time.UTC)
				was, is := holders(a.File, name, at), holders(b.File, name, at)
				if was != is {
					t.Fatalf("%s at %v: %s and %s, said to be the same in\n%s\nand\n%s", name, at, was, is, a.Text, b.Text)
				}
			}
		}
	})
}

func holders(f *schedule.File, name string, at time.Time) string {
	answer, err := f.Who(name, at)
	if err != nil {
		return "no schedule"
	}
	return strings.Join(answer.People, ",") + " " + strings.Join(answer.Shadow, ",")
}

// TestSameScheduleSeesEveryKey changes each part of a schedule that decides who is on call.
func TestSameScheduleSeesEveryKey(t *testing.T) {
	const text = `zone = "Europe/Berlin"
[people]
alice = {}
bob = {}
[holidays]
de = [2026-12-25]
[schedule.api]
layers = [
  { name = "base", every = "1d", from = "2026-01-05 09:00", to = "2027-01-05 09:00", who = ["alice", "bob"] },
  { name = "day", every = "1d", from = "2026-01-05 09:00", who = ["bob"], when = "Mon-Fri 09:00-17:00", except = "de", count = "shifts", zone = "Europe/Berlin" },
  { name = "learn", from = "2026-01-05 09:00", who = ["bob"], shadow = true },
]
[[change]]
cover = { on = "api", by = "bob", for = "alice", from = "2026-02-01", to = "2026-02-02" }
[[change]]
add = { on = "api", who = "bob", from = "2026-03-01", to = "2026-03-02" }
[[change]]
off = { who = "bob", from = "2026-04-01", to = "2026-04-02" }
[[change]]
swap = { on = "api", layer = "base", turns = ["alice 2026-05-03", "bob 2026-05-04"] }
`
	parse := func(text string) *schedule.File {
		f, err := schedule.Parse("oncall.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	base := parse(text)
	for _, edit := range [][2]string{
		{`zone = "Europe/Berlin"` + "\n", `zone = "America/New_York"` + "\n"},
		{`de = [2026-12-25]`, `de = [2026-12-26]`},
		{`"1d", from = "2026-01-05 09:00", to`, `"2d", from = "2026-01-05 09:00", to`},
		{`09:00", to`, `09:30", to`},
		{`to = "2027-01-05 09:00"`, `to = "2027-01-06 09:00"`},
		{`["alice", "bob"]`, `["alice", ["alice", "bob"]]`},
		{`09:00-17:00`, `09:00-18:00`},
		{`except`, `only`},
		{`, count = "shifts"`, ``},
		{`zone = "Europe/Berlin" }`, `zone = "America/New_York" }`},
		{`, shadow = true`, ``},
		{`"2026-02-02"`, `"2026-02-03"`},
		{`by = "bob"`, `by = "-"`},
		{`"2026-03-02"`, `"2026-03-03"`},
		{`"2026-04-02"`, `"2026-04-03"`},
		{`"bob 2026-05-04"`, `"bob 2026-05-06"`},
	} {
		if edited := strings.Replace(text, edit[0], edit[1], 1); edited == text || base.SameSchedule(parse(edited), "api") {
			t.Errorf("%s instead of %s is said to be the same", edit[1], edit[0])
		}
	}
	if !base.SameSchedule(parse(text), "api") {
		t.Error("not the same as itself")
	}
}
