package app

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
)

func TestFillingSeverity(t *testing.T) {
	used := func(percent int64) state.Space { return state.Space{Quota: 100, Size: percent, InUse: percent} }
	alarm := used(10)
	alarm.Alarm = true
	tests := []struct {
		name   string
		space  state.Space
		firing bool
		want   incident.Severity
	}{
		{"empty", state.Space{}, false, ""},
		{"just below", used(59), false, ""},
		{"filling", used(60), false, incident.SeverityTicket},
		{"below, and told", used(57), true, incident.SeverityTicket},
		{"well below, and told", used(54), true, ""},
		{"nearly full", used(80), false, incident.SeverityPage},
		{"the alarm", alarm, false, incident.SeverityPage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fillingSeverity(tt.space, tt.firing); got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAStateThatFillsIsAnIncidentUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &router{engine: newEngine(t, &disk{}, time.Now)}
		file, err := schedule.Parse("oncall.toml", []byte(rotationText))
		if err != nil {
			t.Fatal(err)
		}
		r.engine.SetRotation(file, "")
		told := incident.Severity("")
		at := func(percent int64) incident.Incident {
			t.Helper()
			time.Sleep(time.Second)
			var err error
			if told, err = r.tellFilling(t.Context(), state.Space{Quota: 100 << 20, InUse: percent << 20}, told); err != nil {
				t.Fatal(err)
			}
			for _, inc := range r.engine.Incidents() {
				if inc.State != incident.Resolved {
					return inc
				}
			}
			return incident.Incident{}
		}
		if inc := at(50); inc.ID != "" {
			t.Errorf("found %+v at a half", inc)
		}
		ticket := at(61)
		if ticket.Severity != incident.SeverityTicket || ticket.Lead().Rule != stateFilling || ticket.Lead().Summary != "the router's state takes 61 of 100 MiB (61 %)" {
			t.Errorf("found %+v", ticket)
		}
		if again := at(63); again.Entries != ticket.Entries {
			t.Error("the same again is written down")
		}
		if inc := at(85); inc.ID != ticket.ID || inc.Severity != incident.SeverityPage {
			t.Errorf("found %+v, want it to wake somebody", inc)
		}
		told = "" // another router leads
		if inc := at(40); inc.ID != "" {
			t.Errorf("found %+v when there is room", inc)
		}
	})
}

// What is missing in a timeline is said in it, once, also when it cannot be written at once.
func TestMissingLinesAreSaid(t *testing.T) {
	for name, broken := range map[string]error{"there is room": nil, "there is none again": errFull} {
		t.Run(name, func(t *testing.T) {
			store := &disk{}
			r := &router{engine: newEngine(t, store, time.Now)}
			file, err := schedule.Parse("oncall.toml", []byte(rotationText))
			if err != nil {
				t.Fatal(err)
			}
			r.engine.SetRotation(file, "")
			id, err := r.engine.Page(t.Context(), "k", "alice", "shop is down", incident.SeverityPage, nil)
			if err != nil {
				t.Fatal(err)
			}
			store.set(broken)
			if err := r.tellShed(t.Context(), map[string]int{id: 7, "over meanwhile": 3}); !errors.Is(err, broken) {
				t.Errorf("found %v, want %v", err, broken)
			}
			store.set(nil)
			if err := r.engine.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, b := range store.batches {
				for _, entry := range b.Change.Entries {
					said += entry.Text + "\n"
				}
			}
			if strings.Count(said, "nezuban: 7 lines of this timeline were not kept, because the state was full\n") != 1 || strings.Contains(said, "3 lines") {
				t.Errorf("the timeline says\n%s", said)
			}
		})
	}
}
