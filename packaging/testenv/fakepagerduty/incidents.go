package fakepagerduty

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// create makes an incident, or refuses. The caller holds mu.
func (s *Server) create(by string, in incidentIn) (*Incident, *problem) {
	switch {
	case in.Title == "":
		return nil, invalid("Title cannot be empty")
	case in.Service == nil || in.Service.ID != Service:
		return nil, invalid("Service not found")
	case len(in.Assignments) > 1:
		return nil, invalid("Only one assignee can be given")
	}
	for _, i := range s.incidents {
		if in.Key != "" && i.Key == in.Key && i.Service == in.Service.ID && i.Status != "resolved" {
			return nil, invalid("Open incident with matching dedup key already exists on this service")
		}
	}
	assignees, refused := s.assignees(in)
	if refused != nil {
		return nil, refused
	}
	number := len(s.incidents) + 1
	made := &Incident{
		ID: fmt.Sprintf("PI%05d", number), Number: fmt.Sprint(number), Key: in.Key, Service: in.Service.ID,
		Title: in.Title, Urgency: in.Urgency, Status: "triggered", Assignees: assignees,
	}
	if in.Body != nil {
		made.Details = in.Body.Details
	}
	notified := assignees
	if slices.Equal(assignees, []string{by}) {
		made.Status, made.Acknowledgers, notified = "acknowledged", []string{by}, nil
	}
	made.record("incident.triggered", by, notified)
	s.incidents = append(s.incidents, made)
	return made, nil
}

// manage applies one element of PUT /incidents, or refuses. The caller holds mu.
func (s *Server) manage(by string, in incidentIn) (*Incident, *problem) {
	i := s.find(in.ID)
	if i == nil {
		return nil, &problem{http.StatusNotFound, 2100, "Not Found", nil}
	}
	changesTitleAlone := in.Status == "" && len(in.Assignments) == 0
	switch {
	case i.Status == "resolved" && (in.Status == "resolved" || len(in.Assignments) > 0 || changesTitleAlone):
		return nil, &problem{http.StatusBadRequest, 1001, "Incident Already Resolved", nil}
	case i.Status == "acknowledged" && in.Status == "acknowledged":
		return nil, &problem{http.StatusBadRequest, 1002, "Incident Already Acknowledged", nil}
	}
	assignees, refused := s.assignees(in)
	if refused != nil {
		return nil, refused
	}
	if in.Title != "" {
		i.Title = in.Title
	}
	if in.Status != "" {
		i.setStatus(in.Status, by)
	}
	if len(assignees) > 0 {
		i.reassign(assignees, by, false)
	}
	return i, nil
}

// update applies PUT /incidents/ID, which takes an urgency too. One that rises notifies everybody who is assigned then, by their rules
// for high urgency. The caller holds mu.
func (s *Server) update(by string, in incidentIn) (*Incident, *problem) {
	assigned := in.Assignments
	in.Assignments = nil
	assignees, refused := s.assignees(incidentIn{Assignments: assigned})
	if refused != nil {
		return nil, refused
	}
	i, refused := s.manage(by, in)
	if refused != nil {
		return nil, refused
	}
	rises := in.Urgency == "high" && i.Urgency == "low"
	if in.Urgency != "" {
		i.Urgency = in.Urgency
	}
	if len(assignees) > 0 {
		i.reassign(assignees, by, rises)
	}
	return i, nil
}

// assignees returns the user ids that are assigned, or the refusal of an unknown one. The caller holds mu.
func (s *Server) assignees(in incidentIn) ([]string, *problem) {
	var ids []string
	for _, a := range in.Assignments {
		if _, known := s.emails[a.Assignee.ID]; !known {
			return nil, &problem{http.StatusBadRequest, 1007, "Assignee Not Found", nil}
		}
		ids = append(ids, a.Assignee.ID)
	}
	return ids, nil
}

// setStatus acknowledges, resolves or reopens in the name of a user.
func (i *Incident) setStatus(status, by string) {
	var notified []string
	i.Status = status
	switch status {
	case "acknowledged":
		i.Acknowledgers = []string{by}
		i.Assignees = []string{by}
	case "resolved":
		i.Acknowledgers, i.Assignees = nil, nil
	default:
		i.Acknowledgers = nil
		notified = i.Assignees
	}
	i.record("incident."+map[string]string{"triggered": "reopened"}[status]+strings.TrimPrefix(status, "triggered"), by, notified)
}

func (i *Incident) unacknowledge(by string) {
	i.Status, i.Acknowledgers = "triggered", nil
	i.record("incident.unacknowledged", by, i.Assignees)
}

// reassign gives the incident to others, which triggers it again and notifies those who did not have it; all of them when its
// urgency rises.
func (i *Incident) reassign(assignees []string, by string, rises bool) {
	var notified []string
	for _, id := range assignees {
		if rises || i.Status == "acknowledged" || !slices.Contains(i.Assignees, id) {
			notified = append(notified, id)
		}
	}
	i.Status, i.Assignees, i.Acknowledgers = "triggered", assignees, nil
	i.record("incident.reassigned", by, notified)
}

// lastStatusChange is the last entry of the history in which the status became another, or else the creation.
func (i *Incident) lastStatusChange() Change {
	last := i.History[0]
	for n, c := range i.History {
		if n > 0 && c.Status != i.History[n-1].Status {
			last = c
		}
	}
	return last
}

func (i *Incident) record(event, by string, notified []string) {
	i.History = append(i.History, Change{
		Event: event, At: time.Now(), By: by, Status: i.Status, Assignees: slices.Clone(i.Assignees), Notified: slices.Clone(notified),
	})
}

// list returns the incidents that a GET /incidents asks for. The caller holds mu.
func (s *Server) list(q url.Values) []*Incident {
	asked := func(name, value string) bool { return !q.Has(name) || slices.Contains(q[name], value) }
	var found []*Incident
	for _, i := range s.incidents {
		if asked("incident_key", cmp.Or(i.Key, i.AlertKey)) && asked("service_ids[]", i.Service) && asked("statuses[]", i.Status) {
			found = append(found, i)
		}
	}
	return found
}
