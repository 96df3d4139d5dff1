package client_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/reach"
)

func sample() []reach.Listed {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	alert := func(key, summary string, severity incident.Severity, first time.Time) incident.AlertState {
		return incident.AlertState{Alert: incident.Alert{Key: key, Summary: summary, Severity: severity}, First: first}
	}
	return []reach.Listed{
		{Incident: incident.Incident{ID: "2026-2", State: incident.Triggered, Severity: incident.SeverityPage, OpenedAt: at, Alerts: map[string]incident.AlertState{
			"a": alert("a", "disk fills", incident.SeverityTicket, at.Add(-time.Hour)),
			"b": alert("b", "api died\x1b[2J\nPAGE forged\u202e", incident.SeverityPage, at),
		}}, Reach: reach.Reach{NobodyReached: true}},
		{Incident: incident.Incident{ID: "2026-1", State: incident.Acknowledged, AcknowledgedBy: "alice", Severity: incident.SeverityTicket, OpenedAt: at, Alerts: map[string]incident.AlertState{
			"a": alert("a", "web is down", incident.SeverityTicket, at),
		}}, Reach: reach.Reach{Reached: []reach.Receipt{{Person: "alice", Channel: "sms"}}}},
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	list := sample()
	snoozed := list[1]
	snoozed.ID, snoozed.State, snoozed.AcknowledgedBy, snoozed.SnoozedUntil = "2026-3", incident.Snoozed, "bob", list[1].OpenedAt.Add(time.Hour)
	snoozed.Alerts = map[string]incident.AlertState{"a": list[0].Alerts["a"]}
	for _, id := range []string{"2026-4", "2026-5"} {
		part := list[0]
		part.ID, part.PartOf = id, "2026-2"
		list = append(list, part)
	}
	told := list[0] // by a router that chooses otherwise than this release
	told.ID, told.LeadKey, told.NobodyReached = "2026-6", "a", false
	list = append(list, snoozed, told)
	if err := client.WriteTable(&out, list, time.FixedZone("CET", 3600)); err != nil {
		t.Fatal(err)
	}
	want := `ID      STATE                                      SEVERITY  OPENED                   WHAT
2026-2  triggered, nobody reached yet              page      2026-11-22 04:00:00 CET  api died�[2J PAGE forged� (and 1 more)
2026-1  acknowledged by alice                      ticket    2026-11-22 04:00:00 CET  web is down
2026-3  snoozed by bob until 2026-11-22 05:00 CET  ticket    2026-11-22 04:00:00 CET  disk fills
2026-6  triggered                                  page      2026-11-22 04:00:00 CET  disk fills (and 1 more)
and 2 that are parts of others; -json lists them
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// Of an incident the list names what fires, and counts what else does, as the titles of messages do.
func TestTheTableNamesWhatFires(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	alert := func(key string, severity incident.Severity, firing bool) incident.AlertState {
		return incident.AlertState{Alert: incident.Alert{Key: key, Summary: key + " is down", Severity: severity, Firing: firing}, First: at}
	}
	part := alert("part", incident.SeverityTicket, true)
	for _, row := range []struct {
		name string
		inc  incident.Incident
		what string
	}{
		{"the gravest is over", incident.Incident{Alerts: map[string]incident.AlertState{
			"a": alert("a", incident.SeverityPage, false), "b": alert("b", incident.SeverityTicket, true), "c": alert("c", incident.SeverityTicket, true),
		}}, "b is down (and 1 more)"},
		{"one fires, two are over", incident.Incident{Alerts: map[string]incident.AlertState{
			"a": alert("a", incident.SeverityPage, false), "b": alert("b", incident.SeverityPage, false), "c": alert("c", incident.SeverityTicket, true),
		}}, "c is down"},
		{"one fires, and what its parts hold", incident.Incident{More: 4, OpenParts: 2, Alerts: map[string]incident.AlertState{
			"a": alert("a", incident.SeverityPage, true), "b": alert("b", incident.SeverityPage, false),
		}}, "a is down (and 4 more)"},
		{"only parts fire", incident.Incident{More: 4, OpenParts: 2, PartSpeaks: &part, Alerts: map[string]incident.AlertState{
			"a": alert("a", incident.SeverityPage, false), "b": alert("b", incident.SeverityPage, false),
		}}, "part is down (and 1 more)"},
		{"all are over", incident.Incident{Alerts: map[string]incident.AlertState{
			"a": alert("a", incident.SeverityTicket, false), "b": alert("b", incident.SeverityPage, false),
		}}, "b is down (and 1 more)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.inc.ID, row.inc.State, row.inc.Severity, row.inc.OpenedAt = "2026-1", incident.Triggered, incident.SeverityPage, at
			sent, err := json.Marshal(reach.ListedAs(row.inc, reach.Reach{}))
			if err != nil {
				t.Fatal(err)
			}
			var got reach.Listed // as it comes from the router
			if err := json.Unmarshal(sent, &got); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := client.WriteTable(&out, []reach.Listed{got}, time.UTC); err != nil {
				t.Fatal(err)
			}
			_, what, _ := strings.Cut(out.String(), "UTC  ")
			if title, _ := page.Words(page.FactsOf(row.inc, page.KindTrigger)); what != row.what+"\n" || title != row.what {
				t.Errorf("the list says %q, a message %q, want %q", what, title, row.what)
			}
		})
	}
}

func TestTableOfNone(t *testing.T) {
	var out strings.Builder
	if err := client.WriteTable(&out, nil, time.UTC); err != nil || out.String() != "no incidents\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestJSON(t *testing.T) {
	incidents := sample()
	incidents[1].FirstAckAt, incidents[1].FirstAckBy = incidents[1].OpenedAt.Add(90*time.Second), "bob"
	incidents[1].ResolvedAt = incidents[1].OpenedAt.Add(time.Hour)
	lead := incidents[1].Alerts["a"]
	lead.Labels = map[string]string{"service": "shop", "team": "web"}
	incidents[1].Alerts["a"] = lead
	part := incidents[0]
	part.ID, part.PartOf = "2026-0", "2026-2"
	incidents = append(incidents, part)
	var out strings.Builder
	if err := client.WriteJSON(&out, incidents); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want one an incident:\n%s", len(lines), out.String())
	}
	for i, want := range []map[string]any{
		{"id": "2026-2", "at": "2026-11-22T03:00:00Z", "severity": "page", "state": "triggered", "ttd": 3600.0, "tta": nil, "acked_at": nil, "service": nil, "unpaged": nil, "nobody_reached": true, "reached": nil},
		{
			"id": "2026-1", "at": "2026-11-22T03:00:00Z", "severity": "ticket", "acked_at": "2026-11-22T03:01:30Z", "acked_by": "bob", "acknowledged_by": "alice",
			"resolved_at": "2026-11-22T04:00:00Z", "ttd": 0.0, "tta": 90.0, "ttr": 3600.0, "service": "shop", "nobody_reached": nil, "reached": []any{map[string]any{"person": "alice", "channel": "sms"}}, "labels": map[string]any{"service": "shop", "team": "web"},
		},
		{"id": "2026-0", "part_of": "2026-2", "unpaged": true},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for field, value := range want {
			if diff := cmp.Diff(value, got[field]); diff != "" {
				t.Errorf("%s of line %d: %s", field, i, diff)
			}
		}
	}
}
