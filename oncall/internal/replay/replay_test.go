package replay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/internal/replay"
	"nezuban/oncall/schedule"
)

const rotation = `zone = "Europe/Berlin"
[people]
alice = { page = ["pagerduty"], ticket = ["email"] }
bob   = { page = ["slack", "2m sms"], ticket = ["email"], zone = "America/New_York" }
carol = { page = ["call"], ticket = ["email"], quiet = "ticket 22:00-07:00" }
dan   = { page = ["sms"] }
[schedule.api]
layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] },
  { name = "learn", from = "2026-01-05 09:00", who = ["carol"], shadow = true },
]
[policy.api]
steps = [{ page = "api", wait = "5m" }, { page = "carol", wait = "10m" }]
repeat = 1
fallback = "dan"
hold = "ticket 23:00-08:00"
[policy.turns]
steps = [{ page = ["alice", "bob", "carol"], pick = "rotate", wait = "5m" }]
fallback = "dan"
[[route]]
match = { service = "shop" }
policy = "turns"
[[route]]
match = { team = "api" }
policy = "api"
`

func parse(tb testing.TB, text string) *schedule.File {
	tb.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func read(tb testing.TB, log string) []replay.Incident {
	tb.Helper()
	incidents, err := replay.Read("log", strings.NewReader(log))
	if err != nil {
		tb.Fatal(err)
	}
	return incidents
}

// describe is an outcome on one line.
func describe(o replay.Outcome) string {
	var woken []string
	for _, w := range o.Woken {
		woken = append(woken, w.Person+" "+w.At.Format("15:04"))
	}
	reached := "nobody"
	if d, ok := o.ReachedAfter(); ok {
		reached = d.String()
	}
	return fmt.Sprintf("%s %s: woken %s; reached %s; told %d", o.ID, o.Policy, strings.Join(woken, ", "), reached, len(o.Told))
}

func TestRun(t *testing.T) {
	const at = `"at":"2026-01-06T03:00:00+01:00"` // alice's week; in New York it is 21:00
	tests := []struct {
		name, log string
		model     replay.Model
		want      []string
	}{
		{"acknowledged at once: the first step alone, the learner in copy", `{"id":"1",` + at + `,"severity":"page","labels":{"team":"api"},"acked_at":"2026-01-06T03:01:00+01:00"}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00; reached 0s; told 2"}},
		{"acknowledged late: the second step too", `{"id":"1",` + at + `,"severity":"page","labels":{"team":"api"},"acked_at":"2026-01-06T03:06:00+01:00"}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00; reached 0s; told 3"}},
		{"a delayed channel that would come after the end does not", `{"id":"1","at":"2026-01-13T03:00:00+01:00","severity":"page","labels":{"team":"api"},"resolved_at":"2026-01-13T03:01:00+01:00"}`, replay.Model{}, []string{"1 api: woken carol 03:00; reached 0s; told 2"}},
		{"nobody ends it: until the fallback is told once", `{"id":"1",` + at + `,"severity":"page","labels":{"team":"api"}}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00, dan 03:30; reached 0s; told 7"}},
		{"nobody acknowledges until it is over", `{"id":"1",` + at + `,"severity":"page","labels":{"team":"api"},"resolved_at":"2026-01-06T05:00:00+01:00"}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00, dan 03:30; reached 0s; told 9"}},
		{"a ticket waits for the morning and wakes nobody", `{"id":"1",` + at + `,"severity":"ticket","labels":{"team":"api"},"acked_at":"2026-01-06T08:20:00+01:00"}`, replay.Model{}, []string{"1 api: woken ; reached 5h0m0s; told 5"}},
		{"a ticket that is over by morning reaches nobody", `{"id":"1",` + at + `,"severity":"ticket","labels":{"team":"api"},"resolved_at":"2026-01-06T04:00:00+01:00"}`, replay.Model{}, []string{"1 api: woken ; reached nobody; told 0"}},
		{"a ticket as the fallback may wake, and is counted", `{"id":"1","at":"2026-01-06T09:00:00+01:00","severity":"ticket","service":"shop"}`, replay.Model{}, []string{"1 turns: woken dan 09:05; reached 0s; told 2"}},
		{"info tells nobody", `{"id":"1",` + at + `,"severity":"info","labels":{"team":"api"}}`, replay.Model{}, []string{"1 api: woken ; reached nobody; told 0"}},
		{"what was to page nobody tells nobody", `{"id":"1",` + at + `,"severity":"page","labels":{"team":"api"},"unpaged":true}`, replay.Model{}, []string{"1 api: woken ; reached nobody; told 0"}},
		{"a severity nobody knows is a page", `{"id":"1",` + at + `,"severity":"loud","labels":{"team":"api"},"acked_at":"2026-01-06T03:01:00+01:00"}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00; reached 0s; told 2"}},
		{"no route: the first policy", `{"id":"1",` + at + `,"acked_at":"2026-01-06T03:01:00+01:00"}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00; reached 0s; told 2"}},
		{"a label named service goes before the field", `{"id":"1",` + at + `,"service":"shop","labels":{"service":"x","team":"api"},"acked_at":"2026-01-06T03:01:00+01:00"}`, replay.Model{}, []string{"1 api: woken alice 03:00, carol 03:00; reached 0s; told 2"}},
		{"turns go on from incident to incident, in order of time", strings.Join([]string{
			`{"id":"2","at":"2026-01-06T05:00:00+01:00","service":"shop","acked_at":"2026-01-06T05:03:00+01:00"}`,
			`{"id":"1",` + at + `,"service":"shop","acked_at":"2026-01-06T03:01:00+01:00"}`,
			`{"id":"3","at":"2026-01-06T06:00:00+01:00","service":"shop","acked_at":"2026-01-06T06:01:00+01:00"}`,
		}, "\n"), replay.Model{}, []string{"1 turns: woken alice 03:00; reached 0s; told 1", "2 turns: woken bob 23:02; reached 2m0s; told 2", "3 turns: woken carol 06:00; reached 0s; told 1"}},
		{"with an answer after a time: who would have answered, whatever the history says", `{"id":"1","at":"2026-01-13T03:00:00+01:00","severity":"page","labels":{"team":"api"},"acked_at":"2026-01-13T09:00:00+01:00"}`, replay.Model{AnswersAfter: 3 * time.Minute}, []string{"1 api: woken carol 03:00, bob 21:02; reached 0s; told 3"}},
		{"an answer does not outlast the end", `{"id":"1",` + at + `,"severity":"page","labels":{"team":"api"},"resolved_at":"2026-01-06T03:04:00+01:00"}`, replay.Model{AnswersAfter: time.Hour}, []string{"1 api: woken alice 03:00, carol 03:00; reached 0s; told 2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, o := range test.model.Run(parse(t, rotation), read(t, test.log)) {
				got = append(got, describe(o))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestSummarise(t *testing.T) {
	f := parse(t, rotation)
	s := replay.Summarise(f, replay.Model{}.Run(f, read(t, strings.Join([]string{
		`{"id":"1","at":"2026-01-06T03:00:00+01:00","service":"shop","acked_at":"2026-01-06T03:01:00+01:00"}`, // alice at 03
		`{"id":"2","at":"2026-01-06T12:00:00+01:00","service":"shop","acked_at":"2026-01-06T12:03:00+01:00"}`, // bob at 06:02, after 2m
		`{"id":"3","at":"2026-01-06T13:00:00+01:00","service":"shop","acked_at":"2026-01-06T13:00:00+01:00"}`, // over at once
		`{"id":"4","at":"2026-01-06T14:00:00+01:00","severity":"info"}`,
		`{"id":"5","at":"2026-01-06T15:00:00+01:00","service":"shop","unpaged":true}`,
		`{"id":"6","at":"2026-01-06T15:00:00+01:00","service":"shop","severity":"ticket","unpaged":true}`,
	}, "\n"))))
	if s.Incidents != 6 || s.Tickets != (replay.Reach{}) || s.Unmatched != 1 || len(s.People) != 4 {
		t.Errorf("got %+v", s)
	}
	alice, bob := s.People["alice"], s.People["bob"]
	if alice.Woken != 1 || alice.AtNight != 1 || alice.Hours[3] != 1 || bob.Woken != 1 || bob.AtNight != 1 || bob.Hours[6] != 1 || s.People["dan"].Woken != 0 {
		t.Errorf("alice %+v, bob %+v", alice, bob)
	}
	if want := (replay.Reach{Count: 2, Nobody: 1, Median: 0, P90: 2 * time.Minute, Most: 2 * time.Minute}); s.Pages != want {
		t.Errorf("reach %+v, want %+v", s.Pages, want)
	}
	if none := replay.Summarise(f, nil); none.Pages != (replay.Reach{}) || none.Incidents != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}

// plain has a policy that an oracle can follow with its fingers: who is on call, after a minute carol, then dan.
const plain = `zone = "Europe/Berlin"
[people]
alice = { page = ["pagerduty"] }
bob   = { page = ["sms"] }
carol = { page = ["call"] }
dan   = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1d", from = "2026-01-05 09:00", who = ["alice", "bob", "-"] }]
[policy.api]
steps = [{ page = "api", wait = "1m" }, { page = "carol", wait = "1m" }]
fallback = "dan"
[[route]]
policy = "api"
`

// The oracle asks the schedule alone and counts minutes.
func TestRunAgainstAnOracle(t *testing.T) {
	f := parse(t, plain)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 1, 5, 8, rapid.IntRange(0, 60*24*30).Draw(t, "minute"), 0, 0, time.UTC)
		acked := at.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "seconds")) * time.Second)
		var want []string
		moment := at
		for _, who := range [][]string{nil, {"carol"}, {"dan"}} {
			if who == nil {
				answer, err := f.Who("api", at)
				if err != nil {
					t.Fatal(err)
				}
				if who = answer.People; len(who) == 0 {
					continue // skipped without waiting
				}
			}
			if moment.Before(acked) {
				want = append(want, who...)
			}
			moment = moment.Add(time.Minute)
		}
		got := replay.Model{}.Run(f, []replay.Incident{{ID: "1", At: at, AckedAt: acked}})[0]
		var woken []string
		for _, w := range got.Woken {
			woken = append(woken, w.Person)
		}
		if !slices.Equal(woken, want) {
			t.Fatalf("at %s, acknowledged at %s: woken %v, want %v", at, acked, woken, want)
		}
	})
}

// drawn is a history whose incidents come in no order.
func drawn(t *rapid.T) []string {
	var lines []string
	for i := range rapid.IntRange(0, 30).Draw(t, "incidents") {
		at := time.Date(2026, 1, 5, 8, rapid.IntRange(0, 60*24*60).Draw(t, "minute"), 0, 0, time.UTC)
		line := fmt.Sprintf(`{"id":"I%d","at":%q,"severity":%q,"service":%q`, i, at.Format(time.RFC3339),
			rapid.SampledFrom([]string{"page", "ticket", "info"}).Draw(t, "severity"), rapid.SampledFrom([]string{"shop", "db"}).Draw(t, "service"))
		if minutes := rapid.IntRange(-1, 120).Draw(t, "acked"); minutes >= 0 {
			line += fmt.Sprintf(`,"acked_at":%q`, at.Add(time.Duration(minutes)*time.Minute).Format(time.RFC3339))
		}
		lines = append(lines, line+"}")
	}
	return lines
}

// A file against itself differs nowhere, and the order of the lines has no say.
func TestTheOrderOfLinesDoesNotMatter(t *testing.T) {
	f := parse(t, rotation)
	rapid.Check(t, func(t *rapid.T) {
		lines := drawn(t)
		run := func() []replay.Outcome {
			incidents, err := replay.Read("log", strings.NewReader(strings.Join(lines, "\n")))
			if err != nil {
				t.Fatal(err)
			}
			return replay.Model{}.Run(f, incidents)
		}
		before := run()
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for i, after := range run() {
			if before[i].Differ(after) || before[i].ID != after.ID {
				t.Fatalf("%s and %s", describe(before[i]), describe(after))
			}
		}
		for _, o := range before {
			if o.Severity == "info" && len(o.Told) > 0 {
				t.Fatalf("info tells somebody: %s", describe(o))
			}
			for _, told := range o.Told {
				if told.At.Before(o.At) || (!o.AckedAt.IsZero() && !told.At.Before(o.AckedAt)) {
					t.Fatalf("%s: %s is told at %s", describe(o), told.Person, told.At)
				}
			}
		}
	})
}

func BenchmarkRun(b *testing.B) {
	// 10,000 incidents of a year, four in five pages, acknowledged after up to 40 minutes, through the file of the tests.
	f := parse(b, rotation)
	source := rand.New(rand.NewPCG(1, 2))
	incidents := make([]replay.Incident, 10_000)
	at := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for i := range incidents {
		at = at.Add(time.Duration(source.IntN(100)) * time.Minute)
		severity := "page"
		if source.IntN(5) == 0 {
			severity = "ticket"
		}
		incidents[i] = replay.Incident{ID: fmt.Sprint(i), At: at, Severity: severity, Service: []string{"shop", "db"}[source.IntN(2)], AckedAt: at.Add(time.Duration(source.IntN(40)) * time.Minute)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if outcomes := (replay.Model{}).Run(f, incidents); len(outcomes) != len(incidents) {
			b.Fatal(len(outcomes))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(incidents)), "µs/incident")
}
