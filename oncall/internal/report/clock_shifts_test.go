package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

func TestClockShifts(t *testing.T) {
	f, err := schedule.Parse("oncall.toml", []byte(`zone = "Europe/Berlin"
[people]
alice = {}
bob = {}
[schedule.api]
layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-10-01", who = ["alice", "bob"] },
  { name = "ny", every = "1d", from = "2026-06-01 09:00", to = "2026-10-02", who = ["bob"], zone = "America/New_York" },
]
[schedule.tokyo]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["bob"], zone = "Asia/Tokyo" }]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range report.ClockShifts(f, time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)) {
		length := "for ever"
		if !s.To.IsZero() {
			length = fmt.Sprint(s.Hours())
		}
		got = append(got, fmt.Sprintf("%s %s %s %v %s", s.Schedule, s.Zone, s.At.Format("2006-01-02 15:04 MST"), s.People, length))
	}
	want := []string{
		"api America/New_York 2026-03-08 03:00 EDT [alice] 168", // the shift is one of Berlin
		"api Europe/Berlin 2026-03-29 03:00 CEST [bob] 167",
		"api Europe/Berlin 2026-10-25 02:00 CET [] for ever",
		"api America/New_York 2026-11-01 01:00 EST [] for ever",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
