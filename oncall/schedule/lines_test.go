package schedule_test

import (
	"slices"
	"strings"
	"testing"

	"nezuban/oncall/schedule"
)

func onlyLine(tb testing.TB, text string) schedule.Line {
	tb.Helper()
	return mustParse(tb, rotation(api(line("n", text)))).Lines()[0]
}

func TestLineHandoffs(t *testing.T) {
	tests := []struct {
		name, line string
		from, to   string
		want       string
	}{
		{"a daily ring without windows", `every = "1d", from = "2026-01-05 00:00", who = ["alice", "bob"]`, "2026-01-05T00:00:00+01:00", "2026-01-08T00:00:00+01:00", "06 00:00, 07 00:00"},
		{"a midnight handoff inside a night window", `every = "1d", from = "2026-01-05 00:00", who = ["alice", "bob"], when = "22:00-06:00"`, "2026-01-05T00:00:00+01:00", "2026-01-07T12:00:00+01:00", "06 00:00, 07 00:00"},
		{"a handoff outside of the window cuts nothing", `every = "1d", from = "2026-01-05 09:00", who = ["alice", "bob"], when = "22:00-06:00"`, "2026-01-05T00:00:00+01:00", "2026-01-09T00:00:00+01:00", ""},
		{"a handoff at the edge of a window cuts nothing", `every = "1d", from = "2026-01-05 22:00", who = ["alice", "bob"], when = "22:00-06:00"`, "2026-01-05T00:00:00+01:00", "2026-01-09T00:00:00+01:00", ""},
		{"to the same turn is none", `every = "1d", from = "2026-01-05 00:00", who = ["alice"]`, "2026-01-05T00:00:00+01:00", "2026-01-09T00:00:00+01:00", ""},
		{"not after the end", `every = "1d", from = "2026-01-05 00:00", to = "2026-01-06", who = ["alice", "bob"]`, "2026-01-01T00:00:00+01:00", "2026-01-09T00:00:00+01:00", "06 00:00"},
		{"never", `from = "2026-01-05 00:00", who = ["alice"]`, "2026-01-01T00:00:00+01:00", "2026-02-01T00:00:00+01:00", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for at := range onlyLine(t, test.line).Handoffs(instant(t, test.from), instant(t, test.to)) {
				got = append(got, at.Format("02 15:04"))
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("got %q, want %q", s, test.want)
			}
		})
	}
}

func TestLineLost(t *testing.T) {
	from, to := instant(t, "2026-01-01T00:00:00Z"), instant(t, "2027-01-01T00:00:00Z")
	tests := []struct{ name, line, want string }{
		{"row 4: a window wholly inside the gap", `from = "2026-01-05 09:00", who = ["alice"], when = "02:15-02:45"`, "2026-03-29 03:00 CEST"},
		{"one that reaches out of it", `from = "2026-01-05 09:00", who = ["alice"], when = "02:15-03:15"`, ""},
		{"one as long as it", `from = "2026-01-05 09:00", who = ["alice"], when = "02:00-03:00"`, "2026-03-29 03:00 CEST"},
		{"on another weekday", `from = "2026-01-05 09:00", who = ["alice"], when = "Mon-Fri 02:15-02:45"`, ""},
		{"before the line begins", `from = "2026-06-05 09:00", who = ["alice"], when = "02:15-02:45"`, ""},
		{"in another zone", `from = "2026-01-05 09:00", who = ["alice"], when = "02:15-02:45", zone = "America/New_York"`, "2026-03-08 03:00 EDT"},
		{"where no clock jumps", `from = "2026-01-05 09:00", who = ["alice"], when = "02:15-02:45", zone = "Asia/Tokyo"`, ""},
		{"half an hour", `from = "2026-01-05 09:00", who = ["alice"], when = "02:00-02:30", zone = "Australia/Lord_Howe"`, "2026-10-04 02:30 +11"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, at := range onlyLine(t, test.line).Lost(from, to) {
				got = append(got, at.Format("2006-01-02 15:04 MST"))
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("got %q, want %q", s, test.want)
			}
		})
	}
}

func TestLineHours(t *testing.T) {
	var got []int
	for _, every := range []string{"12h", "7h", "1d", "2w", "1mo", "24h"} {
		got = append(got, onlyLine(t, `every = "`+every+`", from = "2026-01-05 09:00", who = ["alice", "bob"]`).Hours)
	}
	if want := []int{12, 7, 0, 0, 0, 24}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
