package app

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
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

func newThere(t *testing.T) *there {
	t.Helper()
	h := &there{T: t, account: fakepagerduty.New(t), store: &disk{}}
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
	})
	known := func() *escalation.Contacts { return contacts }
	h.watch = newElsewhere(h.engine, pager, known, daemon.NewCondition(discard, "pagerduty"))
	h.shown = make(chan page.Message, 100)
	ctx, cancel := context.WithCancel(t.Context())
	d := &duty.Deliverer{
		Engine: h.engine, Pagers: map[string]page.Pager{"pagerduty": pager, "terminal": shown(h.shown)}, Log: discard,
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
	for ctx := within(h.T, 10*time.Second); ; {
		last = h.account.Incidents()
		done := true
		_, rows, _ := h.engine.Look("I001")
		for _, row := range rows {
			done = done && row.Done()
		}
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
	if err := h.watch.reconcile(within(h.T, 10*time.Second)); err != nil {
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

// Whoever acknowledges is assigned at PagerDuty. When it takes the acknowledgement back by itself, nobody has reassigned it.
func TestAnAcknowledgementThatExpiresThereIsNoReassignment(t *testing.T) {
	h := newThere(t)
	if err := h.engine.Acknowledge(t.Context(), "I001", "bob", ""); err != nil {
		t.Fatal(err)
	}
	id := h.settled(1).ID
	h.account.Expire(id)
	h.look()
	if inc := h.only(); inc.State != incident.Acknowledged || inc.AcknowledgedBy != "bob" {
		t.Errorf("it is %s by %q:\n%s", inc.State, inc.AcknowledgedBy, h.noted())
	}
}

// PagerDuty is asked only while it has something of ours that is open.
func TestPagerDutyIsNotAskedForNothing(t *testing.T) {
	h := newThere(t)
	h.look()
	asked := len(h.account.Requests())
	if err := h.engine.Resolve(t.Context(), "I001", "alice", ""); err != nil {
		t.Fatal(err)
	}
	h.settled(1)
	told := len(h.account.Requests())
	h.look()
	if n := len(h.account.Requests()); n != told || asked == 0 {
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
