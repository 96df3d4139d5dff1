package incident

import (
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

// Incidents share what their policy says, and each holds on to that of the file under which it was opened.
func TestIncidentsShareThePolicyOfTheirFile(t *testing.T) {
	w := newWorld(t, rotationText)
	open := func(key string) Incident {
		a := down(start, true)
		a.Key = key
		return w.apply(a).Incidents[0]
	}
	first, second := open("a"), open("b")
	if first.Policy != second.Policy {
		t.Error("two incidents of one file hold a policy each")
	}
	was := *first.Policy
	other, err := schedule.Parse("oncall.toml", []byte(`zone = "UTC"
[people]
carol = { page = ["sms"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["carol"] }]
[policy.`+was.Name+`]
steps = [{ page = "primary", wait = "17m" }]
fallback = "carol"
[[route]]
policy = "`+was.Name+`"
`))
	if err != nil {
		t.Fatal(err)
	}
	w.env.Rotation = other
	third := open("c")
	if third.Policy.Fallback != "carol" || third.Policy.Steps[0].Wait.Duration() != 17*time.Minute {
		t.Errorf("found policy %+v of an incident opened under the new file, want that file's", third.Policy)
	}
	if held, _ := w.book.Incident(first.ID); held.Policy.Fallback != was.Fallback || held.Policy.Steps[0].Wait != was.Steps[0].Wait {
		t.Errorf("found policy %+v of an incident opened before, want %+v", held.Policy, was)
	}
}

// Nothing stands still for an incident that was stored without a policy.
func TestAnIncidentWithoutAPolicyIsLookedAfter(t *testing.T) {
	for _, state := range []State{Triggered, Acknowledged, Snoozed, Resolved} {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t, rotationText)
			a := down(start, true)
			w.accept(Change{Incidents: []Incident{{
				Version: 1, ID: "I000", State: state, Severity: SeverityPage, OpenedAt: start, AcknowledgedAt: start, AcknowledgedBy: "alice",
				SnoozedUntil: start.Add(time.Minute), ResolvedAt: start, Alerts: map[string]AlertState{a.Key: {Alert: a, Count: 1, First: start}},
			}}})
			w.env.Now = start.Add(25 * time.Hour)
			c := w.book.Tick(w.env)
			if over := w.book.Over(w.env); c.Empty() && len(over) == 0 && state != Acknowledged { // it has no time after which an acknowledgement ends
				t.Error("nothing has come of it")
			}
			w.book.Accept(c)
			if state == Triggered {
				if _, err := w.book.Acknowledge(w.env, "I000", "alice", ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
