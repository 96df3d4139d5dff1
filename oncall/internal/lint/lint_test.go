package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/internal/lint"
	"nezuban/oncall/schedule"
)

const head = `zone = "Europe/Berlin"
[people]
alice = { page = ["sms"], ticket = ["terminal"] }
bob   = { page = ["sms"], ticket = ["terminal"] }
carol = { page = ["sms"], ticket = ["terminal"] }
[schedule.api]
layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] },
`

const plain = head + "]\n"

// now is in a turn of alice.
var now = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func cover(by, person, from, to string) string {
	return fmt.Sprintf("[[change]]\ncover = { on = \"api\", by = %q, for = %q, from = %q, to = %q }\n", by, person, from, to)
}

const policy = "[policy.api]\nsteps = [{ page = \"api\", wait = \"5m\" }]\nfallback = \"alice\"\n"

func TestRun(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"nothing to find", plain + policy + "[[route]]\npolicy = \"api\"\n", nil},
		{"a cover that does what it says", plain + cover("carol", "bob", "2026-01-12 09:00", "2026-01-13 09:00"), nil},
		{"a cover of somebody who is not on call", plain + cover("carol", "bob", "2026-01-05 09:00", "2026-01-06 09:00"), []string{
			"11 error: this cover changes nothing: bob has no turn of api then, or stays on call all the same",
		}},
		{"a cover of oneself", plain + cover("bob", "bob", "2026-01-12 09:00", "2026-01-13 09:00"), []string{
			"11 error: this cover changes nothing: bob has no turn of api then, or stays on call all the same",
		}},
		{"a cover across a handoff", plain + cover("carol", "bob", "2026-01-18 09:00", "2026-01-20 09:00"), []string{
			"11 warning: this cover changes 24h of its 48h: bob is not on call for api the whole time",
		}},
		{"row 16: chained covers", plain + cover("carol", "bob", "2026-01-12 09:00", "2026-01-13 09:00") + cover("alice", "carol", "2026-01-12 12:00", "2026-01-12 18:00"), []string{
			"13 error: a cover for carol does not pass on the time that carol covers for bob (line 11): covers do not chain",
		}},
		{"a gap", plain + cover("-", "bob", "2026-01-12 09:00", "2026-01-12 10:30"), []string{
			"8 warning: nobody is on call for api once in the next 52 weeks, 1h30m in all, first from 2026-01-12 09:00 CET until 2026-01-12 10:30 CET",
		}},
		{"from in a gap", head + `  { name = "top", from = "2026-03-29 02:30", to = "2026-03-30 09:00", who = ["carol"] },` + "\n]\n", []string{
			`9 error: the clock jumps over this from: the layer "top" begins at 2026-03-29 03:00 CEST`,
		}},
		{"never on call", head + `  { name = "top", from = "2026-01-05 09:00", who = ["carol"] },` + "\n]\n", []string{
			`8 warning: alice stands in the layer "base" of api and is never on call in the next 52 weeks`,
			`8 warning: bob stands in the layer "base" of api and is never on call in the next 52 weeks`,
		}},
		{"another weekday", strings.Replace(plain, `09:00", who`, `09:00", to = "2026-06-02 09:00", who`, 1)[:len(head)+len(`, to = "2026-06-02 09:00"`)-1] + "\n" +
			`  { name = "base", every = "1w", from = "2026-06-02 09:00", who = ["alice", "bob"] },` + "\n]\n", []string{
			`9 warning: the layer "base" hands off on a Tuesday from here on, before that on a Monday`,
		}},
		{"no default route", plain + policy, []string{
			`10 error: no route without match: an incident that no route matches takes the first policy, "api"`,
		}},
		{"a default route that is not the last", plain + policy + "[[route]]\npolicy = \"api\"\n[[route]]\nmatch = { team = \"web\" }\npolicy = \"api\"\n", []string{
			"13 error: a route without match takes every incident: the routes after it are never reached, it must stand last",
		}},
		{"out of reach", strings.NewReplacer(`alice = { page = ["sms"], `, `alice = { `, `bob   = { page = ["sms"]`, `bob   = { page = ["terminal"]`, `carol = { page = ["sms"], ticket = ["terminal"]`, `carol = { page = ["sms"]`).Replace(plain) + cover("carol", "bob", "2026-01-12 09:00", "2026-01-13 09:00"), []string{
			"3 warning: alice has no channel for pages, and is passed over",
			"4 warning: bob has no channel that wakes",
			"5 warning: carol has no channel for tickets, which must not wake: a ticket passes them over, or wakes them as the fallback",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := schedule.Parse("oncall.toml", []byte(test.text))
			if err != nil {
				t.Fatalf("%v\nof\n%s", err, test.text)
			}
			var got []string
			for _, finding := range lint.Run(f, now) {
				kind := "warning"
				if finding.Error {
					kind = "error"
				}
				got = append(got, fmt.Sprintf("%d %s: %s", finding.Line, kind, finding.Text))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"), test.text)
			}
		})
	}
}
