package duty

import (
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// The timeline of what is resolved by hand while it holds promises that it is opened again, also of what Docker tells once.
func TestAnUnhealthyContainerThatWasResolvedByHandOpensAgain(t *testing.T) {
	for _, row := range []struct {
		name    string
		resolve func(t *testing.T, e *Engine) error
	}{
		{"by hand", func(t *testing.T, e *Engine) error { return e.Resolve(t.Context(), "I001", "alice", "") }},
		{"in PagerDuty", func(t *testing.T, e *Engine) error {
			return e.Heed(t.Context(), incident.Report{
				Incident: "I001", Kind: incident.ReportResolved, Channel: "pagerduty", Event: "e", At: time.Now(), By: "alice", Person: true,
			})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &disk{}
				e := newWatch(t, d)
				state := func() incident.State {
					inc, _ := e.Incident("I001")
					return inc.State
				}
				health := func(status string) {
					t.Helper()
					if err := e.Ingest(t.Context(), []influx.Point{happened("health_status", influx.String("health", status))}); err != nil {
						t.Fatal(err)
					}
				}
				health("unhealthy")
				tickFor(t, e, time.Minute)
				if err := row.resolve(t, e); err != nil || state() != incident.Resolved {
					t.Fatalf("resolve: %v, it is %s", err, state())
				}
				before := len(d.batches)
				tickFor(t, e, time.Second)
				if pages, texts := d.since(before); state() != incident.Triggered || pages != 1 {
					t.Errorf("it is %s, %d pages; want that it is open again and pages once:\n%s", state(), pages, texts)
				}
				if health("healthy"); state() != incident.Resolved {
					t.Errorf("it is %s after the container was healthy", state())
				}
				if tickFor(t, e, time.Hour); state() != incident.Resolved || len(e.Incidents()) != 1 {
					t.Errorf("it is %s, of %d incidents; want that it stays over", state(), len(e.Incidents()))
				}
			})
		})
	}
}
