package record

import (
	"encoding/json"
	"fmt"
	"testing"
	"unsafe"

	"nezuban/router/internal/incident"
)

const storedIncident = `{"version":1,"id":"%s","state":"triggered","severity":"page","alerts":{"k|%[1]s":{"key":"k|%[1]s","rule":"r","kind":"state","firing":true,"severity":"page",` +
	`"labels":{"host":"web1","id":"%[1]s"},"summary":"s","at":"2026-03-04T10:00:00Z","count":2,"first":"2026-03-04T10:00:00Z"}},"opened_at":"2026-03-04T10:00:00Z",` +
	`"policy":{"name":"api","steps":[{"page":["bob"],"wait":"%[2]s"}],"fallback":"carol","ack_timeout":"1h0m0s"},"progress":{},"entries":3,"rows":1}`

const storedRow = `{"version":1,"incident":"%s","seq":0,"kind":"trigger","channel":"sms","people":["bob"],"pass":0,"step":0,"why":"on call",` +
	`"not_before":"2026-03-04T10:00:00Z","status":"sent","attempt":1,"created":"2026-03-04T10:00:00Z"}`

func same(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

// What is read is what was stored, and what many incidents say alike is held once.
func TestWhatIsReadSharesWhatIsAlike(t *testing.T) {
	var s Stored
	want := map[string]string{}
	for _, one := range []struct{ id, wait string }{{"I1", "5m0s"}, {"I2", "5m0s"}, {"I3", "6m0s"}} {
		want[IncidentPrefix+one.id] = fmt.Sprintf(storedIncident, one.id, one.wait)
		want[OutboxPrefix+one.id+"/00000000"] = fmt.Sprintf(storedRow, one.id)
		for _, key := range []string{IncidentPrefix + one.id, OutboxPrefix + one.id + "/00000000"} {
			if err := s.Add(key, []byte(want[key])); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, inc := range s.Incidents {
		op, err := NewPut(IncidentPrefix+inc.ID, inc)
		row, err2 := NewPut(OutboxPrefix+inc.ID+"/00000000", s.Rows[i])
		if err != nil || err2 != nil || op.Value != want[op.Key] || row.Value != want[row.Key] {
			t.Errorf("found\n%s\n%s\n%v %v, want\n%s\n%s", op.Value, row.Value, err, err2, want[op.Key], want[row.Key])
		}
	}
	first, second, third := s.Incidents[0], s.Incidents[1], s.Incidents[2]
	if first.Policy != second.Policy || first.Policy == third.Policy {
		t.Error("policies that are the same are not held once, or others are")
	}
	lead, next := first.Lead(), second.Lead()
	if !same(lead.Rule, next.Rule) || !same(lead.Labels["host"], next.Labels["host"]) || !same(s.Rows[0].Why, s.Rows[1].Why) || !same(s.Rows[0].People[0], s.Rows[1].People[0]) {
		t.Error("texts that are the same are not held once")
	}
}

// An incident without a policy, which no release has stored, is read all the same.
func TestAnIncidentWithoutAPolicyIsRead(t *testing.T) {
	var s Stored
	for _, id := range []string{"I1", "I2"} {
		text, err := json.Marshal(incident.Incident{Version: 1, ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(IncidentPrefix+id, text); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Incidents) != 2 || s.Incidents[0].Policy != nil {
		t.Errorf("found %v, want two incidents without a policy", s.Incidents)
	}
}
