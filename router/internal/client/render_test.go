package client_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
)

func sample() []incident.Incident {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	alert := func(key, summary string, severity incident.Severity, first time.Time) incident.AlertState {
		return incident.AlertState{Alert: incident.Alert{Key: key, Summary: summary, Severity: severity}, First: first}
	}
	return []incident.Incident{
		{ID: "2026-2", State: incident.Triggered, Severity: incident.SeverityPage, OpenedAt: at, Alerts: map[string]incident.AlertState{
			"a": alert("a", "disk fills", incident.SeverityTicket, at.Add(-time.Hour)),
			"b": alert("b", "api died\x1b[2J\nPAGE forged\u202e", incident.SeverityPage, at),
		}},
		{ID: "2026-1", State: incident.Acknowledged, AcknowledgedBy: "alice", Severity: incident.SeverityTicket, OpenedAt: at, Alerts: map[string]incident.AlertState{
			"a": alert("a", "web is down", incident.SeverityTicket, at),
		}},
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := client.WriteTable(&out, sample(), time.FixedZone("CET", 3600)); err != nil {
		t.Fatal(err)
	}
	want := `ID      STATE                  SEVERITY  OPENED               WHAT
2026-2  triggered              page      2026-11-22 04:00:00  api died�[2J PAGE forged� (and 1 more)
2026-1  acknowledged by alice  ticket    2026-11-22 04:00:00  web is down
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTableOfNone(t *testing.T) {
	var out strings.Builder
	if err := client.WriteTable(&out, nil, time.UTC); err != nil || out.String() != "no incidents\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestJSON(t *testing.T) {
	for _, incidents := range [][]incident.Incident{nil, sample()} {
		var out strings.Builder
		if err := client.WriteJSON(&out, incidents); err != nil {
			t.Fatal(err)
		}
		var got []incident.Incident
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || len(got) != len(incidents) || got == nil {
			t.Errorf("got %v: %s", err, out.String())
		}
	}
}
