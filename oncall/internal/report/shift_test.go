package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
	"nezuban/oncall/schedule"
)

const people = `
zone = "Europe/Berlin"
[people]
alice = {}
bob = {}
carol = {}
dan = {}
[schedule.api]
`

const before = people + `layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"] }]
`

// TestUID edits a file in the ways that must not make a calendar lose its events.
func TestUID(t *testing.T) {
	from := schedule.Clock(2026, 3, 1, 0, 0, time.UTC)
	to := from.AddDate(0, 2, 0)
	old := Shifts(parsed(t, before), "api", "", from, to)
	tests := []struct {
		name, file string
		kept       func(was, is Shift) bool
	}{
		{"another owner for one turn", before + `
[[change]]
cover = { on = "api", by = "dan", for = "alice", from = "2026-03-09 09:00", to = "2026-03-16 09:00" }
`, sameTime},
		{"another owner for the second half of a turn", before + `
[[change]]
cover = { on = "api", by = "dan", for = "alice", from = "2026-03-12", to = "2026-03-16 09:00" }
`, sameBegin},
		{"somebody joins by a new line", people + `layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-03-09 09:00", who = ["alice", "bob", "carol"] },
  { name = "base", every = "1w", from = "2026-03-09 09:00", who = ["alice", "dan", "bob", "carol"] },
]
`, sameTime},
		{"other owners throughout, and a comment above", "# in charge\n" + strings.ReplaceAll(before, `["alice", "bob", "carol"]`, `[["dan", "bob"]]`), sameTime},
		{"a line that ends within a turn", strings.ReplaceAll(before, `every`, `to = "2026-04-22", every`), sameBegin},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			edited := Shifts(parsed(t, test.file), "api", "", from, to)
			found := 0
			for _, was := range old {
				i := slices.IndexFunc(edited, func(s Shift) bool { return s.UID == was.UID })
				if i >= 0 && test.kept(was, edited[i]) {
					found++
				}
			}
			if want := slices.IndexFunc(old, func(s Shift) bool { return s.From.After(schedule.Clock(2026, 4, 22, 0, 0, time.UTC)) }); found < want {
				t.Errorf("%d of %d shifts have kept their UID", found, want)
			}
		})
	}
}

func sameTime(was, is Shift) bool  { return was.From.Equal(is.From) && was.To.Equal(is.To) }
func sameBegin(was, is Shift) bool { return was.From.Equal(is.From) }

// TestShiftsTile holds for any file and any time: shifts touch, no UID comes twice, a shift has the same UID whatever
// time is asked for, and clipped shifts are just the time.
func TestShiftsTile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawn.Draw(t).File
		from := drawn.Hour(t)
		to := from.Add(time.Duration(1+drawn.Even(rapid.IntRange(0, 60*24).Draw(t, "hours"), 60*24)) * time.Hour)
		seen := map[string]bool{}
		var total time.Duration
		at := from
		for _, s := range Shifts(f, "api", "", from, to) {
			clipped := s.Clip(from, to)
			if !clipped.From.Equal(at) || !clipped.From.Before(clipped.To) {
				t.Fatalf("a shift from %v to %v after %v", clipped.From, clipped.To, at)
			}
			at = clipped.To
			total += clipped.To.Sub(clipped.From)
			if len(s.People) == 0 {
				continue
			}
			if seen[s.UID] || s.UID == "" {
				t.Fatalf("the UID %q comes twice", s.UID)
			}
			seen[s.UID] = true
			middle := clipped.From.Add(clipped.To.Sub(clipped.From) / 2)
			again := Shifts(f, "api", "", middle, middle.Add(1))
			if again[0].UID != s.UID || !again[0].From.Equal(s.From) || !again[0].To.Equal(s.To) {
				t.Fatalf("%v asked for alone is another shift: %v", s, again[0])
			}
		}
		if total != to.Sub(from) {
			t.Fatalf("the shifts last %v, the time %v", total, to.Sub(from))
		}
	})
}
