package guard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
	"nezuban/oncall/internal/lint"
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

const head = `zone = "UTC"
[people]
alice = {}
bob = {}
carol = {}
`

const base = head + `[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]
`

// join is base with carol in the ring from the day on that fmt is given.
const join = head + `[schedule.api]
layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", to = "%[1]s 09:00", who = ["alice", "bob"] },
  { name = "base", every = "1w", from = "%[1]s 09:00", who = ["alice", "bob", "carol"] },
]
`

// noon is a Sunday within alice's week.
var noon = time.Date(2026, 2, 22, 12, 0, 0, 0, time.UTC)

func TestPast(t *testing.T) {
	cover := func(from, to string) string {
		return base + fmt.Sprintf("[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"alice\", from = %q, to = %q }\n", from, to)
	}
	const stays = "; what has been stays: end a line with `to` and begin the next one later, and let changes begin later"
	tests := []struct {
		name, old, new string
		want           []lint.Finding
	}{
		{"nothing differs", base, base, nil},
		{"somebody joins later", base, fmt.Sprintf(join, "2026-03-02"), nil},
		{"a cover from now on", base, cover("2026-02-22 12:00", "2026-02-22 18:00"), nil},
		{"a cover from a minute ago", base, cover("2026-02-22 11:59", "2026-02-22 18:00"), []lint.Finding{{
			Line: 7, Error: true, Kind: lint.KindPast,
			Text: "api: alters who was on call before 2026-02-22 12:00 UTC: from 2026-02-22 11:59 UTC to 2026-02-22 12:00 UTC it was alice, is carol" + stays,
		}}},
		{"a cover that has been is taken out", cover("2026-02-16", "2026-02-16"), base, []lint.Finding{{
			Line: 7, Error: true, Kind: lint.KindPast,
			Text: "api: alters who was on call before 2026-02-22 12:00 UTC: from 2026-02-16 09:00 UTC to 2026-02-17 00:00 UTC it was carol, is alice" + stays,
		}}},
		{"somebody joins in the middle of what has been", fmt.Sprintf(join, "2026-03-02"), fmt.Sprintf(join, "2026-01-12"), []lint.Finding{{
			Line: 8, Error: true, Kind: lint.KindPast,
			Text: "api: alters who was on call before 2026-02-22 12:00 UTC: from 2026-01-12 09:00 UTC to 2026-01-19 09:00 UTC it was bob, is alice; " +
				"from 2026-01-19 09:00 UTC to 2026-01-26 09:00 UTC it was alice, is bob; from 2026-01-26 09:00 UTC to 2026-02-02 09:00 UTC it was bob, is carol; and 1 more" + stays,
		}}},
		{"the first turn is moved", base, strings.ReplaceAll(base, "01-05", "01-12"), []lint.Finding{{
			Line: 7, Error: true, Kind: lint.KindPast,
			Text: "api: alters who was on call before 2026-02-22 12:00 UTC: from 2026-01-05 09:00 UTC to 2026-01-12 09:00 UTC it was alice, is nobody; " +
				"from 2026-01-12 09:00 UTC to 2026-01-19 09:00 UTC it was bob, is alice; from 2026-01-19 09:00 UTC to 2026-01-26 09:00 UTC it was alice, is bob; and 4 more" + stays,
		}}},
		{"a schedule is taken out", base + "[schedule.web]\nlayers = [{ name = \"l\", from = \"2026-02-01 00:00\", who = [\"bob\"] }]\n", base, []lint.Finding{{
			Line: 0, Error: true, Kind: lint.KindPast,
			Text: "web: alters who was on call before 2026-02-22 12:00 UTC: from 2026-02-01 00:00 UTC to 2026-02-22 12:00 UTC it was bob, is nobody" + stays,
		}}},
		{"a new schedule begins later", base, base + "[schedule.web]\nlayers = [{ name = \"l\", from = \"2026-02-23 00:00\", who = [\"bob\"] }]\n", nil},
		{"an addition before the first turn", base, base + "[[change]]\nadd = { on = \"api\", who = \"bob\", from = \"2026-01-01\", to = \"2026-01-01\" }\n", []lint.Finding{{
			Line: 7, Error: true, Kind: lint.KindPast,
			Text: "api: alters who was on call before 2026-02-22 12:00 UTC: from 2026-01-01 00:00 UTC to 2026-01-02 00:00 UTC it was nobody, is bob" + stays,
		}}},
		{"eleven years ago nobody looks", strings.ReplaceAll(base, "2026-01-05", "1990-01-01"), strings.ReplaceAll(base, "2026-01-05", "1990-01-15"), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Past(parsed(t, test.old), parsed(t, test.new), noon)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPastIsBounded: two hourly rings that are never alike, for decades.
func TestPastIsBounded(t *testing.T) {
	ring := head + `[schedule.api]
layers = [{ name = "base", every = "1h", from = "1950-01-01 00:00", who = ["alice", "bob"] }]
`
	found := Past(parsed(t, ring), parsed(t, strings.ReplaceAll(ring, `["alice", "bob"]`, `["bob", "alice"]`)), noon)
	if len(found) != 1 || !strings.Contains(found[0].Text, "; and 997 more at least; what") {
		t.Errorf("%v", found)
	}
	// Written otherwise and alike: all ten years have to be looked at.
	if found := Past(parsed(t, ring), parsed(t, strings.ReplaceAll(ring, `["alice", "bob"]`, `["alice", "bob", "alice", "bob"]`)), noon); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

func TestLate(t *testing.T) {
	limits := func(notice string) string { return fmt.Sprintf("[limits]\nnotice = %q\n", notice) }
	cover := "[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"alice\", from = \"2026-02-22 18:00\", to = \"2026-02-23 09:00\" }\n"
	alice := lint.Finding{Line: 3, Error: true, Kind: lint.KindLate, Text: "alice: the time on call changes within the notice of 48h, until 2026-02-24 12:00 UTC: api from 2026-02-22 18:00 UTC to 2026-02-23 09:00 UTC. alice must approve"}
	carol := lint.Finding{Line: 5, Error: true, Kind: lint.KindLate, Text: strings.ReplaceAll(alice.Text, "alice", "carol")}
	tests := []struct {
		name, old, new string
		approved       []string
		want           []lint.Finding
	}{
		{"no notice", base, base + cover, nil, nil},
		{"two people", base + limits("48h"), base + limits("48h") + cover, nil, []lint.Finding{alice, carol}},
		{"one has approved", base + limits("48h"), base + limits("48h") + cover, []string{"alice", "dan"}, []lint.Finding{carol}},
		{"both have approved", base + limits("48h"), base + limits("48h") + cover, []string{"carol", "alice"}, nil},
		{"a change cannot lift its own guard", base + limits("48h"), base + cover, nil, []lint.Finding{alice, carol}},
		{"nor shorten it", base + limits("48h"), base + limits("1s") + cover, nil, []lint.Finding{alice, carol}},
		{"the first notice counts at once", base, base + limits("48h") + cover, nil, []lint.Finding{alice, carol}},
		{"after the notice", base + limits("6h"), base + limits("48h") + cover, nil, nil},
		{"somebody is gone from the file", base + limits("24h"), strings.NewReplacer("alice = {}\n", "", `"alice"`, `"carol"`).Replace(base), []string{"carol"}, []lint.Finding{{
			Line: 0, Error: true, Kind: lint.KindLate,
			Text: "alice: the time on call changes within the notice of 24h, until 2026-02-23 12:00 UTC: api from 2026-02-22 12:00 UTC to 2026-02-23 09:00 UTC. alice must approve",
		}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Late(parsed(t, test.old), parsed(t, test.new), noon, test.approved)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardsAgainstMinutes asks both versions minute by minute: a schedule is found exactly when it differs before `at`,
// a person exactly when their own time does within the notice.
func TestGuardsAgainstMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := drawn.Draw(t)
		edited := drawn.Edit(t, old)
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 30*24*60).Draw(t, "at")) * time.Minute)
		late := map[string]bool{}
		for _, name := range []string{"api", "web"} {
			past := false
			notice := old.Limits().Notice
			if notice == 0 {
				notice = edited.Limits().Notice
			}
			first := time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)
			wasThen, isThen := holders(old.File, name, first, at.Add(notice)), holders(edited.File, name, first, at.Add(notice))
			for m := first; m.Before(at.Add(notice)); m = m.Add(10 * time.Minute) {
				was, is := wasThen(m), isThen(m)
				switch {
				case m.Before(at):
					past = past || !slices.Equal(was, is)
				default:
					for _, p := range []string{"alice", "bob", "carol"} {
						late[p] = late[p] || slices.Contains(was, p) != slices.Contains(is, p)
					}
				}
			}
			found := slices.ContainsFunc(Past(old.File, edited.File, at), func(f lint.Finding) bool { return strings.HasPrefix(f.Text, name+": ") })
			if found != past {
				t.Fatalf("%s before %v: differs %v, found %v in\n%s\nand\n%s", name, at, past, found, old.Text, edited.Text)
			}
		}
		for person, changes := range late {
			found := slices.ContainsFunc(Late(old.File, edited.File, at, nil), func(f lint.Finding) bool { return strings.HasPrefix(f.Text, person+": ") })
			if found != changes {
				t.Fatalf("%s: changes %v, found %v in\n%s\nand\n%s", person, changes, found, old.Text, edited.Text)
			}
		}
	})
}

// holders gives who is on call at times that ascend.
func holders(f *schedule.File, name string, from, to time.Time) func(time.Time) []string {
	stints := slices.Collect(f.Stints(name, from, to))
	return func(at time.Time) []string {
		for len(stints) > 0 && !stints[0].To.IsZero() && !at.Before(stints[0].To) {
			stints = stints[1:]
		}
		if len(stints) == 0 {
			return nil
		}
		return stints[0].People
	}
}
