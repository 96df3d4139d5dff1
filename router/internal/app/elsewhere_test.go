package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/pagerduty"
)

const pagerDutyRotation = `zone = "UTC"
[people]
alice = { page = ["pagerduty"] }
bob = { page = ["pagerduty", "terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "1999-01-04 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "5m" }, { page = "bob", wait = "5m" }]
fallback = "alice"
[[route]]
policy = "standard"
`

// there is a router's engine with an account at PagerDuty that has paged alice.
type there struct {
	*testing.T
	account *fakepagerduty.Server
	engine  *duty.Engine
	store   *disk
	watch   *elsewhere
	shown   chan page.Message // on bob's terminal
}

// shown is a pager that keeps what it is given.
type shown chan page.Message

func (s shown) Page(_ context.Context, m page.Message) (string, error) {
	s <- m
	return "", nil
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// impatient is a pager at whose REST API each trigger has failed for a while.
type impatient struct{ page.Pager }

func (p impatient) Page(ctx context.Context, m page.Message) (string, error) {
	m.Failing = time.Minute
	return p.Pager.Page(ctx, m)
}

func newThere(t *testing.T) *there {
	t.Helper()
	return newThereBy(t, func(_ *there, p page.Pager) page.Pager { return p })
}

// newRaised is one whose first page was raised by an event, because the REST API failed: it stands on the service for events,
// assigned to its chief.
func newRaised(t *testing.T) *there {
	t.Helper()
	return newThereBy(t, func(h *there, p page.Pager) page.Pager {
		h.account.Fail(1, http.StatusServiceUnavailable)
		return impatient{p}
	})
}

func newThereBy(t *testing.T, prepare func(*there, page.Pager) page.Pager) *there {
	t.Helper()
	h := &there{T: t, account: fakepagerduty.New(t), store: &disk{}}
	events := fakepagerduty.NewEvents(t)
	h.account.RaiseBy(events, "PCHIEF")
	for id, email := range map[string]string{"PALICE": "alice@example.com", "PBOB": "bob@example.com", "PCHIEF": "chief@example.com"} {
		h.account.AddUser(id, email)
	}
	path := filepath.Join(t.TempDir(), "contacts.toml")
	if err := os.WriteFile(path, []byte("[alice]\npagerduty = \"PALICE\"\n[bob]\npagerduty = \"PBOB\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	contacts, err := escalation.LoadContacts(path)
	if err != nil {
		t.Fatal(err)
	}
	h.engine = newEngine(t, h.store, time.Now)
	rotation, err := schedule.Parse("oncall.toml", []byte(pagerDutyRotation))
	if err != nil {
		t.Fatal(err)
	}
	h.engine.SetRotation(rotation, "")
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	pager := pagerduty.New(pagerduty.Config{
		BaseURL: h.account.URL, Token: fakepagerduty.Token, From: fakepagerduty.Bot, ServiceID: fakepagerduty.Service, HTTPClient: &http.Client{Transport: transport},
		EventsURL: events.URL, EventsKey: fakepagerduty.RoutingKey,
	})
	known := func() *escalation.Contacts { return contacts }
	h.watch = newElsewhere(h.engine, pager, known, daemon.NewCondition(discard, "pagerduty"))
	h.shown = make(chan page.Message, 100)
	ctx, cancel := context.WithCancel(t.Context())
	d := &duty.Deliverer{
		Engine: h.engine, Pagers: map[string]page.Pager{"pagerduty": prepare(h, pager), "terminal": shown(h.shown)}, Log: discard,
		Guard: func(f func() error) func() error { return f }, Contacts: known, Link: func(string) string { return "" },
	}
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	if err := h.engine.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
		t.Fatal(err)
	}
	h.settled(1)
	return h
}

// settled waits until PagerDuty holds so many incidents and no message is on its way.
func (h *there) settled(incidents int) fakepagerduty.Incident {
	h.Helper()
	var last []fakepagerduty.Incident
	for ctx := within(h.T, 30*time.Second); ; {
		done := true
		_, rows, _ := h.engine.Look("I001")
		for _, row := range rows {
			done = done && row.Done() && h.stored(row)
		}
		last = h.account.Incidents()
		if done && len(last) == incidents {
			return last[0]
		}
		select {
		case <-ctx.Done():
			h.Fatalf("PagerDuty has %+v", last)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stored says that a row is on disk as it stands: the engine knows what is decided a moment earlier.
func (h *there) stored(row incident.Row) bool {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	status := row.Status
	for _, b := range h.store.batches {
		for _, r := range b.Change.Rows {
			if r.Key() == row.Key() {
				status = r.Status
			}
		}
	}
	return status == row.Status
}

func (h *there) only() incident.Incident {
	h.Helper()
	all := h.engine.Incidents()
	if len(all) != 1 {
		h.Fatalf("found %d incidents", len(all))
	}
	return all[0]
}

func (h *there) look() {
	h.Helper()
	if err := h.watch.reconcile(within(h.T, 30*time.Second)); err != nil {
		h.Fatal(err)
	}
}

// noted is the timeline.
func (h *there) noted() string {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	var texts []string
	for _, b := range h.store.batches {
		for _, e := range b.Change.Entries {
			texts = append(texts, e.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// What was done in PagerDuty's app and no webhook told is found by asking, whoever did it.
func TestAMissingWebhookIsFoundByAsking(t *testing.T) {
	for _, row := range []struct {
		name  string
		do    func(account *fakepagerduty.Server, id string)
		state incident.State
		by    string
		noted string
	}{
		{"nothing", func(*fakepagerduty.Server, string) {}, incident.Triggered, "", ""},
		{"acknowledged", func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PALICE") }, incident.Acknowledged, "alice", "acknowledged by alice: in PagerDuty"},
		{"acknowledged by another", func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PBOB") }, incident.Acknowledged, "bob", "acknowledged by bob: in PagerDuty"},
		{"acknowledged by somebody in no contacts", func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PCHIEF") }, incident.Acknowledged, "user PCHIEF (in no contacts)", ""},
		{"acknowledged in our own name: that is nobody", func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, fakepagerduty.BotID) }, incident.Triggered, "", ""},
		{"resolved", func(a *fakepagerduty.Server, id string) { a.Resolve(id, "PBOB") }, incident.Resolved, "bob", "resolved by bob: in PagerDuty"},
		{"reassigned", func(a *fakepagerduty.Server, id string) { a.Reassign(id, "PALICE", "PBOB") }, incident.Triggered, "", "reassigned to bob by somebody in PagerDuty"},
		{"reassigned to somebody in no contacts", func(a *fakepagerduty.Server, id string) { a.Reassign(id, "PALICE", "PCHIEF") }, incident.Triggered, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newThere(t)
			row.do(h.account, h.settled(1).ID)
			h.look()
			inc := h.only()
			if by := inc.AcknowledgedBy + inc.ResolvedBy; inc.State != row.state || by != row.by || !strings.Contains(h.noted(), row.noted) {
				t.Errorf("it is %s by %q:\n%s", inc.State, by, h.noted())
			}
			before := h.settled(1)
			written := h.noted()
			h.look()
			if after := h.settled(1); len(after.History) != len(before.History) || h.noted() != written {
				t.Errorf("looking again changed it to %+v", after)
			}
			if row.name == "reassigned" {
				if m := <-h.shown; m.People[0].Person != "bob" {
					t.Errorf("told %+v, want bob on his other channel", m)
				}
			}
		})
	}
}

// follow asks PagerDuty until the test ends.
func (h *there) follow() {
	ctx, cancel := context.WithCancel(h.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.watch.run(ctx) }()
	h.Cleanup(func() { cancel(); <-done })
}

// PagerDuty is asked from time to time though nothing calls for it.
func TestPagerDutyIsAskedAgainAndAgain(t *testing.T) {
	h := newThere(t)
	h.watch.every = 10 * time.Millisecond
	h.follow()
	h.account.Reassign(h.settled(1).ID, "PALICE", "PBOB")
	select {
	case m := <-h.shown:
		if m.People[0].Person != "bob" {
			t.Errorf("told %+v, want bob", m)
		}
	case <-within(t, 30*time.Second).Done():
		t.Error("nobody has asked PagerDuty")
	}
}

// ack is what happens here; over is that it is over here and there.
func (h *there) ack(by string) {
	h.Helper()
	if err := h.engine.Acknowledge(h.Context(), "I001", by, ""); err != nil {
		h.Fatal(err)
	}
	h.settled(1)
}

func (h *there) over() {
	h.Helper()
	if err := h.engine.Resolve(h.Context(), "I001", "alice", ""); err != nil {
		h.Fatal(err)
	}
	h.settled(1)
}

// What was undone there and no webhook told is found by asking too.
func TestWhatWasUndoneThereIsFoundByAsking(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(h *there)
		do     func(account *fakepagerduty.Server, id string)
		state  incident.State
		by     string
		paged  []string // there, by it
		noted  string
	}{
		{"a snooze of PagerDuty's is over: nobody has reassigned it", func(h *there) { h.ack("bob") }, func(a *fakepagerduty.Server, id string) { a.Expire(id) }, incident.Triggered, "", []string{"PBOB", "PALICE"}, "the acknowledgement is over in PagerDuty"},
		{"taken back", func(h *there) { h.ack("alice") }, func(a *fakepagerduty.Server, id string) { a.Unacknowledge(id, "PALICE") }, incident.Triggered, "", []string{"PALICE"}, "the acknowledgement was taken back by alice in PagerDuty"},
		{"taken back by somebody in no contacts", func(h *there) { h.ack("alice") }, func(a *fakepagerduty.Server, id string) { a.Unacknowledge(id, "PCHIEF") }, incident.Triggered, "", []string{"PALICE"}, "taken back by user PCHIEF (in no contacts) in PagerDuty"},
		{"taken back in our own name: that is nobody", func(h *there) { h.ack("alice") }, func(a *fakepagerduty.Server, id string) { a.Unacknowledge(id, fakepagerduty.BotID) }, incident.Acknowledged, "alice", []string{"PALICE"}, ""},
		{"taken back, and acknowledged again", func(h *there) { h.ack("alice") }, func(a *fakepagerduty.Server, id string) { a.Expire(id); a.Acknowledge(id, "PBOB") }, incident.Acknowledged, "bob", []string{"PALICE"}, "acknowledged by bob, after alice"},
		{"opened again", (*there).over, func(a *fakepagerduty.Server, id string) { a.Reopen(id, "PBOB") }, incident.Triggered, "", []string{"PALICE"}, "opened again by bob in PagerDuty"},
		{"opened again, and acknowledged", (*there).over, func(a *fakepagerduty.Server, id string) { a.Reopen(id, "PBOB"); a.Acknowledge(id, "PBOB") }, incident.Acknowledged, "bob", nil, "opened again by bob in PagerDuty"},
		{"opened again, and resolved", (*there).over, func(a *fakepagerduty.Server, id string) { a.Reopen(id, "PBOB"); a.Resolve(id, "PBOB") }, incident.Resolved, "alice", nil, ""},
		{"resolved here alone, and acknowledged there: that opens nothing", func(h *there) { h.account.Fail(1, http.StatusForbidden); h.over() }, func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PALICE") }, incident.Resolved, "alice", nil, ""},
		{"resolved, and left so", (*there).over, func(*fakepagerduty.Server, string) {}, incident.Resolved, "alice", nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newThere(t)
			row.before(h)
			before := h.settled(1)
			row.do(h.account, before.ID)
			h.look()
			inc := h.only()
			if by := inc.AcknowledgedBy; inc.State != row.state || (by != row.by && inc.ResolvedBy != row.by) || !strings.Contains(h.noted(), row.noted) {
				t.Errorf("it is %s by %q:\n%s", inc.State, by, h.noted())
			}
			if strings.Contains(h.noted(), "reassigned") {
				t.Errorf("nobody has reassigned it:\n%s", h.noted())
			}
			after := h.settled(1)
			var paged []string
			for _, c := range after.History[len(before.History):] {
				paged = append(paged, c.Notified...)
			}
			if !slices.Equal(slices.Compact(paged), row.paged) {
				t.Errorf("paged %q there, want %q: %+v", paged, row.paged, after.History)
			}
			written := h.noted()
			h.look()
			if again := h.settled(1); len(again.History) != len(after.History) || h.noted() != written {
				t.Errorf("looking again changed it to %+v\n%s", again, h.noted())
			}
		})
	}
}

// An incident that an event has raised on the service for events is followed like any other, though it has no key of its own
// and its own escalation policy says who is assigned.
func TestWhatAnEventRaisedIsFollowedToo(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(h *there)
		do     func(account *fakepagerduty.Server, id string)
		state  incident.State
		by     string
		noted  string
	}{
		{"nothing", nil, func(*fakepagerduty.Server, string) {}, incident.Triggered, "", ""},
		{"acknowledged", nil, func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PALICE") }, incident.Acknowledged, "alice", "acknowledged by alice: in PagerDuty"},
		{"acknowledged by its own people", nil, func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PCHIEF") }, incident.Acknowledged, "user PCHIEF (in no contacts)", ""},
		{"resolved", nil, func(a *fakepagerduty.Server, id string) { a.Resolve(id, "PBOB") }, incident.Resolved, "bob", "resolved by bob: in PagerDuty"},
		{"given to another by its own policy", nil, func(a *fakepagerduty.Server, id string) { a.Reassign(id, fakepagerduty.CatchAll, "PBOB") }, incident.Triggered, "", ""},
		{"acknowledged here: its event says so, and no person", func(h *there) { h.ack("bob") }, func(*fakepagerduty.Server, string) {}, incident.Acknowledged, "bob", ""},
		{"its acknowledgement is over", func(h *there) { h.ack("bob") }, func(a *fakepagerduty.Server, id string) { a.Expire(id) }, incident.Triggered, "", "the acknowledgement is over in PagerDuty"},
		{"resolved here: its event says so", (*there).over, func(*fakepagerduty.Server, string) {}, incident.Resolved, "alice", ""},
		{"opened again", (*there).over, func(a *fakepagerduty.Server, id string) { a.Reopen(id, "PBOB") }, incident.Triggered, "", "opened again by bob in PagerDuty"},
	} {
		for _, way := range []string{"looked up", "told by a webhook"} {
			t.Run(row.name+", "+way, func(t *testing.T) {
				h := newRaised(t)
				raised := h.settled(1)
				if raised.Service != fakepagerduty.CatchAll || raised.Key != "" {
					t.Fatalf("raised %+v", raised)
				}
				if row.before != nil {
					row.before(h)
				}
				h.look() // PagerDuty's id is known by now
				before := len(raised.History)
				row.do(h.account, raised.ID)
				if way == "looked up" {
					h.look()
				}
				for _, c := range h.account.Incidents()[0].History[before:] {
					e := pagerduty.Event{ID: c.At.String(), Type: c.Event, At: c.At, By: pagerduty.Agent{ID: c.By, User: c.By != fakepagerduty.CatchAll}, IncidentID: raised.ID}
					if way != "looked up" {
						if err := h.watch.heed(t.Context(), e); err != nil {
							t.Fatal(err)
						}
					}
				}
				if asks := len(h.watch.soon) > 0; asks != (way != "looked up" && strings.HasSuffix(row.by, "(in no contacts)")) {
					t.Errorf("PagerDuty is to be asked: %v", asks)
				} else if asks {
					h.look()
				}
				inc := h.only()
				if by := inc.AcknowledgedBy; inc.State != row.state || (by != row.by && inc.ResolvedBy != row.by) || !strings.Contains(h.noted(), row.noted) {
					t.Errorf("it is %s by %q:\n%s", inc.State, by, h.noted())
				}
				if strings.Contains(h.noted(), "reassigned") {
					t.Errorf("it is not ours to say who is assigned:\n%s", h.noted())
				}
			})
		}
	}
}

// What is found by asking says only what was done to an incident since it was made, and since it was over here.
func TestWhatAStatusSays(t *testing.T) {
	made := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return made.Add(time.Duration(minutes) * time.Minute) }
	for _, row := range []struct {
		name   string
		here   incident.State // since minute 5
		status string
		since  int // minutes
		want   incident.ReportKind
	}{
		{"open", incident.Triggered, pagerduty.Triggered, 0, ""},
		{"open, and reassigned", incident.Triggered, pagerduty.Triggered, 1, ""},
		{"acknowledged", incident.Triggered, pagerduty.Acknowledged, 1, incident.ReportAcknowledged},
		{"resolved", incident.Acknowledged, pagerduty.Resolved, 9, incident.ReportResolved},
		{"taken back", incident.Acknowledged, pagerduty.Triggered, 9, incident.ReportUnacknowledged},
		{"never acknowledged there", incident.Acknowledged, pagerduty.Triggered, 0, ""},
		{"over here, open there because the resolve did not arrive", incident.Resolved, pagerduty.Triggered, 0, ""},
		{"over here, acknowledged there before", incident.Resolved, pagerduty.Acknowledged, 4, ""},
		{"over here, opened again there", incident.Resolved, pagerduty.Triggered, 9, incident.ReportReopened},
		{"over here and there", incident.Resolved, pagerduty.Resolved, 9, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := held{Incident: incident.Incident{State: row.here, AcknowledgedAt: at(5), ResolvedAt: at(5)}}
			r, says := changed(h, pagerduty.Standing{Status: row.status, Created: made, At: at(row.since)})
			if says != (row.want != "") || (says && r.Kind != row.want) {
				t.Errorf("says %v %s, want %q", says, r.Kind, row.want)
			}
		})
	}
}

// One look asks about a bounded number of alerts, and the looks after it about the others.
func TestAlertsAreAskedAboutInTurn(t *testing.T) {
	h := newRaised(t)
	const alerts = 10
	h.watch.atOnce = 4
	asked := map[string]bool{}
	keys := make([]string, alerts)
	for n := range keys {
		keys[n] = fmt.Sprint("key-", n)
	}
	all := []held{{Incident: h.only(), keys: keys}}
	for look := range 3 {
		before := len(h.account.Requests())
		if err := h.watch.compare(within(t, 30*time.Second), all); err != nil {
			t.Fatal(err)
		}
		requests := h.account.Requests()[before:]
		for _, r := range requests {
			asked[r.Query.Get("incident_key")] = true
		}
		if len(requests) != h.watch.atOnce {
			t.Errorf("look %d made %d requests, want %d", look, len(requests), h.watch.atOnce)
		}
	}
	if len(asked) != alerts {
		t.Errorf("after three looks %d of %d alerts were asked about", len(asked), alerts)
	}
}

// What an event has raised has an id that the router learns by asking: a webhook of an incident that it does not know makes it
// ask, but only while there is such a one.
func TestAWebhookOfAnUnknownIncidentMakesTheRouterAsk(t *testing.T) {
	e := event("e1", pagerduty.EventAcknowledged, "PALICE", time.Now())
	e.Key, e.IncidentID = "", "PI00001"
	for name, row := range map[string]struct {
		h    func(*testing.T) *there
		asks int
	}{"something was raised": {newRaised, 1}, "nothing was": {newThere, 0}} {
		t.Run(name, func(t *testing.T) {
			h := row.h(t)
			if err := h.watch.heed(t.Context(), e); err != nil || len(h.watch.soon) != row.asks {
				t.Errorf("asks %d times, %v, want %d", len(h.watch.soon), err, row.asks)
			}
		})
	}
}

// overtaken is a pager whose first answer comes after the webhook by which bob has taken what it has raised, and after the look
// for which that webhook asks.
type overtaken struct {
	page.Pager

	*there
}

func (o overtaken) Page(ctx context.Context, m page.Message) (string, error) {
	id, err := o.Pager.Page(ctx, m)
	if m.Kind != page.KindTrigger {
		return id, err
	}
	raised := o.account.Incidents()[0]
	o.account.Acknowledge(raised.ID, "PBOB")
	e := event("e1", pagerduty.EventAcknowledged, "PBOB", time.Now())
	e.Key, e.IncidentID = "", raised.ID
	if err := o.watch.heed(ctx, e); err != nil {
		o.Error(err)
	}
	for looking, looked := within(o.T, 5*time.Second), false; looking.Err() == nil; time.Sleep(time.Millisecond) {
		if waits := len(o.watch.soon) == 1; waits && looked {
			break
		} else if !waits {
			looked = true
		}
	}
	return id, err
}

// Somebody takes what an event has raised before the router knows that it has: it is asked about again until that is known.
func TestAWebhookThatOvertakesTheAnswerIsNotLost(t *testing.T) {
	h := newThereBy(t, func(h *there, p page.Pager) page.Pager {
		h.account.Fail(1, http.StatusServiceUnavailable)
		h.watch.apart = 50 * time.Millisecond
		h.follow()
		return overtaken{impatient{p}, h}
	})
	for ctx := within(t, 20*time.Second); h.only().AcknowledgedBy != "bob"; time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("bob has it in PagerDuty, and here it is %s:\n%s", h.only().State, h.noted())
		}
	}
}

// A message that is put off for hours does not make the router ask every few seconds for as long.
func TestPagerDutyIsNotAskedSoonForEver(t *testing.T) {
	var c chase
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	for _, row := range []struct {
		at      int
		sending bool
		again   bool
	}{{0, false, false}, {10, true, true}, {69, true, true}, {70, true, false}, {3000, true, false}, {3005, false, false}, {3010, true, true}, {3070, true, false}} {
		if got := c.again(row.sending, at(row.at), time.Minute); got != row.again {
			t.Errorf("at %d s it is asked again: %v", row.at, got)
		}
	}
}

// PagerDuty is asked only while it has something of ours that is not filed away.
func TestPagerDutyIsNotAskedForNothing(t *testing.T) {
	h := newThere(t)
	h.look()
	asked := len(h.account.Requests())
	h.over()
	ids, err := h.engine.Over(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.engine.Filed(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	told := len(h.account.Requests())
	h.look()
	if n := len(h.account.Requests()); n != told || asked == 0 || len(ids) != 1 {
		t.Errorf("%d requests with nothing open, after %d", n-told, asked)
	}
}

// event is a webhook about the incident.
func event(id, kind, user string, at time.Time, assignees ...string) pagerduty.Event {
	return pagerduty.Event{ID: id, Type: kind, At: at, By: pagerduty.Agent{ID: user, Name: "user " + user, User: true}, Key: "I001", Assignees: assignees}
}

func TestAWebhookIsHeeded(t *testing.T) {
	for _, row := range []struct {
		name   string
		events func(now time.Time) []pagerduty.Event
		state  incident.State
		by     string
		soon   bool // PagerDuty is asked at once
	}{
		{"acknowledged", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", pagerduty.EventAcknowledged, "PALICE", now)}
		}, incident.Acknowledged, "alice", false},
		{"resolved", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", pagerduty.EventResolved, "PALICE", now)}
		}, incident.Resolved, "alice", false},
		{"by somebody in no contacts: it may be ourselves", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", pagerduty.EventAcknowledged, fakepagerduty.BotID, now)}
		}, incident.Triggered, "", true},
		{"by no person", func(now time.Time) []pagerduty.Event {
			e := event("e1", pagerduty.EventResolved, "PSERVICE", now)
			e.By.User = false
			return []pagerduty.Event{e}
		}, incident.Triggered, "", false},
		{"acknowledged, and the snooze of it is over: time has done it", func(now time.Time) []pagerduty.Event {
			e := event("e2", pagerduty.EventUnacknowledged, "PSERVICE", now.Add(time.Second))
			e.By.User = false
			return []pagerduty.Event{event("e1", pagerduty.EventAcknowledged, "PALICE", now), e}
		}, incident.Triggered, "", false},
		{"acknowledged, and taken back", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", pagerduty.EventAcknowledged, "PALICE", now), event("e2", pagerduty.EventUnacknowledged, "PBOB", now.Add(time.Second))}
		}, incident.Triggered, "", false},
		{"acknowledged, and taken back in our own name, perhaps", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", pagerduty.EventAcknowledged, "PALICE", now), event("e2", pagerduty.EventUnacknowledged, fakepagerduty.BotID, now.Add(time.Second))}
		}, incident.Acknowledged, "alice", true},
		{"resolved, and opened again", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", pagerduty.EventResolved, "PALICE", now), event("e2", pagerduty.EventReopened, "PALICE", now.Add(time.Second))}
		}, incident.Triggered, "", false},
		{"resolved, and opened again by no person", func(now time.Time) []pagerduty.Event {
			e := event("e2", pagerduty.EventReopened, "PSERVICE", now.Add(time.Second))
			e.By.User = false
			return []pagerduty.Event{event("e1", pagerduty.EventResolved, "PALICE", now), e}
		}, incident.Resolved, "alice", false},
		{"of another kind", func(now time.Time) []pagerduty.Event {
			return []pagerduty.Event{event("e1", "incident.annotated", "PALICE", now)}
		}, incident.Triggered, "", false},
		{"of an incident that is not ours", func(now time.Time) []pagerduty.Event {
			e := event("e1", pagerduty.EventAcknowledged, "PALICE", now)
			e.Key = "I002"
			return []pagerduty.Event{e}
		}, incident.Triggered, "", false},
		{"by the key of a page", func(now time.Time) []pagerduty.Event {
			e := event("e1", pagerduty.EventAcknowledged, "PALICE", now)
			e.Key = "I001-0"
			return []pagerduty.Event{e}
		}, incident.Acknowledged, "alice", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newThere(t)
			for _, e := range row.events(time.Now()) {
				if err := h.watch.heed(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			inc := h.only()
			if by := inc.AcknowledgedBy + inc.ResolvedBy; inc.State != row.state || by != row.by || (len(h.watch.soon) == 1) != row.soon {
				t.Errorf("it is %s by %q; asks soon: %d", inc.State, by, len(h.watch.soon))
			}
		})
	}
}
