package fakepagerduty

import "fmt"

// RaiseBy makes the events of an integration raise incidents on the account's catch-all service, assigned by its own escalation
// policy to a user, as its alerts are opened, acknowledged and resolved. Such an incident has no incident_key, but is found by
// that of its alert. Call it before the first event.
func (s *Server) RaiseBy(events *EventsServer, onCall string) {
	events.raised = func(e *Event) {
		s.mu.Lock()
		s.raise(e, onCall)
		s.publish()
		s.mu.Unlock()
		s.Changed()
	}
}

// raise does to the incident of an alert what an event says. The caller holds mu.
func (s *Server) raise(e *Event, onCall string) {
	var open *Incident
	for _, i := range s.incidents {
		if i.AlertKey == e.DedupKey && i.Status != "resolved" {
			open = i
		}
	}
	switch {
	case e.Action == "trigger" && open == nil:
		number := len(s.incidents) + 1
		made := &Incident{
			ID: fmt.Sprintf("PI%05d", number), Number: fmt.Sprint(number), AlertKey: e.DedupKey, Service: CatchAll,
			Title: e.Payload.Summary, Urgency: "high", Status: "triggered", Assignees: []string{onCall},
		}
		made.record("incident.triggered", CatchAll, made.Assignees)
		s.incidents = append(s.incidents, made)
	case open == nil || e.Action == "trigger":
	case e.Action == "acknowledge" && open.Status == "triggered":
		open.Status = "acknowledged"
		open.record("incident.acknowledged", CatchAll, nil)
	case e.Action == "resolve":
		open.Status, open.Acknowledgers, open.Assignees = "resolved", nil, nil
		open.record("incident.resolved", CatchAll, nil)
	}
}
