package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/oncall/schedule"
)

func parsed(tb testing.TB, text string) *schedule.File {
	tb.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// instant reads a time as people write it, in UTC; "" is none.
func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

func TestNextOf(t *testing.T) {
	f := parsed(t, `
zone = "UTC"
[people]
alice = {}
bob = {}
carol = {}
dan = {}
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-02-09 09:00", who = ["alice", ["alice", "bob"], "carol"] }]
[schedule.web]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["bob"] }]
`)
	tests := []struct {
		name, schedule, person, at string
		onCall                     bool
		until, from, to            string
	}{
		{"alone, then with another: one time", "api", "alice", "2026-01-06 00:00", true, "2026-01-19 09:00", "2026-01-26 09:00", "2026-02-09 09:00"},
		{"at the handoff itself", "api", "bob", "2026-01-12 09:00", true, "2026-01-19 09:00", "2026-02-02 09:00", "2026-02-09 09:00"},
		{"not on call now", "api", "carol", "2026-01-06 00:00", false, "", "2026-01-19 09:00", "2026-01-26 09:00"},
		{"the last time", "api", "carol", "2026-01-20 00:00", true, "2026-01-26 09:00", "", ""},
		{"never", "api", "dan", "2026-01-06 00:00", false, "", "", ""},
		{"without end", "web", "bob", "2026-01-06 00:00", true, "", "", ""},
		{"without end, later", "web", "bob", "2026-01-01 00:00", false, "", "2026-01-05 09:00", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := Next{
				Person: test.person, Schedule: test.schedule, OnCall: test.onCall,
				Until: instant(t, test.until), From: instant(t, test.from), To: instant(t, test.to),
			}
			got := NextOf(f, test.schedule, test.person, instant(t, test.at))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
