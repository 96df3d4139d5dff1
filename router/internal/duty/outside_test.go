package duty

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// A person's resolve takes back what the rules said, so that what holds on opens anew.
func TestAResolveInPagerDutyReleasesTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{}, rule.RuleConfig{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: after(time.Minute)})
		heartbeat := influx.Point{
			Measurement: "nezuban_agent", Time: time.Now(), Tags: []influx.Tag{{Key: "host", Value: "web1"}},
			Fields: []influx.Field{influx.String("state", "up")},
		}
		if err := e.Ingest(t.Context(), []influx.Point{heartbeat}); err != nil {
			t.Fatal(err)
		}
		tickFor(t, e, 10*time.Minute)
		if got := len(e.Incidents()); got != 1 {
			t.Fatalf("found %d incidents, want the absence", got)
		}
		r := incident.Report{Incident: "I001", Kind: incident.ReportResolved, Channel: "pagerduty", Event: "e", At: time.Now(), By: "alice", Person: true}
		if err := e.Heed(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		tickFor(t, e, time.Second)
		if got := len(e.Incidents()); got != 2 {
			t.Errorf("found %d incidents, want a new one: the host is still absent", got)
		}
	})
}

// A resolve in PagerDuty of what is over here already says nothing to the rules: what they said since is another incident's.
// What its message spoke for pages by itself all the same. The one that is over is stored here as if its alert still fired: this
// release ends alerts with their incident, but the rules must not hang on that.
func TestAResolveInPagerDutyOfWhatIsOverReleasesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{}
		e := newEngine(t, store, rule.RuleConfig{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: after(time.Minute)})
		heartbeat := influx.Point{
			Measurement: "nezuban_agent", Time: time.Now(), Tags: []influx.Tag{{Key: "host", Value: "web1"}},
			Fields: []influx.Field{influx.String("state", "up")},
		}
		if err := e.Ingest(t.Context(), []influx.Point{heartbeat}); err != nil {
			t.Fatal(err)
		}
		tickFor(t, e, 3*time.Minute)
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		page := func(id string) incident.Row {
			_, rows, _ := e.Look(id)
			if len(rows) == 0 {
				t.Fatalf("incident %s has no message: %+v", id, e.Incidents())
			}
			row := rows[0]
			row.Channel = incident.ChannelPagerDuty
			return row
		}
		speaks, merged := page("I001"), page("I002")
		speaks.Status, speaks.Attempt, speaks.FirstTry, speaks.Began = incident.RowSent, 1, time.Now(), time.Now()
		speaks.Summary, speaks.Others = true, 1
		merged.Status, merged.Into = incident.RowMerged, speaks.PageID()
		e.book.Accept(incident.Change{Rows: []incident.Row{speaks, merged}})
		if err := e.Resolve(t.Context(), "I001", "alice", ""); err != nil {
			t.Fatal(err)
		}
		tickFor(t, e, time.Second)
		if inc, ok := e.Incident("I003"); !ok || inc.State != incident.Triggered {
			t.Fatalf("the host is still absent: found %+v", e.Incidents())
		}
		over, _ := e.Incident("I001")
		over.Alerts = maps.Clone(over.Alerts)
		for key, alert := range over.Alerts {
			alert.Firing = true
			over.Alerts[key] = alert
		}
		e.book.Accept(incident.Change{Incidents: []incident.Incident{over}})

		before := len(store.batches)
		r := incident.Report{Incident: "I001", Kind: incident.ReportResolved, Channel: incident.ChannelPagerDuty, Event: "e", At: time.Now(), By: "alice", Person: true}
		if err := e.Heed(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := page("I002"); got.Status != incident.RowPending {
			t.Errorf("what it spoke for is %s, want that it waits again", got.Status)
		}
		for _, b := range store.batches[before:] {
			if len(b.Put)+len(b.Delete) > 0 {
				t.Errorf("the rules take back %s, %v", b.Put, b.Delete)
			}
		}
	})
}

// Only a resolve that counts says of the rules that what they said is over.
func TestWhatIsDoneInPagerDutyReleasesNoRuleUnlessItResolves(t *testing.T) {
	for _, row := range []struct {
		name    string
		kind    incident.ReportKind
		ago     time.Duration
		changes bool
	}{
		{"acknowledged", incident.ReportAcknowledged, 0, true},
		{"resolved before it called", incident.ReportResolved, time.Hour, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &disk{}
				e := newEngine(t, store, rule.RuleConfig{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: after(time.Minute)})
				heartbeat := influx.Point{
					Measurement: "nezuban_agent", Time: time.Now(), Tags: []influx.Tag{{Key: "host", Value: "web1"}},
					Fields: []influx.Field{influx.String("state", "up")},
				}
				if err := e.Ingest(t.Context(), []influx.Point{heartbeat}); err != nil {
					t.Fatal(err)
				}
				tickFor(t, e, 3*time.Minute)
				before := len(store.batches)
				r := incident.Report{Incident: "I001", Kind: row.kind, Channel: incident.ChannelPagerDuty, Event: "e", At: time.Now().Add(-row.ago), By: "alice", Person: true}
				if err := e.Heed(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				if changes := len(store.batches) > before; changes != row.changes {
					t.Errorf("it changes something: %t, want %t", changes, row.changes)
				}
				for _, b := range store.batches[before:] {
					if len(b.Put)+len(b.Delete) > 0 {
						t.Errorf("the rules take back %s, %v", b.Put, b.Delete)
					}
				}
			})
		})
	}
}
