package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNextClockChanges has zones that change their clock twice a year, by half an hour, around a month of the moon, and
// never.
func TestNextClockChanges(t *testing.T) {
	tests := []struct {
		zone, from string
		want       []string
	}{
		{"Europe/Berlin", "2026-01-01 00:00", []string{"2026-03-29 01:00", "2026-10-25 01:00"}},
		{"Europe/Berlin", "2026-03-29 01:00", []string{"2026-10-25 01:00", "2027-03-28 01:00"}},
		{"Europe/Berlin", "2026-03-29 00:59", []string{"2026-03-29 01:00", "2026-10-25 01:00"}},
		{"Australia/Lord_Howe", "2026-01-01 00:00", []string{"2026-04-04 15:00", "2026-10-03 15:30"}},
		{"Africa/Casablanca", "2026-01-01 00:00", []string{"2026-02-15 02:00", "2026-03-22 02:00"}},
		{"Asia/Kathmandu", "2026-01-01 00:00", nil},
		{"UTC", "2026-01-01 00:00", nil},
	}
	for _, test := range tests {
		t.Run(test.zone+" "+test.from, func(t *testing.T) {
			f := parsed(t, "zone = \""+test.zone+"\"\n[people]\na = {}\n[schedule.api]\nlayers = [{ name = \"l\", from = \"2026-01-01 00:00\", who = [\"a\"] }]\n")
			var got []string
			for _, at := range nextClockChanges(f.Zone(), instant(t, test.from)) {
				got = append(got, at.UTC().Format("2006-01-02 15:04"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestClockWeeksAfterTheSpan looks at no time twice: a week that the comparison has shown is left out, one of which it has
// shown a part is the rest.
func TestClockWeeksAfterTheSpan(t *testing.T) {
	old := parsed(t, people+`layers = [{ name = "base", every = "1d", from = "2026-01-05 09:00", who = ["alice", "bob"] }]`)
	edited := parsed(t, people+`layers = [{ name = "base", every = "1d", from = "2026-01-05 03:00", who = ["alice", "bob"], zone = "America/New_York" }]`)
	tests := []struct {
		to    string
		shown bool // as if all moves until then were known; else none, so that every move counts
		want  []string
	}{
		{"2026-03-07 00:00", true, []string{"2026-03-25 23:00 to 2026-04-01 22:00", "2026-10-21 22:00 to 2026-10-28 23:00"}},
		{"2026-03-27 12:00", false, []string{"2026-03-27 12:00 to 2026-04-01 22:00", "2026-10-21 22:00 to 2026-10-28 23:00"}},
		{"2026-03-27 12:00", true, nil}, // between 8 March and 29 March every handoff has moved by that hour
		{"2026-04-03 00:00", false, []string{"2026-10-21 22:00 to 2026-10-28 23:00"}},
		{"2026-10-27 00:00", false, []string{"2026-10-27 00:00 to 2026-10-28 23:00"}},
		{"2026-11-27 00:00", false, nil},
	}
	for _, test := range tests {
		t.Run(test.to, func(t *testing.T) {
			from, to := instant(t, "2026-02-01 00:00"), instant(t, test.to)
			var shown []Move
			if test.shown {
				shown = Moves(old, edited, []string{"api"}, from, to)
			}
			var got []string
			for _, week := range ClockWeeks(old, edited, []string{"api"}, from, to, shown) {
				got = append(got, week.From.UTC().Format("2006-01-02 15:04")+" to "+week.To.UTC().Format("2006-01-02 15:04"))
				for _, m := range week.Moves {
					if m.From.Before(week.From) || m.To.After(week.To) {
						t.Errorf("%v is outside of the week", m)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestClockWeeksOfOneOwner: a move that lasts longer than the week begins and ends at no time of day. It is told where
// nothing has moved, and is one of those that move in every week where something has.
func TestClockWeeksOfOneOwner(t *testing.T) {
	from, to := instant(t, "2026-04-20 00:00"), instant(t, "2026-06-15 00:00")
	always := parsed(t, people+`layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]`)
	for begin, want := range map[string]int{"2026-05-04": 0, "2026-08-03": 2} {
		edited := parsed(t, people+`layers = [
  { name = "base", from = "2026-01-05 09:00", to = "`+begin+` 09:00", who = ["alice"] },
  { name = "base", from = "`+begin+` 09:00", who = ["bob"] },
]`)
		shown := Moves(always, edited, []string{"api"}, from, to)
		if weeks := ClockWeeks(always, edited, []string{"api"}, from, to, shown); len(weeks) != want {
			t.Errorf("from %s on: %v", begin, weeks)
		}
	}
}
