package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/oncall/schedule"
)

// Every change that takes somebody out of the turn that decides is told, or out of one above it that it leaves empty.
func TestAbsences(t *testing.T) {
	pair := line("base", `from = "2026-01-05 09:00", who = [["alice", "bob"]]`)
	night := line("night", `every = "1w", from = "2026-01-05 09:00", who = ["dan", "erin"], when = "22:00-06:00"`)
	learn := line("learn", `from = "2026-01-05 09:00", who = ["erin"], shadow = true`)
	const from, to = "2026-01-06 00:00", "2026-01-08 00:00"
	for _, test := range []struct {
		name, text, at string
		people         string
		want           []string
	}{
		{"nobody is away", pairFile(pair), "2026-01-07T12:00:00+01:00", "alice, bob", nil},
		{"one of a pair is off", pairFile(pair) + offOf("bob", from, to), "2026-01-07T12:00:00+01:00", "alice", []string{
			"bob: off (line 12), layer base, turn 0 (line 10)",
		}},
		{"not any more", pairFile(pair) + offOf("bob", from, to), "2026-01-08T12:00:00+01:00", "alice, bob", nil},
		{"one of a pair is off by two lines that overlap", pairFile(pair) + offOf("bob", from, to) + offOf("bob", "2026-01-07 00:00", "2026-01-09 00:00"), "2026-01-07T12:00:00+01:00", "alice", []string{
			"bob: off (line 12), layer base, turn 0 (line 10)",
			"bob: off (line 14), layer base, turn 0 (line 10)",
		}},
		{"the second of these lines alone holds", pairFile(pair) + offOf("bob", from, to) + offOf("bob", "2026-01-07 00:00", "2026-01-09 00:00"), "2026-01-08T12:00:00+01:00", "alice", []string{
			"bob: off (line 14), layer base, turn 0 (line 10)",
		}},
		{"one of a pair is covered by nobody", pairFile(pair) + coverOf("-", "bob", from, to), "2026-01-07T12:00:00+01:00", "alice", []string{
			"bob: covered by nobody (line 12), layer base, turn 0 (line 10)",
		}},
		{"one of a pair is covered by the other", pairFile(pair) + coverOf("alice", "bob", from, to), "2026-01-07T12:00:00+01:00", "alice", []string{
			"bob: covered by alice (line 12), layer base, turn 0 (line 10)",
		}},
		{"both are off, and nobody is left", pairFile(pair) + offOf("alice", from, to) + offOf("bob", from, to), "2026-01-07T12:00:00+01:00", "", []string{
			"alice: off (line 12), layer base, turn 0 (line 10)",
			"bob: off (line 14), layer base, turn 0 (line 10)",
		}},
		{"a whole turn is off, and the next but one serves", pairFile(weekly) + offOf("alice", from, to) + offOf("bob", from, to), "2026-01-07T12:00:00+01:00", "carol", []string{
			"alice: off (line 12), layer base, turn 0 (line 10)",
			"bob: off (line 14), layer base, turn 0 (line 10)", // who would have stepped in
		}},
		{"whoever steps in is covered", pairFile(weekly) + offOf("alice", from, to) + coverOf("dan", "bob", from, to), "2026-01-07T12:00:00+01:00", "dan", []string{
			"alice: off (line 12), layer base, turn 0 (line 10)",
			"bob: covered by dan (line 14), layer base, turn 0 (line 10)",
		}},
		{"a swap brings somebody who is there already", pairFile(line("base", `every = "1w", from = "2026-01-05 09:00", who = [["alice", "bob"], "alice"]`)) +
			swapOf(`turns = ["bob 2026-01-05", "alice 2026-01-12"]`), "2026-01-07T12:00:00+01:00", "alice", []string{
			"bob: swapped with alice (line 12), layer base, turn 0 (line 10)",
		}},
		{"a layer above is empty", pairFile(pair, night) + coverOf("-", "dan", from, to), "2026-01-07T23:00:00+01:00", "alice, bob", []string{
			"dan: covered by nobody (line 13), layer night, turn 0 (line 11)",
		}},
		{"outside its window it does not matter", pairFile(pair, night) + coverOf("-", "dan", from, to), "2026-01-07T12:00:00+01:00", "alice, bob", nil},
		{"nor does a layer below the one that decides", pairFile(pair, night) + offOf("bob", from, to), "2026-01-07T23:00:00+01:00", "dan", nil},
		{"nor who learns", pairFile(pair, learn) + offOf("erin", from, to), "2026-01-07T12:00:00+01:00", "alice, bob", nil},
		{"who is off and added is both", pairFile(pair) + offOf("bob", from, to) + addOf("bob", from, to), "2026-01-07T12:00:00+01:00", "alice, bob", []string{
			"bob: off (line 12), layer base, turn 0 (line 10)",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, at := mustParse(t, test.text), instant(t, test.at)
			var got []string
			for _, a := range f.Absences("api", at, at.Add(1)) {
				got = append(got, a.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			answer, err := f.Who("api", at)
			if people := strings.Join(answer.People, ", "); err != nil || people != test.people {
				t.Errorf("on call is %q, %v, want %q", people, err, test.people)
			}
		})
	}
}

// pairFile is api with a person a line, so that the first layer stands on line 10.
func pairFile(lines ...string) string {
	return rotation("") + "[schedule.api]\nlayers = [" + strings.Join(lines, ",\n") + "]\n"
}

// Over a time the absences of all its parts are told, each once and those of the lower layer first.
func TestAbsencesOverATime(t *testing.T) {
	f := mustParse(t, pairFile(weekly)+offOf("bob", "2026-01-06", "2026-01-06")+coverOf("-", "alice", "2026-01-07", "2026-01-08"))
	from := schedule.Clock(2026, 1, 5, 9, 0, f.Zone())
	var got []string
	for _, a := range f.Absences("api", from, from.AddDate(0, 0, 14)) {
		got = append(got, a.String())
	}
	if diff := cmp.Diff([]string{"alice: covered by nobody (line 14), layer base, turn 0 (line 10)"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none := f.Absences("db", from, from.AddDate(0, 0, 14)); none != nil {
		t.Errorf("of a schedule that is not there: %v", none)
	}
	if none := f.Absences("api", from, from); none != nil {
		t.Errorf("in no time: %v", none)
	}
}

// Where changes of one person overlap, the line named is that of one that holds.
func TestTheLineNamedHolds(t *testing.T) {
	f := mustParse(t, pairFile(weekly)+addOf("dan", "2026-01-06", "2026-01-07")+addOf("dan", "2026-01-07", "2026-01-09")+addOf("dan", "2026-01-07", "2026-01-08"))
	for day, want := range map[int]int{6: 12, 7: 12, 8: 14, 9: 14} {
		answer, err := f.Who("api", schedule.Clock(2026, 1, day, 12, 0, f.Zone()))
		if err != nil || len(answer.Reasons) != 2 || answer.Reasons[1].ChangeLine != want {
			t.Errorf("on the %dth: %v, %v, want line %d", day, answer.Reasons, err, want)
		}
	}
}

// What is told is enough: the changes that the reasons and the absences of an answer name give that answer without any
// other.
func TestReasonsAndAbsencesAreTheWholeOfIt(t *testing.T) {
	named := 0
	rapid.Check(t, func(t *rapid.T) {
		lines, changes := drawPairs(t)
		f := drawnFile(t, lines+strings.Join(changes, ""))
		base := strings.Count(lines, "\n")
		for range 20 {
			at := time.Date(2026, 1, 1, rapid.IntRange(0, 24*40).Draw(t, "hour"), 30, 0, 0, time.UTC)
			answer, err := f.Who("api", at)
			if err != nil {
				t.Fatal(err)
			}
			absences := f.Absences("api", at, at.Add(1))
			var kept []string
			for i, change := range changes {
				number := base + 2*i + 2
				if slices.ContainsFunc(answer.Reasons, func(r schedule.Reason) bool { return r.ChangeLine == number }) ||
					slices.ContainsFunc(absences, func(a schedule.Absence) bool { return a.ChangeLine == number }) {
					kept = append(kept, change)
				}
			}
			named += len(kept)
			alone, err := drawnFile(t, lines+strings.Join(kept, "")).Who("api", at)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(answer.People, alone.People) {
				t.Fatalf("at %s: %v, and with what is told alone %v, in\n%s%s\nreasons %v\nabsences %v",
					at, answer.People, alone.People, lines, strings.Join(changes, ""), answer.Reasons, absences)
			}
			for _, a := range absences {
				serves := func(r schedule.Reason) bool {
					return r.Person == a.Person && (r.Change == "" || r.Change == schedule.ChangeOff)
				}
				if a.Change == schedule.ChangeOff && slices.ContainsFunc(answer.Reasons, serves) {
					t.Fatalf("at %s: %s is told to be away and is on call, in\n%s%s", at, a.Person, lines, strings.Join(changes, ""))
				}
			}
		}
	})
	if named < 100 {
		t.Errorf("only %d changes were named", named)
	}
}

func drawnFile(t *rapid.T, text string) *schedule.File {
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return f
}

// drawPairs is a schedule of two layers in which people share turns, and changes of every kind, each of two lines.
func drawPairs(t *rapid.T) (lines string, changes []string) {
	people := []string{"alice", "bob", "carol", "dan"}
	person := rapid.SampledFrom(people)
	turn := rapid.SampledFrom([]string{`"alice"`, `"bob"`, `["alice", "bob"]`, `["bob", "carol", "dan"]`, `"-"`, `"dan"`})
	ring := func(label string) string {
		return strings.Join(rapid.SliceOfN(turn, 1, 4).Draw(t, label), ", ")
	}
	lines = rotation(api(
		line("base", `every = "2d", from = "2026-01-01 09:00", who = [`+ring("base")+"]"),
		line("night", `every = "1d", from = "2026-01-01 12:00", when = "20:00-08:00", who = [`+ring("night")+"]"),
	))
	day := func(label string) (from, to string) {
		first := time.Date(2026, 1, rapid.IntRange(1, 35).Draw(t, label), 0, 0, 0, 0, time.UTC)
		return first.Format("2006-01-02"), first.AddDate(0, 0, rapid.IntRange(0, 9).Draw(t, "days")).Format("2006-01-02")
	}
	for range rapid.IntRange(1, 9).Draw(t, "changes") {
		from, to := day("from")
		one, other := person.Draw(t, "one"), person.Draw(t, "other")
		change := ""
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0, 1:
			change = offOf(one, from, to)
		case 2:
			change = coverOf(rapid.SampledFrom(append(people, "-")).Draw(t, "by"), one, from, to)
		case 3:
			change = addOf(one, from, to)
		case 4:
			change = swapOf(fmt.Sprintf(`layer = "base", turns = ["%s %s", "%s %s"]`, one, from, other, to))
		}
		if _, err := schedule.Parse("oncall.toml", []byte(lines+strings.Join(changes, "")+change)); err != nil {
			continue // two covers at once, or no such turn to swap
		}
		changes = append(changes, change)
	}
	return lines, changes
}
