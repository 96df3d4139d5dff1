package record

import (
	"encoding/json"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
)

// sharing lets records that are read one by one hold what most of them say alike only once: a policy, names of labels,
// channels and people. Without it an open incident takes a third more memory after a restart than before.
type sharing struct {
	texts    map[string]string
	policies map[string]*escalation.Policy // by their JSON
}

func newSharing() *sharing {
	return &sharing{map[string]string{}, map[string]*escalation.Policy{}}
}

// text is the first text that was the same.
func (s *sharing) text(t string) string {
	const longest = 128 // what is longer is rarely said twice
	if len(t) > longest {
		return t
	}
	first, ok := s.texts[t]
	if !ok {
		s.texts[t] = t
		return t
	}
	return first
}

// incident reads one. A policy that another one had is not read again.
func (s *sharing) incident(value []byte) (incident.Incident, error) {
	var read struct {
		incident.Incident
		Policy json.RawMessage `json:"policy"` // goes before the incident's own
	}
	if err := json.Unmarshal(value, &read); err != nil {
		return incident.Incident{}, err
	}
	if err := readable(read.Version); err != nil {
		return incident.Incident{}, err
	}
	inc := &read.Incident
	policy, known := s.policies[string(read.Policy)]
	if !known && len(read.Policy) > 0 {
		if err := json.Unmarshal(read.Policy, &policy); err != nil {
			return incident.Incident{}, err
		}
		s.policies[string(read.Policy)] = policy
	}
	inc.Policy = policy
	inc.State, inc.Severity = incident.State(s.text(string(inc.State))), incident.Severity(s.text(string(inc.Severity)))
	inc.AcknowledgedBy, inc.FirstAckBy, inc.Suppressed = s.text(inc.AcknowledgedBy), s.text(inc.FirstAckBy), s.text(inc.Suppressed)
	alerts := inc.Alerts
	if alerts != nil {
		inc.Alerts = make(map[string]incident.AlertState, len(alerts))
	}
	for key, a := range alerts {
		if a.Key == key {
			key = a.Key // it was read twice
		}
		inc.Alerts[key] = s.alert(a)
	}
	return *inc, nil
}

func (s *sharing) alert(a incident.AlertState) incident.AlertState {
	a.Rule, a.Runbook = s.text(a.Rule), s.text(a.Runbook)
	a.Kind, a.Severity = incident.Kind(s.text(string(a.Kind))), incident.Severity(s.text(string(a.Severity)))
	if a.Labels == nil {
		return a
	}
	labels := make(map[string]string, len(a.Labels))
	for name, value := range a.Labels {
		labels[s.text(name)] = s.text(value)
	}
	a.Labels = labels
	return a
}

func (s *sharing) row(r *incident.Row) {
	r.Incident, r.Channel, r.Why = s.text(r.Incident), s.text(r.Channel), s.text(r.Why)
	r.Kind, r.Status = incident.MessageKind(s.text(string(r.Kind))), incident.RowStatus(s.text(string(r.Status)))
	for i, person := range r.People {
		r.People[i] = s.text(person)
	}
}
