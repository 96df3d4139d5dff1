package escalation_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// monday is a Monday at 10:00 in Berlin, an hour into a turn of alice.
var monday = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

const people = `zone = "Europe/Berlin"
[people]
alice = { page = ["pagerduty", "2m sms"], ticket = ["sms"] }
bob   = { page = ["sms", "1m terminal"] }
carol = { page = ["pagerduty"] }
dan   = { page = ["pagerduty"] }
mute  = { }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]
[schedule.both]
layers = [{ name = "base", from = "2026-01-05 09:00", who = [["bob", "carol"]] }]
[schedule.class]
layers = [
  { name = "base", every = "1d", from = "2026-01-05 09:00", who = ["bob", "-"] },
  { name = "learn", from = "2026-01-05 09:00", who = [["carol", "alice"]], shadow = true },
]
[schedule.lesson]
layers = [{ name = "learn", from = "2026-01-05 09:00", who = ["carol"], shadow = true }]
[schedule.nobody]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["-"] }]
[schedule.silent]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["mute"] }]
`

func file(tb testing.TB, policies string) *schedule.File {
	tb.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(people+policies))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// run lets an escalation go on until a time after its start, and writes down what it tells whom and when.
func run(p escalation.Policy, f *schedule.File, severity string, until time.Duration) []string {
	var told []string
	pr := escalation.Progress{}
	for now := monday; !now.After(monday.Add(until)); now = pr.Next {
		var notify []escalation.Notify
		pr, notify = escalation.Next(p, f, pr, nil, severity, now)
		for _, n := range notify {
			told = append(told, fmt.Sprintf("%s %s %s: %s", n.At.Sub(monday), n.Person, n.Channel, n.Why))
		}
		if !pr.Next.After(now) {
			told = append(told, "no progress")
			break
		}
	}
	return told
}

func TestNext(t *testing.T) {
	tests := []struct {
		name     string
		policy   string
		severity string
		until    time.Duration
		want     []string
	}{
		{
			"steps, waits, delays, passes, then the fallback every 30 minutes",
			`steps = [{ page = "api", wait = "5m" }, { page = "carol", wait = "10m" }]
			repeat = 1
			fallback = "dan"`, "page", 61 * time.Minute,
			[]string{
				"0s alice pagerduty: step 1 of policy p: on call for api until 2026-01-12 09:00 CET",
				"2m0s alice sms: step 1 of policy p: on call for api until 2026-01-12 09:00 CET",
				"5m0s carol pagerduty: step 2 of policy p: named in the step",
				"15m0s alice pagerduty: step 1 of policy p, pass 2 of 2: on call for api until 2026-01-12 09:00 CET",
				"17m0s alice sms: step 1 of policy p, pass 2 of 2: on call for api until 2026-01-12 09:00 CET",
				"20m0s carol pagerduty: step 2 of policy p, pass 2 of 2: named in the step",
				"30m0s dan pagerduty: fallback of policy p: nobody has acknowledged",
				"1h0m0s dan pagerduty: fallback of policy p: nobody has acknowledged",
			},
		},
		{
			"row 22: an empty step is skipped at once",
			`steps = [{ page = "nobody", wait = "5m" }, { page = "carol", wait = "10m" }]
			fallback = "dan"`, "page", time.Minute,
			[]string{"0s carol pagerduty: step 2 of policy p: named in the step"},
		},
		{
			"a whole pass that finds nobody goes to the fallback at once, whatever repeat says",
			`steps = [{ page = "nobody", wait = "5m" }, { page = ["nobody", "silent"], wait = "5m" }]
			repeat = 3
			fallback = "dan"`, "page", time.Minute,
			[]string{"0s dan pagerduty: fallback of policy p: the steps found nobody to tell"},
		},
		{
			"a union of people and schedules tells each person once",
			`steps = [{ page = ["carol", "both", "bob"], wait = "5m" }]
			fallback = "dan"`, "page", time.Minute,
			[]string{
				"0s carol pagerduty: step 1 of policy p: named in the step",
				"0s bob sms: step 1 of policy p: on call for both until further notice",
				"1m0s bob terminal: step 1 of policy p: on call for both until further notice",
			},
		},
		{
			"who learns is told in copy",
			`steps = [{ page = ["class", "alice"], wait = "24h" }, { page = "carol", wait = "5m" }]
			repeat = 1
			fallback = "dan"`, "page", 24*time.Hour + 6*time.Minute,
			[]string{
				"0s bob sms: step 1 of policy p: on call for class until 2026-01-06 09:00 CET",
				"1m0s bob terminal: step 1 of policy p: on call for class until 2026-01-06 09:00 CET",
				"0s alice pagerduty: step 1 of policy p: named in the step",
				"2m0s alice sms: step 1 of policy p: named in the step",
				"0s carol pagerduty: step 1 of policy p: in copy, learning on class",
				"24h0m0s carol pagerduty: step 2 of policy p: named in the step",
				"24h5m0s alice pagerduty: step 1 of policy p, pass 2 of 2: named in the step",
				"24h7m0s alice sms: step 1 of policy p, pass 2 of 2: named in the step",
				"24h5m0s carol pagerduty: step 1 of policy p, pass 2 of 2: in copy, learning on class",
			},
		},
		{
			"row 22: a step in which somebody only learns is empty",
			`steps = [{ page = "lesson", wait = "5m" }]
			fallback = "dan"`, "page", time.Minute,
			[]string{"0s dan pagerduty: fallback of policy p: the steps found nobody to tell"},
		},
		{
			"a ticket takes the ticket channels",
			`steps = [{ page = "api", wait = "5m" }]
			fallback = "dan"`, "ticket", time.Minute,
			[]string{"0s alice sms: step 1 of policy p: on call for api until 2026-01-12 09:00 CET"},
		},
		{
			"a ticket never wakes: without ticket channels only those for pages that are silent, else passed over",
			`steps = [{ page = "carol", wait = "5m" }, { page = "bob", wait = "5m" }]
			fallback = "alice"`, "ticket", 2 * time.Minute,
			[]string{"1m0s bob terminal: step 2 of policy p: named in the step"},
		},
		{
			"a ticket wakes the fallback rather than be lost",
			`steps = [{ page = "carol", wait = "5m" }]
			fallback = "dan"`, "ticket", time.Minute,
			[]string{"0s dan pagerduty: fallback of policy p: the steps found nobody to tell"},
		},
		{
			"a severity nobody knows is a page",
			`steps = [{ page = "carol", wait = "5m" }]
			fallback = "dan"`, "catastrophe", time.Minute,
			[]string{"0s carol pagerduty: step 1 of policy p: named in the step"},
		},
		{
			"a fallback without channels gives way to everybody",
			`steps = [{ page = "nobody", wait = "5m" }]
			fallback = "mute"`, "page", time.Second,
			[]string{
				"0s alice pagerduty: fallback of policy p: the steps found nobody to tell, and the fallback cannot be told",
				"2m0s alice sms: fallback of policy p: the steps found nobody to tell, and the fallback cannot be told",
				"0s bob sms: fallback of policy p: the steps found nobody to tell, and the fallback cannot be told",
				"1m0s bob terminal: fallback of policy p: the steps found nobody to tell, and the fallback cannot be told",
				"0s carol pagerduty: fallback of policy p: the steps found nobody to tell, and the fallback cannot be told",
				"0s dan pagerduty: fallback of policy p: the steps found nobody to tell, and the fallback cannot be told",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := file(t, "[policy.p]\n"+test.policy+"\n[[route]]\npolicy = \"p\"\n")
			p, matched := escalation.PolicyFor(f, nil)
			if !matched {
				t.Fatal("the default route does not match")
			}
			got := run(p, f, test.severity, test.until)
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

const onePolicy = `[policy.p]
steps = [{ page = "api", wait = "5m" }, { page = "carol", wait = "5m" }]
fallback = "dan"
`

func TestNextIsPatient(t *testing.T) {
	f := file(t, onePolicy)
	p, _ := escalation.PolicyFor(f, nil)
	begun, _ := escalation.Next(p, f, escalation.Progress{}, nil, "page", monday)

	if pr, notify := escalation.Next(p, f, begun, nil, "page", begun.Next.Add(-time.Nanosecond)); len(notify) != 0 || !reflect.DeepEqual(pr, begun) {
		t.Errorf("called early: %+v, %v", pr, notify)
	}
	late := begun.Next.Add(3 * time.Hour)
	pr, notify := escalation.Next(p, f, begun, nil, "page", late)
	if len(notify) != 1 || notify[0].Person != "carol" || !pr.Next.Equal(late.Add(5*time.Minute)) {
		t.Errorf("called late: %+v, %v, want one step and its whole wait", pr, notify)
	}
	if pr, notify := escalation.Next(p, f, escalation.Progress{}, nil, "info", monday); len(notify) != 0 || !reflect.DeepEqual(pr, escalation.Progress{}) {
		t.Errorf("info: %+v, %v", pr, notify)
	}
}

// Positions only grow, also through rounds of the fallback, so that the router can tell a later step from an earlier.
func TestPositionsGrow(t *testing.T) {
	f := file(t, strings.Replace(onePolicy, "fallback", "repeat = 2\nfallback", 1))
	p, _ := escalation.PolicyFor(f, nil)
	pr, passBefore, stepBefore := escalation.Progress{Next: monday}, -1, -1
	for range 12 {
		var notify []escalation.Notify
		pr, notify = escalation.Next(p, f, pr, nil, "page", pr.Next)
		for _, n := range notify {
			if n.Pass != notify[0].Pass || n.Step != notify[0].Step {
				t.Errorf("one call gives %+v and %+v", notify[0], n)
			}
		}
		n := notify[0]
		if n.Pass < passBefore || (n.Pass == passBefore && n.Step <= stepBefore) {
			t.Errorf("pass %d step %d after pass %d step %d", n.Pass, n.Step, passBefore, stepBefore)
		}
		passBefore, stepBefore = n.Pass, n.Step
	}
	if !pr.Fallback {
		t.Error("twelve steps of a policy with six do not reach the fallback")
	}
}

func TestUnmatchedSaysSo(t *testing.T) {
	f := file(t, onePolicy+"[[route]]\nmatch = { team = \"web\" }\npolicy = \"p\"\n")
	p, matched := escalation.PolicyFor(f, map[string]string{"team": "db"})
	if matched || p.Name != "p" {
		t.Errorf("policy %q, matched %v, want the first and false", p.Name, matched)
	}
	_, notify := escalation.Next(p, f, escalation.Progress{}, nil, "page", monday)
	const want = "step 1 of policy p (no route matches the incident): on call for api until 2026-01-12 09:00 CET"
	if len(notify) == 0 || notify[0].Why != want {
		t.Errorf("got %v, want %s", notify, want)
	}
}

func TestFirstMatchingRouteWins(t *testing.T) {
	f := file(t, onePolicy+strings.ReplaceAll(onePolicy, "policy.p", "policy.q")+
		"[[route]]\nmatch = { team = \"web\", service = \"shop\" }\npolicy = \"q\"\n[[route]]\nmatch = { team = \"web\" }\npolicy = \"p\"\n")
	for labels, want := range map[string]string{"shop": "q", "blog": "p"} {
		if p, matched := escalation.PolicyFor(f, map[string]string{"team": "web", "service": labels}); p.Name != want || !matched {
			t.Errorf("service %s: policy %s, %v, want %s", labels, p.Name, matched, want)
		}
	}
}

// A policy frozen in an incident outlives the file it came from.
func TestFrozenPolicyMeetsAnotherFile(t *testing.T) {
	p, _ := escalation.PolicyFor(file(t, onePolicy), nil)
	other, err := schedule.Parse("oncall.toml", []byte(`zone = "UTC"
[people]
erin = { page = ["sms"] }
[schedule.web]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["erin"] }]
[policy.web]
steps = [{ page = "web", wait = "5m" }]
fallback = "erin"
`))
	if err != nil {
		t.Fatal(err)
	}
	pr, notify := escalation.Next(p, other, escalation.Progress{}, nil, "page", monday)
	if len(notify) != 1 || notify[0].Person != "erin" || notify[0].Why != "fallback of policy p (no route matches the incident): the steps found nobody to tell" {
		t.Errorf("got %+v, want the fallback of the new file", notify)
	}
	if !pr.Next.Equal(monday.Add(escalation.FallbackEvery)) {
		t.Errorf("next call at %s", pr.Next)
	}
	if pr, notify := escalation.Next(p, nil, escalation.Progress{}, nil, "page", monday); len(notify) != 0 || !pr.Next.After(monday) {
		t.Errorf("without a file: %+v, %v", pr, notify)
	}
	if _, notify := escalation.Next(escalation.Policy{}, other, escalation.Progress{}, nil, "page", monday); len(notify) != 1 {
		t.Errorf("the zero policy tells %v, want somebody", notify)
	}
}

func TestFileWithoutPoliciesStillPages(t *testing.T) {
	f := file(t, "")
	p, matched := escalation.PolicyFor(f, map[string]string{"team": "api"})
	if matched || p.Name != "built-in" {
		t.Errorf("policy %q, matched %v", p.Name, matched)
	}
	_, notify := escalation.Next(p, f, escalation.Progress{}, nil, "page", monday)
	told := map[string]bool{}
	for _, n := range notify {
		told[n.Person] = true
	}
	if !told["alice"] || !told["bob"] || !told["carol"] || told["dan"] {
		t.Errorf("told %v, want everybody on call and nobody else", told)
	}
}

// What is stored now must be readable by the next release, and what that one adds must not stop this one.
func TestStoredForm(t *testing.T) {
	p, _ := escalation.PolicyFor(file(t, strings.Replace(onePolicy, "fallback", "repeat = 2\nfallback", 1)), nil)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"p","steps":[{"page":["api"],"wait":"5m0s"},{"page":["carol"],"wait":"5m0s"}],"repeat":2,"fallback":"dan","ack_timeout":"4h0m0s","unmatched":true}`
	if string(data) != want {
		t.Errorf("policy is stored as\n%s, want\n%s", data, want)
	}
	var back escalation.Policy
	if err := json.Unmarshal([]byte(strings.Replace(want, `"name"`, `"from_the_future":{"a":[1]},"name"`, 1)), &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || string(again) != want {
		t.Errorf("read back as\n%s, %v", again, err)
	}
	pr := escalation.Progress{Pass: 1, Step: 2, Started: monday, Next: monday.Add(time.Minute), Found: true}
	data, err = json.Marshal(pr)
	if err != nil || string(data) != `{"pass":1,"step":2,"started":"2026-01-05T09:00:00Z","next":"2026-01-05T09:01:00Z","found":true}` {
		t.Errorf("progress is stored as %s, %v", data, err)
	}
	var prBack escalation.Progress
	if err := json.Unmarshal(data, &prBack); err != nil || !reflect.DeepEqual(prBack, pr) {
		t.Errorf("read back as %+v, %v", prBack, err)
	}
	if data, err := json.Marshal(escalation.Progress{}); err != nil || string(data) != "{}" {
		t.Errorf("not begun is stored as %s, %v", data, err)
	}
}
