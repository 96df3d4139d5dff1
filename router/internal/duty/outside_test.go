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
		time.Sleep(10 * time.Minute)
		if err := e.Tick(t.Context()); err != nil || len(e.Incidents()) != 1 {
			t.Fatalf("found %d incidents, %v, want the absence", len(e.Incidents()), err)
		}
		r := incident.Report{Incident: "I001", Kind: incident.ReportResolved, Channel: "pagerduty", Event: "e", At: time.Now(), By: "alice", Person: true}
		if err := e.Heed(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := e.Tick(t.Context()); err != nil || len(e.Incidents()) != 2 {
			t.Errorf("found %d incidents, %v, want a new one: the host is still absent", len(e.Incidents()), err)
		}
	})
}
