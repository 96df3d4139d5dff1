package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

var start = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)

const rotationText = `
zone = "UTC"
[people]
alice = { page = ["pagerduty"], ticket = ["terminal"] }
bob   = { page = ["terminal", "2m sms"] }
carol = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.api]
steps = [{ page = "api", wait = "5m" }, { page = "bob", wait = "10m" }]
repeat = 0
fallback = "carol"
[[route]]
policy = "api"
`

// world is a book whose changes are always durable, and a clock that the test moves.
type world struct {
	t    testing.TB
	book *Book
	env  Env
	ids  int
	log  []string // texts of all timeline entries

	broken bool // the test breaks what the audit looks at
}

func newWorld(t testing.TB, rotation string) *world {
	t.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(rotation))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, book: NewBook(nil, nil, nil)}
	w.env = Env{Now: start, Rotation: f, NewID: func(time.Time) string { w.ids++; return fmt.Sprintf("I%03d", w.ids) }}
	return w
}

func (w *world) accept(c Change) Change {
	for _, e := range c.Entries {
		if strings.Contains(e.Text, "stood still") && !w.broken {
			w.t.Errorf("incident %s: %s", e.Incident, e.Text) // the audit must find nothing in any test but its own
		}
		w.log = append(w.log, e.Text)
	}
	w.book.Accept(c)
	return c
}

func (w *world) apply(alerts ...Alert) Change { return w.accept(w.book.Apply(w.env, alerts, nil)) }

func (w *world) after(d time.Duration) *world {
	w.env.Now = w.env.Now.Add(d)
	w.tick()
	return w
}

// tick does what the router's own tick does.
func (w *world) tick() {
	w.accept(w.book.Tick(w.env))
	w.accept(Change{Closed: w.book.Over(w.env)})
}

// deliver sends all due rows with the given outcome and says which they were.
func (w *world) deliver(out Outcome) []string {
	w.t.Helper()
	var sent []string
	due, _ := w.book.Due(w.env.Now)
	for _, row := range due {
		c, ok := w.book.Begin(w.env, row.Key())
		if !ok {
			w.t.Fatalf("due row %v cannot begin", row.Key())
		}
		w.accept(c)
		w.accept(w.book.Finish(w.env, row.Key(), out))
		begun := c.Rows[slices.IndexFunc(c.Rows, func(r Row) bool { return r.Key() == row.Key() })]
		sent = append(sent, describe(begun))
	}
	return sent
}

func describe(r Row) string {
	return fmt.Sprintf("%s %s %s", r.Kind, r.Channel, strings.Join(r.People, "+"))
}

func (w *world) only() Incident {
	w.t.Helper()
	all := w.book.Incidents()
	if len(all) != 1 {
		w.t.Fatalf("found %d incidents, want 1", len(all))
	}
	return all[0]
}

func died(at time.Time) Alert {
	return Alert{
		Key: DedupKey("container-died", "shop", "web1"), Rule: "container-died", Kind: KindOccurrence, Firing: true, Severity: SeverityPage,
		Labels: map[string]string{"host": "web1", "container_name": "shop"}, Summary: "container shop died with exit 137", At: at,
		Event: fmt.Sprintf("web1|c1|%d|die", at.UnixNano()),
	}
}

func started(at time.Time) Alert {
	a := died(at)
	a.Firing, a.Summary, a.Event = false, "container shop was started", ""
	return a
}

func down(at time.Time, firing bool) Alert {
	return Alert{
		Key: DedupKey("check-down", "shop"), Rule: "check-down", Kind: KindState, Firing: firing, Severity: SeverityPage,
		Labels: map[string]string{"check": "shop"}, Summary: "shop is down", At: at,
	}
}

var sentOK = Outcome{ProviderID: "P1"}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFirstAlertOpensAnIncidentAndPagesTheFirstStepAtOnce(t *testing.T) {
	w := newWorld(t, rotationText)
	c := w.apply(died(start))
	if len(c.Incidents) != 1 || len(c.Rows) != 1 || len(c.Entries) == 0 {
		t.Fatalf("found %d incidents, %d rows, %d entries in one change, want all three", len(c.Incidents), len(c.Rows), len(c.Entries))
	}
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	if inc := w.only(); inc.State != Triggered || inc.Policy.Name != "api" || !strings.Contains(c.Rows[0].Why, "api") {
		t.Errorf("found state %s, policy %q, why %q", inc.State, inc.Policy.Name, c.Rows[0].Why)
	}
}

func TestWhatNoRouteMatchesIsPagedAndSaysSo(t *testing.T) {
	for team, says := range map[string]bool{"web": false, "db": true} {
		w := newWorld(t, rotationText+"match = { team = \"web\" }\n")
		a := died(start)
		a.Labels = map[string]string{"team": team}
		w.apply(a)
		want(t, w.deliver(sentOK), "trigger pagerduty alice")
		if w.said(`no route matches its labels: taking policy "api"`) != says {
			t.Errorf("team %s:\n%s", team, strings.Join(w.log, "\n"))
		}
	}
}

func TestRepeats(t *testing.T) {
	tests := []struct {
		name    string
		second  Alert
		changed bool
		count   int
	}{
		{"the same event again changes nothing", died(start), false, 1},
		{"another event of the same key is counted", died(start.Add(time.Second)), true, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			c := w.apply(tt.second)
			if c.Empty() == tt.changed {
				t.Errorf("change empty: %t, want %t", c.Empty(), !tt.changed)
			}
			if len(c.Rows) != 0 {
				t.Errorf("found %d new messages for a repeat, want none", len(c.Rows))
			}
			if got := w.only().Lead().Count; got != tt.count {
				t.Errorf("count %d, want %d", got, tt.count)
			}
		})
	}
	t.Run("a hundred are one incident with a short timeline", func(t *testing.T) {
		w := newWorld(t, rotationText)
		for i := range 100 {
			w.apply(died(start.Add(time.Duration(i) * time.Millisecond)))
		}
		inc := w.only()
		if inc.Lead().Count != 100 || inc.Entries > 8 || inc.Rows != 1 {
			t.Errorf("found count %d, %d entries, %d rows", inc.Lead().Count, inc.Entries, inc.Rows)
		}
	})
	t.Run("a state alert that keeps firing changes nothing", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(down(start, true))
		if c := w.apply(down(start.Add(time.Minute), true)); !c.Empty() {
			t.Errorf("found %+v, want nothing", c)
		}
	})
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name     string
		at       time.Duration // of the resolving news, after the firing
		deliver  bool          // whether the page had gone out before
		resolved bool
		sends    []string
	}{
		{"newer news resolves, and who was paged is told", time.Second, true, true, []string{"resolve pagerduty alice"}},
		{"news of the same instant does not", 0, true, false, nil},
		{"older news does not", -time.Second, true, false, nil},
		{"a page that never left is cancelled, and nobody is told", time.Second, false, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			if tt.deliver {
				w.deliver(sentOK)
			}
			w.apply(started(start.Add(tt.at)))
			if got := w.only().State == Resolved; got != tt.resolved {
				t.Fatalf("resolved: %t, want %t", got, tt.resolved)
			}
			if tt.resolved {
				want(t, w.deliver(sentOK), tt.sends...)
			}
		})
	}
}

func TestAClosedIncidentLeavesTheBookOnceAllIsTold(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(sentOK)
	w.apply(started(start.Add(time.Second)))
	if over := w.book.Over(w.env); len(over) != 0 {
		t.Fatalf("found %v over before its resolve was sent", over)
	}
	w.deliver(sentOK)
	w.after(time.Second)
	if left := w.book.Incidents(); len(left) != 0 {
		t.Fatalf("found %d incidents left, want none", len(left))
	}
	w.apply(died(start.Add(time.Minute)))
	if got := w.only().ID; got != "I002" {
		t.Errorf("the next death is in incident %s, want a new one", got)
	}
}

func TestEscalation(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	want(t, w.after(5*time.Minute-time.Second).deliver(sentOK))
	want(t, w.after(time.Second).deliver(sentOK), "trigger terminal bob")
	want(t, w.after(2*time.Minute).deliver(sentOK), "trigger sms bob")
	want(t, w.after(8*time.Minute).deliver(sentOK), "trigger sms carol")
}

// A turn that ends while an incident is open: the next step tells whoever is on call by then.
func TestAHandoffDuringAnOpenIncident(t *testing.T) {
	w := newWorld(t, strings.NewReplacer(
		`who = ["alice"]`, `who = ["alice", "carol"]`, `every = "1w"`, `every = "1d"`,
		`{ page = "bob", wait = "10m" }`, `{ page = "api", wait = "10m" }`, "09:00", "10:03",
	).Replace(rotationText))
	w.apply(died(start))
	want(t, w.deliver(sentOK), "trigger sms carol")
	w.after(4 * time.Minute) // the turn has ended, the step has not
	want(t, w.deliver(sentOK))
	w.after(time.Minute)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
}

// The rotation file is replaced while an incident is open: each step asks the one in force, by the policy of the opening.
func TestEachStepAsksTheFileInForce(t *testing.T) {
	w := newWorld(t, strings.Replace(rotationText, `{ page = "bob", wait = "10m" }`, `{ page = "api", wait = "10m" }`, 1))
	w.apply(died(start))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.env.Rotation = newWorld(t, strings.NewReplacer(`who = ["alice"]`, `who = ["carol"]`, `wait = "5m"`, `wait = "50m"`).Replace(rotationText)).env.Rotation
	w.after(5 * time.Minute)
	want(t, w.deliver(sentOK), "trigger sms carol")
}

func TestAcknowledgeStopsEverythingAndRunsOut(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(sentOK)
	w.after(5 * time.Minute)
	w.deliver(sentOK) // bob's terminal; his SMS waits two minutes more
	c, err := w.book.Acknowledge(w.env, "I001", "bob", "looking")
	if err != nil {
		t.Fatal(err)
	}
	w.accept(c)
	want(t, w.deliver(sentOK), "acknowledge pagerduty bob")
	want(t, w.after(3*time.Hour).deliver(sentOK))
	want(t, w.after(time.Hour).deliver(sentOK), "trigger pagerduty alice")
	if got := w.only().State; got != Triggered {
		t.Errorf("state %s after the acknowledgement ran out, want triggered", got)
	}
}

func TestASecondAcknowledgementTakesOverAndKeepsItsNote(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	for _, step := range []struct {
		by, note string
		changes  bool
	}{{"alice", "", true}, {"alice", "", false}, {"bob", "", true}, {"bob", "found it", true}} {
		c, err := w.book.Acknowledge(w.env, "I001", step.by, step.note)
		if err != nil {
			t.Fatal(err)
		}
		if c.Empty() == step.changes {
			t.Errorf("%+v: change empty %t", step, c.Empty())
		}
		w.accept(c)
	}
	if got := w.only().AcknowledgedBy; got != "bob" {
		t.Errorf("acknowledged by %s, want bob", got)
	}
	if last := w.log[len(w.log)-1]; !strings.Contains(last, "found it") {
		t.Errorf("the timeline ends with %q", last)
	}
}

func TestAnAcknowledgedOccurrenceThatDoesNotComeBackIsOver(t *testing.T) {
	w := newWorld(t, strings.Replace(rotationText, "repeat = 0", `repeat = 0
ack_timeout = "48h"`, 1))
	w.apply(died(start))
	w.deliver(sentOK)
	c, err := w.book.Acknowledge(w.env, "I001", "alice", "")
	if err != nil {
		t.Fatal(err)
	}
	w.accept(c)
	w.deliver(sentOK)
	if w.after(ResolveAfter - time.Second); w.only().State != Acknowledged {
		t.Fatalf("state %s too early", w.only().State)
	}
	if w.after(time.Second); w.only().State != Resolved {
		t.Errorf("state %s, want resolved", w.only().State)
	}
}

func TestAnOccurrenceThatNobodyHasIsNeverOverByTimeAlone(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	for range 3 * 24 {
		w.after(time.Hour).deliver(sentOK)
	}
	if inc := w.only(); inc.State != Triggered {
		t.Errorf("it is %s", inc.State)
	}
}

func TestSeverityOnlyRisesAndARiseTriggersOnceMore(t *testing.T) {
	w := newWorld(t, rotationText)
	ticket := died(start)
	ticket.Severity = SeverityTicket
	w.apply(ticket)
	want(t, w.deliver(sentOK), "trigger terminal alice")
	c, err := w.book.Acknowledge(w.env, "I001", "alice", "")
	if err != nil {
		t.Fatal(err)
	}
	w.accept(c)
	w.apply(died(start.Add(time.Second)))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	lower := ticket
	lower.At, lower.Event = start.Add(2*time.Second), "another"
	w.apply(lower)
	if got := w.only().Severity; got != SeverityPage {
		t.Errorf("severity %s after a lower alert, want page", got)
	}
}

func TestInfoIsShownAndNeverSent(t *testing.T) {
	w := newWorld(t, rotationText)
	a := died(start)
	a.Severity = SeverityInfo
	w.apply(a)
	want(t, w.after(time.Hour).deliver(sentOK))
}

func TestARemarkIsWrittenOnceAndOnlyWhereAnIncidentIsOpen(t *testing.T) {
	w := newWorld(t, rotationText)
	remark := Remark{Key: died(start).Key, Event: "e1", Text: "deployed"}
	if c := w.book.Apply(w.env, nil, []Remark{remark}); !c.Empty() {
		t.Errorf("found %+v without an incident, want nothing", c)
	}
	w.apply(died(start))
	w.accept(w.book.Apply(w.env, nil, []Remark{remark}))
	if c := w.book.Apply(w.env, nil, []Remark{remark}); !c.Empty() {
		t.Errorf("found %+v for the same remark again, want nothing", c)
	}
	if got := w.log[len(w.log)-1]; got != "deployed" {
		t.Errorf("the timeline ends with %q", got)
	}
}

func TestActingOnAnUnknownIncident(t *testing.T) {
	w := newWorld(t, rotationText)
	if _, err := w.book.Acknowledge(w.env, "I9", "alice", ""); !errors.Is(err, ErrUnknown) {
		t.Errorf("found %v, want ErrUnknown", err)
	}
	if _, err := w.book.Resolve(w.env, "I9", "alice", ""); !errors.Is(err, ErrUnknown) {
		t.Errorf("found %v, want ErrUnknown", err)
	}
}

func TestDedupKeysDoNotCollide(t *testing.T) {
	if a, b := DedupKey("r", "x|y", "z"), DedupKey("r", "x", "y|z"); a == b {
		t.Errorf("both are %q", a)
	}
}
