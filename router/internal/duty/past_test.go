package duty

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// After a silence a container that died and was not started since pages; of one that has been started since nobody is told.
func TestAfterASilenceWhatWasOverWhenItWasReportedTellsNobody(t *testing.T) {
	for _, row := range []struct {
		name    string
		action  string
		started bool // since
		told    int
	}{
		{"a death", "die", false, 1},
		{"a death, and started since", "die", true, 0},
		{"an oom", "oom", false, 1},
		{"an oom, and started since", "oom", true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &disk{}
				e := newWatch(t, d)
				m, err := incident.ParseMatcher("host=web1")
				if err != nil {
					t.Fatal(err)
				}
				silence := incident.Silence{Matchers: incident.Matchers{m}, Until: time.Now().Add(time.Hour), Reason: "update", By: "alice"}
				if _, err := e.Silence(t.Context(), silence); err != nil {
					t.Fatal(err)
				}
				late := happened(row.action, influx.Int("exit_code", 7), influx.String("restart_policy", "no"))
				late.Time = time.Now().Add(-10 * time.Minute)
				points := []influx.Point{late}
				if row.started {
					points = append(points, happened("present", influx.String("status", "running"), influx.Int("started_at", time.Now().Add(-9*time.Minute).UnixNano())))
					slices.Reverse(points) // an agent tells first what it finds
				}
				for _, p := range points { // each in a batch of its own
					if err := e.Ingest(t.Context(), []influx.Point{p}); err != nil {
						t.Fatal(err)
					}
				}
				tickFor(t, e, 2*time.Hour)
				if told, texts := d.since(0); min(told, 1) != row.told || !strings.Contains(texts, "suppressed, nobody is paged") {
					t.Errorf("%d messages, want %d:\n%s", min(told, 1), row.told, texts)
				}
			})
		})
	}
}
