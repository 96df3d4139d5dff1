package app

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/router/internal/incident"
)

func TestCountIncident(t *testing.T) {
	opened := time.Date(2026, 11, 29, 3, 4, 5, 0, time.UTC)
	set := metrics.NewSet()
	for _, row := range []struct{ began, acknowledged, resolved time.Duration }{{-5 * time.Second, 61 * time.Second, time.Hour}, {0, 0, 48 * time.Hour}} {
		inc := incident.Incident{
			Severity: incident.SeverityPage, OpenedAt: opened, ResolvedAt: opened.Add(row.resolved),
			Alerts: map[string]incident.AlertState{"a": {First: opened.Add(row.began)}},
		}
		if row.acknowledged > 0 {
			inc.FirstAckAt = opened.Add(row.acknowledged)
		}
		countIncident(set, inc)
	}
	var text bytes.Buffer
	set.WritePrometheus(&text)
	for _, want := range []string{
		`nezuban_incident_time_to_detect_seconds_bucket{severity="page",le="2"} 1`,
		`nezuban_incident_time_to_detect_seconds_bucket{severity="page",le="5"} 2`,
		`nezuban_incident_time_to_detect_seconds_sum{severity="page"} 5`,
		`nezuban_incident_time_to_acknowledge_seconds_bucket{severity="page",le="60"} 0`,
		`nezuban_incident_time_to_acknowledge_seconds_bucket{severity="page",le="120"} 1`,
		`nezuban_incident_time_to_acknowledge_seconds_count{severity="page"} 1`,
		`nezuban_incident_time_to_resolve_seconds_bucket{severity="page",le="3600"} 1`,
		`nezuban_incident_time_to_resolve_seconds_bucket{severity="page",le="86400"} 1`,
		`nezuban_incident_time_to_resolve_seconds_bucket{severity="page",le="+Inf"} 2`,
		`nezuban_incident_time_to_resolve_seconds_sum{severity="page"} 176400`,
		`nezuban_incident_time_to_resolve_seconds_count{severity="page"} 2`,
	} {
		if !strings.Contains("\n"+text.String(), "\n"+want+"\n") {
			t.Errorf("found\n%s\nwant %s", text.String(), want)
		}
	}
}
