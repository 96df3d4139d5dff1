package schedule_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

// fifty is the rotation file of a company with 50 schedules; it says at its top what is in it.
func fifty(tb testing.TB) (*schedule.File, []byte) {
	tb.Helper()
	text, err := os.ReadFile("../testdata/bench/fifty.toml")
	if err != nil {
		tb.Fatal(err)
	}
	return mustParse(tb, string(text)), text
}

// ways are files as teams have them, each with one way to count turns and the last with all, some changes and a layer in
// another zone.
func ways() []struct{ name, text string } {
	office := `from = "2026-01-05 09:00", who = ["bob", "erin", "dan"], when = ["Mon-Fri 09:00-12:00", "Mon-Thu 13:00-17:00"]`
	holidays := "[holidays]\nde = [2026-05-01, 2026-12-25, 2027-01-01]\n"
	return []struct{ name, text string }{
		{"weeks", api(weekly)},
		{"hours", api(line("n", `every = "1h", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"]`))},
		{"months", api(line("n", `every = "1mo", from = "2026-01-31 09:00", who = ["alice", "bob", "carol"]`))},
		{"windows", holidays + api(weekly, line("n", office+`, every = "1d", except = "de"`))},
		{"days-by-shifts", holidays + api(weekly, line("n", office+`, every = "1d", except = "de", count = "shifts"`))},
		{"months-by-shifts", holidays + api(weekly, line("n", office+`, every = "2mo", except = "de", count = "shifts"`))},
		{"all", api(
			weekly,
			line("days", `every = "1d", from = "2026-01-05 09:00", who = ["dan", "-", "erin"]`),
			line("office", office+`, every = "1w", count = "shifts"`),
			line("nights", `every = "12h", from = "2026-01-05 09:30", who = ["carol", "-", "dan"], when = ["22:00-06:00", "Fri 18:00-Mon 08:00"], zone = "America/New_York"`),
			line("months", `every = "1mo", from = "2026-01-31 09:00", to = "2026-12-31", zone = "America/New_York", who = ["frank", "-", "-"]`),
		) + coverOf("dan", "bob", "2026-01-10 09:00", "2026-01-14 09:00") + offOf("erin", "2026-10-20", "2026-10-27") + addOf("alice", "2026-11-01", "2026-11-02")},
	}
}

// Who by each of the ways. Whatever the way, the cost must not grow with the years. After 2128, where the table of a zone
// ends, an answer costs somewhat more, and as much five thousand years later as after one thousand.
func BenchmarkWho(b *testing.B) {
	for _, file := range ways() {
		f := mustParse(b, rotation(file.text))
		for _, years := range []int{1, 100, 1000, 5000} {
			b.Run(fmt.Sprintf("%s/after=%dy", file.name, years), func(b *testing.B) {
				// 8191 minutes, a prime number, are more than five days: every hour and day of the week comes.
				at := time.Date(2026+years, 2, 1, 3, 0, 0, 0, time.UTC)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, err := f.Who("api", at.Add(time.Duration(i%60)*8191*time.Minute)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// A year of shifts and of stints of all 50 schedules.
func BenchmarkYearOfFifty(b *testing.B) {
	f, _ := fifty(b)
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	b.Run("shifts", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			count := 0
			for _, name := range f.Schedules() {
				for range f.Shifts(name, from, to) {
					count++
				}
			}
			b.ReportMetric(float64(count), "shifts/op")
		}
	})
	b.Run("stints", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			count := 0
			for _, name := range f.Schedules() {
				for range f.Stints(name, from, to) {
					count++
				}
			}
			b.ReportMetric(float64(count), "stints/op")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	small := rotation(api(weekly) + coverOf("dan", "bob", "2026-01-10 09:00", "2026-01-14 09:00"))
	_, big := fifty(b)
	for name, text := range map[string]string{"schedules=1": small, "schedules=50": string(big)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustParse(b, text)
			}
		})
	}
}
