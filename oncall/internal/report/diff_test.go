package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
	"nezuban/oncall/schedule"
)

func TestCompare(t *testing.T) {
	cover := `
[[change]]
cover = { on = "api", by = "dan", for = "alice", from = "2026-03-09 09:00", to = "2026-03-16 09:00" }
`
	swap := cover[:len(cover)-1] + `
[[change]]
cover = { on = "api", by = "alice", for = "bob", from = "2026-03-16 09:00", to = "2026-03-23 09:00" }
`
	second := before + `[schedule.web]
layers = [{ name = "base", from = "2026-03-10 00:00", to = "2026-03-11 00:00", who = ["carol"] }]
`
	tests := []struct {
		name, old, new string
		moves, people  []string
	}{
		{"somebody covers", before, before + cover, []string{"api 03-09 09:00 to 03-16 09:00 [alice] [dan]"}, []string{
			"alice api was 03-09 09:00 to 03-16 09:00",
			"dan api is 03-09 09:00 to 03-16 09:00",
		}},
		{"a shift moves by a week", before, before + swap, []string{
			"api 03-09 09:00 to 03-16 09:00 [alice] [dan]",
			"api 03-16 09:00 to 03-23 09:00 [bob] [alice]",
		}, []string{
			"alice api was 03-09 09:00 to 03-16 09:00 is 03-16 09:00 to 03-23 09:00",
			"bob api was 03-16 09:00 to 03-23 09:00",
			"dan api is 03-09 09:00 to 03-16 09:00",
		}},
		{"shifts that the ends of the time cut", before, strings.ReplaceAll(before, `"bob", "carol"`, `"carol", "bob"`), []string{
			"api 03-01 01:00 to 03-02 09:00 [bob] [carol]", "api 03-02 09:00 to 03-09 09:00 [carol] [bob]", "api 03-16 09:00 to 03-23 09:00 [bob] [carol]", "api 03-23 09:00 to 03-30 09:00 [carol] [bob]",
			"api 04-06 09:00 to 04-13 09:00 [bob] [carol]", "api 04-13 09:00 to 04-20 09:00 [carol] [bob]", "api 04-27 09:00 to 05-01 02:00 [bob] [carol]",
		}, []string{
			"bob api was 03-01 01:00 to 03-02 09:00 is 03-02 09:00 to 03-09 09:00",
			"bob api was 03-16 09:00 to 03-23 09:00 is 03-23 09:00 to 03-30 09:00",
			"bob api was 04-06 09:00 to 04-13 09:00 is 04-13 09:00 to 04-20 09:00",
			"bob api was 04-27 09:00 to 05-01 02:00",
			"carol api was 03-02 09:00 to 03-09 09:00 is 03-01 01:00 to 03-02 09:00",
			"carol api was 03-23 09:00 to 03-30 09:00 is 03-16 09:00 to 03-23 09:00",
			"carol api was 04-13 09:00 to 04-20 09:00 is 04-06 09:00 to 04-13 09:00",
			"carol api is 04-27 09:00 to 05-01 02:00",
		}},
		{"a schedule is new", before, second, []string{"web 03-10 00:00 to 03-11 00:00 [] [carol]"}, []string{"carol web is 03-10 00:00 to 03-11 00:00"}},
		{"a schedule is gone", second, before, []string{"web 03-10 00:00 to 03-11 00:00 [carol] []"}, []string{"carol web was 03-10 00:00 to 03-11 00:00"}},
		{"the layer has another name", before, before[:len(before)-1] + "# as ever\n", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old, edited := parsed(t, test.old), parsed(t, test.new)
			show := func(s Span) string {
				return s.From.In(old.Zone()).Format("01-02 15:04") + " to " + s.To.In(old.Zone()).Format("01-02 15:04")
			}
			diff := Compare(old, edited, Schedules(old, edited), instant(t, "2026-03-01 00:00"), instant(t, "2026-05-01 00:00"))
			var moves, people []string
			for _, m := range diff.Moves {
				moves = append(moves, fmt.Sprint(m.Schedule, " ", show(Span{m.From, m.To}), " ", m.Before, " ", m.After))
			}
			for _, p := range diff.People {
				text := p.Person + " " + p.Schedule
				if p.Was != nil {
					text += " was " + show(*p.Was)
				}
				if p.Is != nil {
					text += " is " + show(*p.Is)
				}
				people = append(people, text)
			}
			if d := cmp.Diff(test.moves, moves); d != "" {
				t.Errorf("moves (-want +got):\n%s", d)
			}
			if d := cmp.Diff(test.people, people); d != "" {
				t.Errorf("people (-want +got):\n%s", d)
			}
			if (len(moves) > 0) != (len(diff.Loads) > 0) {
				t.Errorf("moves %v, changes of load %v", moves, diff.Loads)
			}
		})
	}
}

// TestCompareWithItself: nothing differs from itself.
func TestCompareWithItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawn.Draw(t).File
		from := drawn.Hour(t)
		diff := Compare(f, f, Schedules(f, f), from, from.AddDate(0, 0, 1+drawn.Even(rapid.IntRange(0, 200).Draw(t, "days"), 200)))
		if len(diff.Moves)+len(diff.People)+len(diff.Loads) > 0 {
			t.Fatalf("%+v", diff)
		}
	})
}

// TestMovesAgreeWithWho asks both versions at random times: they differ exactly within the moves.
func TestMovesAgreeWithWho(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawing := drawn.Draw(t)
		old, edited := drawing.File, drawn.Edit(t, drawing).File
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		to := from.AddDate(1, 0, 0)
		moves := Moves(old, edited, []string{"api"}, from, to)
		for i, m := range moves[min(1, len(moves)):] {
			if m.From.Before(moves[i].To) || m.From.Equal(moves[i].To) && cmp.Equal(m.Before, moves[i].Before) && cmp.Equal(m.After, moves[i].After) {
				t.Fatalf("%v after %v", m, moves[i])
			}
		}
		times := []time.Time{from.Add(time.Duration(drawn.Even(rapid.IntRange(0, 364*24*60).Draw(t, "minute"), 364*24*60)) * time.Minute)}
		for range min(len(moves), 5) {
			m := rapid.SampledFrom(moves).Draw(t, "move")
			times = append(times, m.From, m.To.Add(-time.Minute), m.From.Add(-time.Minute), m.To)
		}
		for _, at := range times {
			if at.Before(from) || !at.Before(to) {
				continue
			}
			i := slices.IndexFunc(moves, func(m Move) bool { return !at.Before(m.From) && at.Before(m.To) })
			was, is := whoIs(t, old, at), whoIs(t, edited, at)
			if slices.Equal(was, is) != (i < 0) || i >= 0 && (!slices.Equal(moves[i].Before, was) || !slices.Equal(moves[i].After, is)) {
				t.Fatalf("at %v: %v, then %v; move %d of %v", at, was, is, i, moves)
			}
		}
	})
}

func whoIs(t *rapid.T, f *schedule.File, at time.Time) []string {
	answer, err := f.Who("api", at)
	if err != nil {
		t.Fatal(err)
	}
	return answer.People
}
