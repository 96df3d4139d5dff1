package pagerduty

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	api "github.com/PagerDuty/go-pagerduty"

	"nezuban/router/internal/page"
)

// trigger makes PagerDuty notify the people named: by creating the incident, assigned to the first of them, or by
// assigning the one that is open.
func (p *Pager) trigger(ctx context.Context, m page.Message) (string, error) {
	if len(m.People) == 0 {
		return "", page.Permanent("pagerduty trigger %s: nobody is named", m.IncidentID)
	}
	for _, r := range m.People {
		if r.Address == "" {
			return "", page.Permanent("pagerduty trigger %s: %s has no PagerDuty user id in the contacts", m.IncidentID, r.Person)
		}
	}
	if m.ProviderID != "" {
		return m.ProviderID, p.further(ctx, m)
	}
	made, failed := p.create(ctx, m)
	if failed == nil {
		return made.ID, p.created(ctx, m, made)
	}
	if !failed.unclear() {
		return "", failed
	}
	// PagerDuty answers 400 to a key that is open already; no answer, or a broken one, may hide a creation.
	open, unknown := p.open(ctx, m.IncidentID)
	switch {
	case unknown != nil && unknown.retry() && !failed.retry():
		return "", unknown
	case unknown != nil || open == nil:
		return "", failed
	}
	return open.ID, p.join(ctx, m, open)
}

func (p *Pager) create(ctx context.Context, m page.Message) (*api.Incident, *failure) {
	var made *api.Incident
	failed := p.call(ctx, "create "+m.IncidentID, func(c *api.Client) (err error) {
		made, err = c.CreateIncidentWithContext(ctx, p.config.From, &api.CreateIncidentOptions{
			Title:       title(m),
			Service:     &api.APIReference{ID: p.config.ServiceID, Type: "service_reference"},
			Urgency:     urgency(m.Severity),
			IncidentKey: m.IncidentID,
			Body:        &api.APIDetails{Type: "incident_body", Details: page.Lines(m.Text, page.TextMax)},
			Assignments: assignees(m.People[:1]),
		})
		if err == nil && made.ID == "" {
			return errors.New("the answer names no incident: found no id, expected that of the incident")
		}
		return err
	})
	return made, failed
}

// created finishes what a creation cannot do: it takes one assignee only.
func (p *Pager) created(ctx context.Context, m page.Message, made *api.Incident) error {
	if len(m.People) > 1 {
		return p.assign(ctx, m, made)
	}
	if made.Status == statusAcknowledged {
		return p.ownAssignee(m, made.ID)
	}
	return nil
}

// join makes an incident that was open already the page of m's people. One that a person has acknowledged stays with
// that person.
func (p *Pager) join(ctx context.Context, m page.Message, open *api.Incident) error {
	assigned := isAssigned(open, m.People)
	if open.Status == statusAcknowledged {
		byUs, failed := p.acknowledgedByUs(ctx, open)
		switch {
		case failed != nil:
			return failed
		case !byUs:
			return nil
		case assigned:
			return p.ownAssignee(m, open.ID)
		}
	}
	if assigned && !rises(m, open) {
		return nil
	}
	return p.assign(ctx, m, open)
}

// further makes PagerDuty notify people of an incident that it has. What it has it is asked about first; should that be answered
// by an error, people are assigned all the same.
func (p *Pager) further(ctx context.Context, m page.Message) error {
	open := &api.Incident{}
	failed := p.call(ctx, "look up incident "+m.ProviderID, func(c *api.Client) error {
		found, err := c.GetIncidentWithContext(ctx, url.PathEscape(m.ProviderID))
		if err == nil {
			open = found
		}
		return err
	})
	if failed != nil && failed.status == 0 {
		return failed
	}
	open.ID = m.ProviderID
	told := open.Status == statusTriggered && areAssigned(open, m.People) && !rises(m, open)
	if err := p.assign(ctx, m, open); err != nil || !told {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again[m.PageID] = true
	return nil
}

// rises says that a message wakes people, and what PagerDuty has is not known to.
func rises(m page.Message, open *api.Incident) bool {
	return urgency(m.Severity) == urgencyHigh && open.Urgency != urgencyHigh
}

// assign gives the incident to exactly the people named, whom PagerDuty then notifies: those who have it not, and when its urgency
// rises all of them. Its title is what is said now.
func (p *Pager) assign(ctx context.Context, m page.Message, open *api.Incident) error {
	id := open.ID
	to := api.ManageIncidentsOptions{ID: id, Assignments: assignees(m.People)}
	if said := title(m); said != open.Title {
		to.Title = said
	}
	var failed *failure
	if rises(m, open) {
		failed = p.raise(ctx, to)
	}
	if !rises(m, open) || (failed != nil && !failed.retry() && failed.code != codeResolved) { // an account may have no urgencies
		failed = p.manage(ctx, "assign "+id, p.config.From, to)
	}
	switch {
	case failed == nil:
		return nil
	case failed.code == codeResolved:
		return page.Permanent("pagerduty assign %s: it was resolved at PagerDuty, so nobody was notified", id)
	}
	return failed
}

// ownAssignee is the error for an incident that we created for ourselves, which PagerDuty tells nobody about.
func (p *Pager) ownAssignee(m page.Message, id string) error {
	return page.Permanent("pagerduty create %s: came back acknowledged as %s, so nobody was notified: %s is the user %q in whose name Nezuban writes",
		m.IncidentID, id, m.People[0].Person, p.config.From)
}

// acknowledgedByUs says whether nobody but our own user acknowledged the incident. An acknowledger who cannot be looked up
// is taken for a person.
func (p *Pager) acknowledgedByUs(ctx context.Context, open *api.Incident) (bool, *failure) {
	for _, a := range open.Acknowledgements {
		email, failed := p.email(ctx, a.Acknowledger.ID)
		if failed != nil {
			return false, failed
		}
		if !strings.EqualFold(email, p.config.From) {
			return false, nil
		}
	}
	return len(open.Acknowledgements) > 0, nil
}

func assignees(people []page.Recipient) []api.Assignee {
	all := make([]api.Assignee, 0, len(people))
	for _, r := range people {
		all = append(all, api.Assignee{Assignee: api.APIObject{ID: r.Address, Type: "user_reference"}})
	}
	return all
}

// areAssigned says that PagerDuty's incident is assigned to all of these people, whoever else has it.
func areAssigned(open *api.Incident, people []page.Recipient) bool {
	return !slices.ContainsFunc(people, func(r page.Recipient) bool {
		return !slices.ContainsFunc(open.Assignments, func(a api.Assignment) bool { return a.Assignee.ID == r.Address })
	})
}

func isAssigned(open *api.Incident, people []page.Recipient) bool {
	var have, want []string
	for _, a := range open.Assignments {
		have = append(have, a.Assignee.ID)
	}
	for _, r := range people {
		want = append(want, r.Address)
	}
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(have, want)
}
