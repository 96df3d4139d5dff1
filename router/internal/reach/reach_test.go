package reach_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

func TestWhoIsReached(t *testing.T) {
	began := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	page := incident.Incident{ID: "I1", Severity: incident.SeverityPage, State: incident.Triggered, Progress: escalation.Progress{Started: began}}
	with := func(change func(*incident.Incident)) incident.Incident {
		inc := page
		change(&inc)
		return inc
	}
	row := func(status incident.RowStatus, change func(*incident.Row)) incident.Row {
		r := incident.Row{
			Incident: "I1", Kind: incident.MessageTrigger, Channel: "sms", People: []string{"alice"}, Status: status, Created: began,
			NotBefore: began, Attempt: 1, FirstTry: began.Add(time.Second),
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	into := func(id string) func(*incident.Row) {
		return func(r *incident.Row) { r.Attempt, r.FirstTry, r.Into = 0, time.Time{}, id }
	}
	others := map[incident.RowKey]incident.Row{
		{Incident: "I0", Seq: 0}: {Status: incident.RowSent}, {Incident: "I0", Seq: 1}: {Status: incident.RowPending},
	}
	alice := []reach.Receipt{{Person: "alice", Channel: "sms"}}
	tried := began.Add(time.Second)
	tests := []struct {
		name   string
		inc    incident.Incident
		rows   []incident.Row
		nobody bool
		by     []reach.Receipt
		tried  time.Time
	}{
		{"no message yet", page, nil, true, nil, time.Time{}},
		{"none tried", page, []incident.Row{row(incident.RowPending, func(r *incident.Row) { r.Attempt, r.FirstTry = 0, time.Time{} })}, true, nil, time.Time{}},
		{"tried in vain", page, []incident.Row{row(incident.RowPending, nil)}, true, nil, tried},
		{"under way", page, []incident.Row{row(incident.RowSending, nil)}, true, nil, tried},
		{"refused", page, []incident.Row{row(incident.RowFailed, nil)}, true, nil, tried},
		{"cancelled", page, []incident.Row{row(incident.RowCancelled, nil)}, true, nil, tried},
		{"of an older release", page, []incident.Row{row(incident.RowFailed, func(r *incident.Row) { r.FirstTry = time.Time{} })}, true, nil, began},
		{"brought back by a restore", page, []incident.Row{row(incident.RowCancelled, func(r *incident.Row) { r.Held = true })}, true, nil, time.Time{}},
		{"sent", page, []incident.Row{row(incident.RowSent, nil)}, false, alice, tried},
		{"the second channel", page, []incident.Row{
			row(incident.RowFailed, nil), row(incident.RowSent, func(r *incident.Row) { r.Channel, r.FirstTry = "call", tried.Add(time.Minute) }),
		}, false, []reach.Receipt{{Person: "alice", Channel: "call"}}, tried},
		{"several at once, and again", page, []incident.Row{
			row(incident.RowSent, func(r *incident.Row) { r.Channel, r.People = "pagerduty", []string{"alice", "bob"} }),
			row(incident.RowSent, func(r *incident.Row) { r.Channel, r.People = "pagerduty", []string{"alice"} }),
		}, false, []reach.Receipt{{Person: "alice", Channel: "pagerduty"}, {Person: "bob", Channel: "pagerduty"}}, tried},
		{"only an update was sent", page, []incident.Row{row(incident.RowSent, func(r *incident.Row) { r.Kind = incident.MessageUpdate })}, true, nil, time.Time{}},
		{"sent before it triggered again", page, []incident.Row{row(incident.RowSent, func(r *incident.Row) { r.Created = began.Add(-time.Hour) })}, true, nil, time.Time{}},
		{"merged into one that was sent", page, []incident.Row{row(incident.RowMerged, into("I0-0"))}, false, alice, time.Time{}},
		{"merged into one that waits", page, []incident.Row{row(incident.RowMerged, into("I0-1"))}, true, nil, time.Time{}},
		{"merged into one that is closed", page, []incident.Row{row(incident.RowMerged, into("I7-0"))}, false, alice, time.Time{}},
		{"merged into nothing", page, []incident.Row{row(incident.RowMerged, into("?"))}, true, nil, time.Time{}},
		{"a ticket", with(func(i *incident.Incident) { i.Severity = incident.SeverityTicket }), nil, false, nil, time.Time{}},
		{"somebody has it", with(func(i *incident.Incident) { i.State = incident.Acknowledged }), nil, false, nil, time.Time{}},
		{"snoozed", with(func(i *incident.Incident) { i.State = incident.Snoozed }), nil, false, nil, time.Time{}},
		{"over", with(func(i *incident.Incident) { i.State = incident.Resolved }), nil, false, nil, time.Time{}},
		{"suppressed", with(func(i *incident.Incident) { i.Suppressed = "silenced" }), nil, false, nil, time.Time{}},
		{"part of another", with(func(i *incident.Incident) { i.PartOf = "I0" }), nil, false, nil, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reach.Of(tt.inc, tt.rows, func(key incident.RowKey) (incident.Row, bool) { r, ok := others[key]; return r, ok })
			if diff := cmp.Diff(reach.Reach{NobodyReached: tt.nobody, Reached: tt.by}, got); diff != "" {
				t.Errorf("-want +found:\n%s", diff)
			}
			if since := reach.Tried(tt.inc, tt.rows); !since.Equal(tt.tried) {
				t.Errorf("tried since %v, want %v", since, tt.tried)
			}
		})
	}
}
