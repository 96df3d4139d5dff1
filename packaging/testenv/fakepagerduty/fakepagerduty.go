// Package fakepagerduty is a PagerDuty account on a loopback port, for tests: the part of the REST API v2 that the
// router speaks, on the real wire, with its rules, error codes, limits and delays.
//
// What it takes over from the real one: a second incident with the key of an open one on the same service is 400; an
// incident created in the name of its own assignee is born acknowledged and notifies nobody; an acknowledgement
// reassigns to the one in whose name it is made; a reassigned incident is triggered again and notifies nobody anew who had it, unless its urgency rises, which goes one
// incident at a time only; a status set on a resolved
// incident reopens it. What misbehaves on demand comes from package fakehttp: Fail, Limit, Hang, Swallow.
package fakepagerduty

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

// The account as New makes it.
const (
	Token    = "pd-token-KEEP-IT-SECRET" // the only API token that is let in
	Service  = "PSERVICE"                // incidents on any other service are refused
	CatchAll = "PCATCHALL"               // the service on which events raise incidents, see [Server.RaiseBy]
	BotID    = "PBOT"                    // the user in whose name a router writes
	Bot      = "nezuban-bot@example.com" // that user's e-mail address, for From
)

// Server is one account.
type Server struct {
	*fakehttp.Server // URL, Requests, Fail, FailReads, Limit, Hang, Swallow, Garble

	mu        sync.Mutex
	emails    map[string]string // by user id
	incidents []*Incident       // as created
	published map[string]int    // by incident: how much of its history webhooks have been made of
	hooks     *hooks            // nil: nobody has subscribed
}

// Incident is one incident of the account, as a test looks at it.
type Incident struct {
	ID, Number     string
	Key            string // incident_key; "" where an event has raised it
	AlertKey       string // of the event that has raised it; "" for none
	Service        string
	Title, Details string
	Urgency        string
	Status         string   // triggered, acknowledged, resolved
	Assignees      []string // user ids, now
	Acknowledgers  []string // user ids, now
	History        []Change // all that happened to it, the creation first
}

// Change is one thing that happened to an incident.
type Change struct {
	Event     string // as webhooks call it
	At        time.Time
	By        string // user id, from the From header
	Status    string // after it
	Assignees []string
	Notified  []string // whom PagerDuty would have notified because of it
}

// Snapshot is the account at one time.
type Snapshot struct {
	Incidents []Incident // as created
	Requests  []fakehttp.Request
}

// New starts an account that has one user, the bot; it ends with the test.
func New(tb fakehttp.Test) *Server {
	tb.Helper()
	s := &Server{emails: map[string]string{BotID: Bot}, published: map[string]int{}}
	s.Server = fakehttp.New(tb, s.serve, problemOf)
	return s
}

// AddUser adds a person who can be assigned, or replaces one.
func (s *Server) AddUser(id, email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emails[id] = email
}

// Incidents returns all incidents, as created.
func (s *Server) Incidents() []Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Incident, 0, len(s.incidents))
	for _, i := range s.incidents {
		all = append(all, i.clone())
	}
	return all
}

// WaitFor returns the first snapshot that seen accepts. When ctx ends before, it returns the last one and an error that
// describes it.
func (s *Server) WaitFor(ctx context.Context, seen func(Snapshot) bool) (Snapshot, error) {
	var last Snapshot
	err := s.Await(ctx, func() bool {
		last = Snapshot{Incidents: s.Incidents(), Requests: s.Requests()}
		return seen(last)
	})
	if err != nil {
		return last, fmt.Errorf("await fake pagerduty: %w; it has seen %d requests and has %+v", err, len(last.Requests), last.Incidents)
	}
	return last, nil
}

// Acknowledge is what a person does in PagerDuty's own app. An unknown id is ignored.
func (s *Server) Acknowledge(id, user string) { s.byHand(id, user, "acknowledged") }

// Resolve is what a person does in PagerDuty's own app. An unknown id is ignored.
func (s *Server) Resolve(id, user string) { s.byHand(id, user, "resolved") }

// Reassign is what a person does in PagerDuty's own app. An unknown id is ignored.
func (s *Server) Reassign(id, user string, to ...string) {
	s.act(id, func(i *Incident) { i.reassign(to, user, false) })
}

// Expire is what a service's acknowledgement timeout does, and the end of a snooze: the incident is triggered again, with
// whoever acknowledged it.
func (s *Server) Expire(id string) {
	s.act(id, func(i *Incident) { i.unacknowledge(i.Service) })
}

// Unacknowledge is the same in the name of a user.
func (s *Server) Unacknowledge(id, user string) {
	s.act(id, func(i *Incident) { i.unacknowledge(user) })
}

// Reopen is what a person does in PagerDuty's own app with a resolved incident.
func (s *Server) Reopen(id, user string) { s.byHand(id, user, "triggered") }

func (s *Server) byHand(id, user, status string) {
	s.act(id, func(i *Incident) { i.setStatus(status, user) })
}

func (s *Server) act(id string, do func(*Incident)) {
	s.mu.Lock()
	if i := s.find(id); i != nil {
		do(i)
	}
	s.publish()
	s.mu.Unlock()
	s.Changed()
}

// agent is who did something, as it goes over the wire: a user, or a service for what time or an event has done. The caller
// holds mu.
func (s *Server) agent(id string) reference {
	if _, person := s.emails[id]; person {
		return reference{ID: id, Type: "user_reference", Summary: "user " + id}
	}
	return reference{ID: id, Type: "service_reference", Summary: "service " + id}
}

// find returns the incident with that id, or nil. The caller holds mu.
func (s *Server) find(id string) *Incident {
	for _, i := range s.incidents {
		if i.ID == id {
			return i
		}
	}
	return nil
}

func (i *Incident) clone() Incident {
	c := *i
	c.Assignees = slices.Clone(i.Assignees)
	c.Acknowledgers = slices.Clone(i.Acknowledgers)
	c.History = slices.Clone(i.History)
	return c
}

// user returns who writes, by the From header, or the refusal. The caller holds mu.
func (s *Server) user(r *http.Request) (string, *problem) {
	from := r.Header.Get("From")
	if from == "" {
		return "", invalid("From header is required")
	}
	for id, email := range s.emails {
		if email == from {
			return id, nil
		}
	}
	return "", &problem{http.StatusBadRequest, 1008, "Requester User Not Found", nil}
}
