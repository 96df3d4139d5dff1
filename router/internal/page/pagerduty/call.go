package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	api "github.com/PagerDuty/go-pagerduty"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

// PagerDuty's error codes that decide something beyond their HTTP status.
// See https://developer.pagerduty.com/docs/errors
const (
	codeResolved     = 1001 // "Incident Already Resolved"
	codeAcknowledged = 1002 // "Incident Already Acknowledged"
	codeTimedOut     = 2016
	codeTooMany      = 2020
)

const reasonMax = 300 // characters of an error's text

// failure is a call that did not succeed. A nil *failure is success.
type failure struct {
	said   page.Error
	status int  // of the answer; 0: there was none
	code   int  // PagerDuty's; 0: none was given
	unsent bool // the request was not made: it would have broken a limit
}

// Error is the cause's text.
func (f *failure) Error() string { return f.said.Error() }

// Unwrap gives the callers of Page the [page.Error] that classifies it.
func (f *failure) Unwrap() error { return &f.said }

func (f *failure) retry() bool { return f.said.Retry }

// unclear says whether the call, or one before it, may have taken effect: without an answer, with a broken one, or with
// the 400 that a known key gets.
func (f *failure) unclear() bool {
	return !f.unsent && (attempt.Unclear(f.status) || f.status < http.StatusMultipleChoices || f.status == http.StatusBadRequest)
}

// open returns the incident with that key that is not resolved, or nil when there is none.
func (p *Pager) open(ctx context.Context, key string) (*api.Incident, *failure) {
	var found *api.ListIncidentsResponse
	failed := p.call(ctx, "look up "+key, func(c *api.Client) (err error) {
		found, err = c.ListIncidentsWithContext(ctx, api.ListIncidentsOptions{
			IncidentKey: key,
			ServiceIDs:  []string{p.config.ServiceID},
			Statuses:    []string{statusTriggered, statusAcknowledged},
			DateRange:   "all",
		})
		return err
	})
	if failed != nil {
		return nil, failed
	}
	for _, i := range found.Incidents {
		if i.IncidentKey == key {
			return &i, nil
		}
	}
	return nil, nil
}

// manage changes one incident in the name of the user with that e-mail address.
func (p *Pager) manage(ctx context.Context, what, from string, to api.ManageIncidentsOptions) *failure {
	return p.call(ctx, what, func(c *api.Client) error {
		_, err := c.ManageIncidentsWithContext(ctx, from, []api.ManageIncidentsOptions{to})
		return err
	})
}

// raise does what manage does in the router's own name, and makes the urgency high: PagerDuty takes that for one incident at a time
// only, and the library has no call for it. See https://developer.pagerduty.com/api-reference/8a0e1aa2ec666-update-an-incident
func (p *Pager) raise(ctx context.Context, to api.ManageIncidentsOptions) *failure {
	return p.call(ctx, "raise "+to.ID, func(c *api.Client) error {
		body, err := json.Marshal(map[string]any{"incident": struct {
			api.ManageIncidentsOptions

			Type    string `json:"type"` // in the place of the one above, which the library fills in in its own calls
			Urgency string `json:"urgency"`
		}{to, "incident", urgencyHigh}})
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, p.config.BaseURL+"/incidents/"+url.PathEscape(to.ID), bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("From", p.config.From)
		answer, err := c.Do(r, true)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }() // it was read whole
		if answer.StatusCode < http.StatusMultipleChoices {
			return nil
		}
		refused := api.APIError{StatusCode: answer.StatusCode}
		_ = json.NewDecoder(answer.Body).Decode(&refused) // what is no JSON has no code: the status tells
		return refused
	})
}

// email returns a user's e-mail address, or "" for good when PagerDuty does not tell it.
func (p *Pager) email(ctx context.Context, userID string) (string, *failure) {
	var user *api.User
	failed := p.call(ctx, "look up user "+userID, func(c *api.Client) (err error) {
		user, err = c.GetUserWithContext(ctx, userID, api.GetUserOptions{})
		return err
	})
	switch {
	case failed == nil:
		return user.Email, nil
	case failed.retry():
		return "", failed
	}
	return "", nil
}

// call makes one request by a client of its own, so that what the library drops (headers, the transport's error) is known
// for this call and no other.
func (p *Pager) call(ctx context.Context, what string, use func(*api.Client) error) *failure {
	w := &wire{http: p.http, lane: p.rest}
	client := api.NewClient(p.config.Token, api.WithAPIEndpoint(p.config.BaseURL))
	client.HTTPClient = w
	if err := use(client); err != nil {
		return p.failed(what, w, err)
	}
	return nil
}

// failed classifies an error: what may succeed later is worth another try, everything else is not.
func (p *Pager) failed(what string, w *wire, err error) *failure {
	f := &failure{status: w.status, unsent: w.unsent}
	if answered, ok := errors.AsType[api.APIError](err); ok && answered.APIError.Valid {
		f.code = answered.APIError.ErrorObject.Code
	}
	f.said.After = w.wait
	f.said.Retry = w.status < http.StatusMultipleChoices || attempt.Retryable(w.status) ||
		f.code == codeTimedOut || f.code == codeTooMany
	if w.err != nil {
		f.said.Err = fmt.Errorf("pagerduty %s: %w", what, w.err) // the library's wrapping loses it
		return f
	}
	reason := page.Line(attempt.Hide(w.readable(err).Error(), p.config.Token), reasonMax)
	f.said.Err = fmt.Errorf("pagerduty %s: %s", what, reason)
	return f
}
