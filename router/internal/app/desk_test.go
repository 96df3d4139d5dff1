package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// A text message that spoke for several can be answered as long as one of them is open.
func TestAnAnswerIsTakenWhileSomethingIsOpenThatTheMessageSpokeFor(t *testing.T) {
	alert := incident.AlertState{Alert: incident.Alert{Key: "k", Summary: "shop is down"}}
	inc := func(id string, state incident.State) incident.Incident {
		return incident.Incident{Version: 1, ID: id, State: state, Alerts: map[string]incident.AlertState{"k": alert}}
	}
	row := func(id string, status incident.RowStatus) incident.Row {
		return incident.Row{Version: 1, Incident: id, Kind: incident.MessageTrigger, Channel: "sms", People: []string{"alice"}, Status: status}
	}
	host, merged := row("I1", incident.RowSent), row("I2", incident.RowMerged)
	host.Summary, host.Attempt, host.Others, merged.Into = true, 1, 1, host.PageID()
	path := filepath.Join(t.TempDir(), "contacts.toml")
	if err := os.WriteFile(path, []byte("[alice]\nsms = \"+15005550001\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	contacts, err := escalation.LoadContacts(path)
	if err != nil {
		t.Fatal(err)
	}
	set, problems := rule.Compile(rule.Config{}, nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		first, other incident.State
		want         int
	}{
		{"both are open", incident.Triggered, incident.Triggered, 2},
		{"its own is over", incident.Resolved, incident.Triggered, 2},
		{"the other is over", incident.Triggered, incident.Resolved, 1},
		{"both are over", incident.Resolved, incident.Resolved, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stored := record.Stored{
				Incidents: []incident.Incident{inc("I1", tt.first), inc("I2", tt.other)}, Rows: []incident.Row{host, merged},
			}
			engine := duty.New(duty.Options{Store: &disk{}, Now: time.Now, NewID: duty.NewID, Log: discard, Rules: set}, stored)
			d := desk{engine: engine, contacts: func() *escalation.Contacts { return contacts }}
			sent, known := d.Texted("+15005550001")
			if !known || len(sent) != tt.want {
				t.Errorf("found %+v, %t; want %d messages", sent, known, tt.want)
			}
		})
	}
}
