package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

const (
	publicEventsURL = "https://events.pagerduty.com"
	summaryMax      = 1024 // characters

	// eventsAfter is how long the REST API may take nothing before the Events API is given the page.
	eventsAfter = 10 * time.Second
	firstPause  = time.Second // between the first two tries; each further pause is twice as long
)

// wake makes PagerDuty notify people: by the REST API, or, when that has taken nothing for a while, by an alert on the
// service for events, whose own people are notified then.
func (p *Pager) wake(ctx context.Context, m page.Message, went ways) (string, error) {
	began := time.Now()
	id, err := p.trigger(ctx, m)
	went.rest = cmp.Or(id, went.rest)
	if err == nil || page.IsPermanent(err) || p.config.EventsKey == "" {
		return went.String(), err
	}
	if failed, ok := errors.AsType[*failure](err); ok && failed.unclear() {
		went.unclear = true
	}
	left := eventsAfter - m.Failing - time.Since(began)
	if next := m.Failing + firstPause; next <= left { // the pauses so far sum up to no more than m.Failing, so that the next is no longer
		return went.String(), sooner(err, left)
	}
	if open, unknown := p.open(ctx, m.IncidentID); unknown == nil && open != nil {
		went.rest = open.ID // made by a try that was not answered
		if joined := p.join(ctx, m, open); joined == nil || page.IsPermanent(joined) {
			return went.String(), joined
		}
	}
	if failed := p.event(ctx, "trigger", m.PageID, m); failed != nil {
		both := fmt.Errorf("%w; %w", err, failed)
		return went.String(), &page.Error{Retry: true, After: min(page.RetryAfter(err), page.RetryAfter(failed)), Err: both}
	}
	return went.with(m.PageID).String(), nil
}

// sooner is err, with another try no later than after left: what PagerDuty asks to wait for concerns one API.
func sooner(err error, left time.Duration) error {
	return &page.Error{Retry: true, After: min(page.RetryAfter(err), left), Err: err}
}

// tell passes on what has become of an incident, by all ways that it went.
func (p *Pager) tell(ctx context.Context, m page.Message, went ways) (string, error) {
	var failures []error
	for _, key := range went.keys {
		if failed := p.event(ctx, string(m.Kind), key, m); failed != nil {
			failures = append(failures, failed)
		}
	}
	if len(went.keys) == 0 || went.rest != "" || went.unclear {
		id, err := p.later(ctx, m)
		if err == nil {
			went.rest, went.unclear = id, false
		} else {
			went.rest = cmp.Or(id, went.rest)
			failures = append(failures, err)
		}
	}
	if len(failures) < 2 {
		return went.String(), errors.Join(failures...)
	}
	all := &page.Error{Err: errors.Join(failures...)}
	for _, err := range failures {
		if page.IsPermanent(err) {
			continue
		}
		after := page.RetryAfter(err)
		if all.Retry {
			after = min(after, all.After)
		}
		all.Retry, all.After = true, after // the other API keeps to its own pause
	}
	return went.String(), all
}

// Explain implements [page.Explainer].
func (p *Pager) Explain(m page.Message, providerID string) string {
	if m.Kind == page.KindTrigger && slices.Contains(parseWays(providerID).keys, m.PageID) {
		return "as an event to the catch-all service, because the REST API took nothing"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer delete(p.again, m.PageID)
	if p.again[m.PageID] {
		return "PagerDuty has it assigned to them already, and goes on telling them by their own rules"
	}
	return ""
}

// event sends one event. The kinds of message are the API's actions; an update is none.
func (p *Pager) event(ctx context.Context, action, key string, m page.Message) *failure {
	if m.Kind == page.KindUpdate {
		return nil
	}
	w := &wire{http: p.http, lane: p.events}
	client := api.NewClient("", api.WithV2EventsAPIEndpoint(p.config.EventsURL))
	client.HTTPClient = w
	e := &api.V2Event{RoutingKey: p.config.EventsKey, Action: action, DedupKey: key, Client: "nezuban", ClientURL: m.Link()}
	if action == "trigger" {
		e.Payload = payload(m)
	}
	taken, err := client.ManageEventWithContext(ctx, e)
	if err == nil && taken.DedupKey == "" && taken.Status == "" {
		err = errors.New("the answer names no event: found neither dedup_key nor status, expected them")
	}
	if err == nil {
		return nil
	}
	return p.refusedEvent(action+" "+key, w, err)
}

func payload(m page.Message) *api.V2Payload {
	severity := "warning"
	if m.Severity == incident.SeverityPage {
		severity = "critical"
	}
	var people []string
	for _, r := range m.People {
		people = append(people, page.Line(r.Person, nameMax))
	}
	summary := title(m)
	if len(people) > 0 {
		summary += " [for " + strings.Join(people, ", ") + "]"
	}
	return &api.V2Payload{
		Summary: page.Line(summary, summaryMax), Source: cmp.Or(page.Line(page.Where(m.Labels), titleMax), "nezuban"), Severity: severity,
		Class:   page.Line(m.Rule, nameMax),
		Details: map[string]string{"text": page.Lines(m.Text, page.TextMax), "incident": m.IncidentID, "page": m.PageID},
	}
}

// refusedEvent classifies an error of the Events API. Its own words are in the body, where the library does not look for
// them.
func (p *Pager) refusedEvent(what string, w *wire, err error) *failure {
	f := &failure{status: w.status, unsent: w.unsent}
	f.said.After = w.wait
	f.said.Retry = w.status < http.StatusMultipleChoices || attempt.Retryable(w.status)
	reason := w.readable(err).Error()
	var said struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	switch {
	case w.err != nil:
		f.said.Err = fmt.Errorf("pagerduty event %s: %w", what, w.err)
		return f
	case json.Unmarshal(w.body, &said) == nil && said.Message != "":
		reason = fmt.Sprintf("answered %d: %s", w.status, strings.Join(append([]string{said.Message}, said.Errors...), ": "))
	}
	f.said.Err = fmt.Errorf("pagerduty event %s: %s", what, page.Line(attempt.Hide(reason, p.config.EventsKey), reasonMax))
	return f
}
