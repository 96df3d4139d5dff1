package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/oncall/schedule"
)

const stintsFile = `
zone = "Europe/Berlin"
[people]
alice = {}
bob = {}
carol = {}
[schedule.api]
layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-02-02 09:00", who = ["alice", "alice", "bob"] },
  { name = "base", every = "1w", from = "2026-02-02 09:00", to = "2026-02-16 09:00", who = ["-", "bob"] },
]
[schedule.web]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["carol"] }]
[schedule.days]
layers = [{ name = "base", every = "2d", from = "2026-01-05 09:00", who = ["alice", "bob"], count = "shifts" }]
[schedule.long]
layers = [{ name = "base", every = "240mo", from = "2026-01-05 09:00", who = ["alice", "bob"] }]
[[change]]
cover = { on = "api", by = "carol", for = "alice", from = "2026-01-07 12:00", to = "2026-01-08 12:00" }
`

func parsed(t testing.TB, text string) *schedule.File {
	t.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStints(t *testing.T) {
	f := parsed(t, stintsFile)
	day := func(month time.Month, day int) time.Time { return schedule.Clock(2026, month, day, 0, 0, f.Zone()) }
	tests := []struct {
		name, schedule string
		from, to       time.Time
		want           []string
	}{
		{"a cover cuts a turn, a handoff to the same person is one, stints are whole", "api", day(1, 8), day(1, 13), []string{
			"01-07 12:00 to 01-08 12:00 [carol] base of 01-05 09:00 until 01-12 09:00",
			"01-08 12:00 to 01-12 09:00 [alice] base of 01-05 09:00 until 01-12 09:00",
			"01-12 09:00 to 01-19 09:00 [alice] base of 01-12 09:00 until 01-19 09:00",
		}},
		{"a gap begins where it is asked for, the last turn ends with its line", "api", day(2, 5), day(3, 1), []string{
			"02-05 00:00 to 02-09 09:00 []  of 01-01 00:00 until 01-01 00:00",
			"02-09 09:00 to 02-16 09:00 [bob] base of 02-09 09:00 until 02-16 09:00",
			"02-16 09:00 to 01-01 00:00 []  of 01-01 00:00 until 01-01 00:00",
		}},
		{"a turn without end", "web", day(2, 5), day(2, 6), []string{
			"01-05 09:00 to 01-01 00:00 [carol] base of 01-05 09:00 until 01-01 00:00",
		}},
		{"a turn of two counted days is whole on its second", "days", day(1, 7), day(1, 8), []string{
			"01-05 09:00 to 01-07 09:00 [alice] base of 01-05 09:00 until 01-07 09:00",
			"01-07 09:00 to 01-09 09:00 [bob] base of 01-07 09:00 until 01-09 09:00",
		}},
		{"who asks for more than ten years gets what comes after", "long", day(1, 6), day(1, 6).AddDate(30, 0, 0), []string{
			"01-05 09:00 to 01-05 09:00 [alice] base of 01-05 09:00 until 01-05 09:00",
			"01-05 09:00 to 01-01 00:00 [bob] base of 01-05 09:00 until 01-05 09:00",
		}},
		{"an unknown schedule", "db", day(2, 5), day(2, 6), nil},
		{"no time at all", "web", day(2, 6), day(2, 6), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for stint := range f.Stints(test.schedule, test.from, test.to) {
				show := func(at time.Time) string {
					if at.IsZero() {
						return at.Format("01-02 15:04")
					}
					return at.In(f.Zone()).Format("01-02 15:04")
				}
				got = append(got, fmt.Sprintf("%s to %s %v %s of %s until %s", show(stint.From), show(stint.To), stint.People, stint.Layer, show(stint.Begin), show(stint.End)))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStintsAgreeWithWho asks Who at the beginning and just before the end of each stint, and again for a longer
// time: the same stints must come.
func TestStintsAgreeWithWho(t *testing.T) {
	f := parsed(t, stintsFile)
	first := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		from := first.Add(time.Duration(spread(rapid.IntRange(0, 120*24*60).Draw(t, "from"), 120*24*60)) * time.Minute)
		to := from.Add(time.Duration(1+spread(rapid.IntRange(0, 60*24*60).Draw(t, "minutes"), 60*24*60)) * time.Minute)
		name := rapid.SampledFrom(f.Schedules()).Draw(t, "schedule")
		all := slices.Collect(f.Stints(name, from.AddDate(0, -2, 0), to.AddDate(0, 1, 0)))
		var before schedule.Stint
		for stint := range f.Stints(name, from, to) {
			if !before.From.IsZero() && !before.To.Equal(stint.From) {
				t.Fatalf("%v ends at %v, the next begins at %v", before.People, before.To, stint.From)
			}
			before = stint
			ends := []time.Time{stint.From}
			if !stint.To.IsZero() {
				ends = append(ends, stint.To.Add(-time.Nanosecond))
			}
			for _, at := range ends {
				if who, err := f.Who(name, at); err != nil || !slices.Equal(who.Reasons, stint.Reasons) && len(stint.Reasons) > 0 {
					t.Fatalf("at %v: %v by Who, %v by Stints, %v", at, who.Reasons, stint.Reasons, err)
				}
			}
			same := func(other schedule.Stint) bool { return other.From.Equal(stint.From) && other.To.Equal(stint.To) }
			if len(stint.People) > 0 && !slices.ContainsFunc(all, same) {
				t.Fatalf("%v from %v to %v is cut where more is asked for", stint.People, stint.From, stint.To)
			}
		}
		if !before.To.IsZero() && before.To.Before(to) {
			t.Fatalf("the last stint ends at %v, before %v", before.To, to)
		}
	})
}

// spread gives what was drawn, most of which is small, an even place below a limit.
func spread(drawn, limit int) int { return drawn * 1_000_003 % limit }

func TestClock(t *testing.T) {
	zone := parsed(t, `
zone = "America/Sao_Paulo"
[people]
alice = {}
[schedule.api]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]
`).Zone()
	// On 2018-11-04 the clock of São Paulo went from 00:00 to 01:00 at once.
	if got := schedule.Clock(2018, 11, 4, 0, 0, zone).Format("2006-01-02 15:04"); got != "2018-11-04 01:00" {
		t.Errorf("the skipped midnight is at %s", got)
	}
	if got := schedule.Clock(2018, 13, 1, 24, 0, zone).Format("2006-01-02 15:04"); got != "2019-01-02 00:00" {
		t.Errorf("24:00 of the first day of month 13 is %s", got)
	}
}
