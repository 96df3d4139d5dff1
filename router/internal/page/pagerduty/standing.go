package pagerduty

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"
)

// Standing is how an incident stands at PagerDuty.
type Standing struct {
	ID        string // PagerDuty's
	Key       string // incident_key
	Status    string // triggered, acknowledged, resolved
	Assignees []string
	Created   time.Time
	By        Agent     // who acknowledged it, else who changed its status last; the zero Agent when nobody is known
	At        time.Time // when; for one that is triggered since it was made, when it was made
}

// The statuses, for who asks.
const (
	Triggered    = statusTriggered
	Acknowledged = statusAcknowledged
	Resolved     = statusResolved
)

const (
	listLimit = 100 // incidents of one answer; PagerDuty's own bound
	listPages = 100 // PagerDuty refuses to page beyond 10,000 incidents
)

// Standings are the incidents of this service that are not resolved, by incident_key.
func (p *Pager) Standings(ctx context.Context) (map[string]Standing, error) {
	found := map[string]Standing{}
	for n := range listPages {
		var list *api.ListIncidentsResponse
		failed := p.call(ctx, "list incidents", func(c *api.Client) (err error) {
			list, err = c.ListIncidentsWithContext(ctx, api.ListIncidentsOptions{
				ServiceIDs: []string{p.config.ServiceID}, Statuses: []string{statusTriggered, statusAcknowledged},
				DateRange: "all", Limit: listLimit, Offset: uint(n * listLimit),
			})
			return err
		})
		if failed != nil {
			return nil, failed
		}
		for _, i := range list.Incidents {
			found[i.IncidentKey] = standing(i)
		}
		if !list.More {
			break
		}
	}
	return found, nil
}

// Standing is how one incident stands; false when PagerDuty does not have it.
func (p *Pager) Standing(ctx context.Context, id string) (Standing, bool, error) {
	var found *api.Incident
	failed := p.call(ctx, "look up incident "+id, func(c *api.Client) (err error) {
		found, err = c.GetIncidentWithContext(ctx, url.PathEscape(id))
		return err
	})
	switch {
	case failed == nil:
		return standing(*found), true, nil
	case failed.status == http.StatusNotFound:
		return Standing{}, false, nil
	}
	return Standing{}, false, failed
}

// Raised is how the incident stands that an event of this key has raised on the service for events; false when PagerDuty has
// none yet. Such an incident has no key of its own, but is found by that of its alert. Of several the newest counts.
func (p *Pager) Raised(ctx context.Context, key string) (Standing, bool, error) {
	var list *api.ListIncidentsResponse
	failed := p.call(ctx, "look up event "+key, func(c *api.Client) (err error) {
		list, err = c.ListIncidentsWithContext(ctx, api.ListIncidentsOptions{
			IncidentKey: key, Statuses: []string{statusTriggered, statusAcknowledged, statusResolved}, DateRange: "all", Limit: listLimit,
		})
		return err
	})
	if failed != nil {
		return Standing{}, false, failed
	}
	var newest Standing
	for _, i := range list.Incidents {
		if s := standing(i); newest.ID == "" || !s.Created.Before(newest.Created) {
			newest = s
		}
	}
	return newest, newest.ID != "", nil
}

func standing(i api.Incident) Standing {
	by := i.LastStatusChangeBy
	s := Standing{
		ID: i.ID, Key: i.IncidentKey, Status: i.Status, Created: stamp(i.CreatedAt),
		By: agent(by.ID, by.Type, by.Summary), At: stamp(i.LastStatusChangeAt),
	}
	for _, a := range i.Assignments {
		s.Assignees = append(s.Assignees, a.Assignee.ID)
	}
	if i.Status == statusAcknowledged {
		for _, a := range i.Acknowledgements { // the last one has it
			s.By, s.At = agent(a.Acknowledger.ID, a.Acknowledger.Type, a.Acknowledger.Summary), stamp(a.At)
		}
	}
	return s
}

// stamp reads a time; zero for none.
func stamp(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Own reports whether a user is the one in whose name this router writes. PagerDuty is asked once for each user.
func (p *Pager) Own(ctx context.Context, userID string) (bool, error) {
	p.mu.Lock()
	own, known := p.own[userID]
	p.mu.Unlock()
	if known {
		return own, nil
	}
	email, failed := p.email(ctx, userID)
	if failed != nil {
		return false, failed
	}
	if email == "" {
		return false, errors.New("pagerduty look up user " + userID + ": its address is not told")
	}
	own = strings.EqualFold(email, p.config.From)
	p.mu.Lock()
	p.own[userID] = own
	p.mu.Unlock()
	return own, nil
}
