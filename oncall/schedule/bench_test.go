package schedule_test

import (
	"fmt"
	"testing"
	"time"
)

// Who on a file as teams have them: layers with windows and in hours, some changes; the cost must be that of the first year a century later.
func BenchmarkWho(b *testing.B) {
	f := mustParse(b, rotation(api(weekly,
		line("days", `every = "1d", from = "2026-01-05 09:00", who = ["dan", "-", "erin"]`),
		line("office", `every = "1w", from = "2026-01-05 09:00", who = ["bob", "erin"], when = "Mon-Fri 09:00-17:00", count = "shifts"`),
		line("nights", `every = "12h", from = "2026-01-05 09:30", who = ["carol", "-", "dan"], when = ["22:00-06:00", "Fri 18:00-Mon 08:00"], zone = "America/New_York"`),
		line("months", `every = "1mo", from = "2026-01-31 09:00", to = "2026-12-31", zone = "America/New_York", who = ["frank", "-", "-"]`),
	)+coverOf("dan", "bob", "2026-01-10 09:00", "2026-01-14 09:00")+offOf("erin", "2026-10-20", "2026-10-27")+addOf("alice", "2026-11-01", "2026-11-02")))
	for _, years := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("after=%dy", years), func(b *testing.B) {
			at := time.Date(2026+years, 11, 22, 3, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Who("api", at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(rotation(api(weekly) + coverOf("dan", "bob", "2026-01-10 09:00", "2026-01-14 09:00")))
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, string(text))
	}
}
