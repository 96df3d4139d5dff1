package duty

import (
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
