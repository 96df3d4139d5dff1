package fakepagerduty

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

// manageMax is how many incidents one PUT may change.
const manageMax = 250

type reference struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Summary string `json:"summary,omitempty"`
}

type assignment struct {
	At       time.Time `json:"at,omitzero"`
	Assignee reference `json:"assignee"`
}

type acknowledgement struct {
	At           time.Time `json:"at,omitzero"`
	Acknowledger reference `json:"acknowledger"`
}

type body struct {
	Type    string `json:"type"`
	Details string `json:"details"` // a string, whatever the schema says
}

// incidentIn is an incident as a client sends it.
type incidentIn struct {
	ID          string       `json:"id"`
	Title       string       `json:"title"`
	Service     *reference   `json:"service"`
	Urgency     string       `json:"urgency"`
	Key         string       `json:"incident_key"`
	Body        *body        `json:"body"`
	Status      string       `json:"status"`
	Assignments []assignment `json:"assignments"`
}

// incidentOut is an incident as the server answers it.
type incidentOut struct {
	reference
	Number           json.Number       `json:"incident_number"`
	Title            string            `json:"title"`
	Status           string            `json:"status"`
	Urgency          string            `json:"urgency"`
	Key              string            `json:"incident_key"`
	CreatedAt        time.Time         `json:"created_at"`
	Service          reference         `json:"service"`
	Assignments      []assignment      `json:"assignments"`
	Acknowledgements []acknowledgement `json:"acknowledgements"`

	LastStatusChangeAt time.Time `json:"last_status_change_at"`
	LastStatusChangeBy reference `json:"last_status_change_by"`
}

// out is an incident on the wire. The caller holds mu.
func (s *Server) out(i *Incident) incidentOut {
	last, change := i.History[len(i.History)-1].At, i.lastStatusChange()
	o := incidentOut{
		reference: reference{i.ID, "incident", "[#" + i.Number + "] " + i.Title},
		Number:    json.Number(i.Number), Title: i.Title, Status: i.Status, Urgency: i.Urgency, Key: i.Key,
		CreatedAt: i.History[0].At, Service: reference{i.Service, "service_reference", "Nezuban"},
		Assignments: []assignment{}, Acknowledgements: []acknowledgement{},
		LastStatusChangeAt: change.At, LastStatusChangeBy: s.agent(change.By),
	}
	for _, id := range i.Assignees {
		o.Assignments = append(o.Assignments, assignment{last, reference{ID: id, Type: "user_reference"}})
	}
	for _, id := range i.Acknowledgers {
		o.Acknowledgements = append(o.Acknowledgements, acknowledgement{last, reference{ID: id, Type: "user_reference", Summary: "user " + id}})
	}
	return o
}

// problem is a refusal.
type problem struct {
	status  int
	code    int
	message string
	errors  []string
}

func invalid(reason string) *problem {
	return &problem{http.StatusBadRequest, 2001, "Invalid Input Provided", []string{reason}}
}

// json is the refusal as it goes over the wire.
func (p *problem) json() any {
	inner := map[string]any{"message": p.message, "code": p.code}
	if len(p.errors) > 0 {
		inner["errors"] = p.errors
	}
	return map[string]any{"error": inner}
}

// problemOf is the refusal behind a scripted status.
func problemOf(status int) any {
	codes := map[int]int{http.StatusRequestTimeout: 2016, http.StatusTooManyRequests: 2020, http.StatusInternalServerError: 2000}
	return (&problem{status, codes[status], http.StatusText(status), nil}).json()
}

// serve answers one request as the real one would.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, answer, refused := s.answer(r)
	s.publish()
	if refused != nil {
		status, answer = refused.status, refused.json()
	}
	fakehttp.WriteJSON(w, status, answer)
}

func (s *Server) answer(r *http.Request) (status int, answer any, refused *problem) {
	if a := r.Header.Get("Authorization"); a != "Token token="+Token && a != "Bearer "+Token {
		return 0, nil, &problem{http.StatusUnauthorized, 2006, "Authentication failed for " + a, nil}
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/incidents":
		return s.answerCreate(r)
	case r.Method == http.MethodPut && r.URL.Path == "/incidents":
		return s.answerManage(r)
	case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/incidents/"):
		return s.answerUpdate(r)
	case r.Method == http.MethodGet && r.URL.Path == "/incidents":
		return s.answerList(r)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/incidents/"):
		if i := s.find(strings.TrimPrefix(r.URL.Path, "/incidents/")); i != nil {
			return http.StatusOK, map[string]any{"incident": s.out(i)}, nil
		}
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/users/"):
		id := strings.TrimPrefix(r.URL.Path, "/users/")
		if email, known := s.emails[id]; known {
			return http.StatusOK, map[string]any{"user": map[string]any{"id": id, "type": "user", "email": email}}, nil
		}
	}
	return 0, nil, &problem{http.StatusNotFound, 2100, "Not Found", nil}
}

func (s *Server) answerList(r *http.Request) (int, any, *problem) {
	q := r.URL.Query()
	limit, offset := 25, 0
	for name, into := range map[string]*int{"limit": &limit, "offset": &offset} {
		if n, err := strconv.Atoi(q.Get(name)); err == nil {
			*into = n
		} else if q.Has(name) {
			return 0, nil, invalid(name + " must be a number")
		}
	}
	if limit > 100 {
		limit = 100
	}
	all := s.list(q)
	all = all[min(offset, len(all)):]
	found := []incidentOut{}
	for _, i := range all[:min(limit, len(all))] {
		found = append(found, s.out(i))
	}
	return http.StatusOK, map[string]any{"incidents": found, "limit": limit, "offset": offset, "more": len(all) > limit}, nil
}

func (s *Server) answerCreate(r *http.Request) (int, any, *problem) {
	var in struct {
		Incident incidentIn `json:"incident"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 0, nil, invalid(err.Error())
	}
	by, refused := s.user(r)
	if refused != nil {
		return 0, nil, refused
	}
	made, refused := s.create(by, in.Incident)
	if refused != nil {
		return 0, nil, refused
	}
	return http.StatusCreated, map[string]any{"incident": s.out(made)}, nil
}

func (s *Server) answerManage(r *http.Request) (int, any, *problem) {
	var in struct {
		Incidents []incidentIn `json:"incidents"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 0, nil, invalid(err.Error())
	}
	if len(in.Incidents) > manageMax {
		return 0, nil, &problem{http.StatusRequestEntityTooLarge, 2001, "Too many incidents", nil}
	}
	by, refused := s.user(r)
	if refused != nil {
		return 0, nil, refused
	}
	changed := []incidentOut{}
	for _, one := range in.Incidents {
		i, refused := s.manage(by, one)
		if refused != nil {
			return 0, nil, refused
		}
		changed = append(changed, s.out(i))
	}
	return http.StatusOK, map[string]any{"incidents": changed}, nil
}

func (s *Server) answerUpdate(r *http.Request) (int, any, *problem) {
	var in struct {
		Incident incidentIn `json:"incident"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 0, nil, invalid(err.Error())
	}
	by, refused := s.user(r)
	if refused != nil {
		return 0, nil, refused
	}
	in.Incident.ID = strings.TrimPrefix(r.URL.Path, "/incidents/")
	i, refused := s.update(by, in.Incident)
	if refused != nil {
		return 0, nil, refused
	}
	return http.StatusOK, map[string]any{"incident": s.out(i)}, nil
}
