// Package pagerduty pages through PagerDuty's REST API: one PagerDuty incident for one of ours. When that API takes nothing
// for a while, its Events API v2 raises an alert on a service of its own instead, see file events.go.
//
// Repeat rule: keyed. The incident_key is our incident's id, which PagerDuty holds to one open incident per service, the
// dedup_key of an event is the page's id; every later change sets an absolute state.
//
// The router's app calls it through [page.Pager]. It is the only package that knows go-pagerduty, which brings no
// deadlines, no rate limit, no error type for a lost connection, no headers beside an error and no text of the Events API's
// errors: files call.go and wire.go add them. It keeps no state but the pause that PagerDuty asked for, and never creates a
// second incident where one is known.
package pagerduty

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

const (
	publicURL = "https://api.pagerduty.com"
	titleMax  = 255 // characters

	// PagerDuty allows 960 requests a minute per key; the rest is left to whoever else uses it.
	perMinute = 900
	burst     = 30

	// The Events API takes about 120 events a minute per key.
	eventsPerMinute = 110
	eventsBurst     = 10
)

// The statuses of a PagerDuty incident.
const (
	statusTriggered    = "triggered"
	statusAcknowledged = "acknowledged"
	statusResolved     = "resolved"
)

// The urgencies of a PagerDuty incident.
const (
	urgencyHigh = "high"
	urgencyLow  = "low"
)

// Config is what a pager needs to know. BaseURL, EventsURL, EventsKey, HTTPClient and Timeout may be zero, nothing else.
type Config struct {
	BaseURL    string        // "" for PagerDuty's own; accounts in the EU have another
	Token      string        // REST API key; secret
	From       string        // e-mail address of a PagerDuty user that nobody is: it may never be assigned
	ServiceID  string        // the service on which incidents are created
	EventsURL  string        // "" for PagerDuty's own; accounts in the EU have another
	EventsKey  string        // integration key of the service that takes what the REST API does not; secret; "": there is none
	HTTPClient *http.Client  // its transport is used; nil: the default transport
	Timeout    time.Duration // of one request; 0: 5 s
}

// Pager is the PagerDuty channel. It is safe for concurrent use.
type Pager struct {
	config Config
	http   *attempt.Client
	rest   *lane
	events *lane

	mu    sync.Mutex
	own   map[string]bool // by user id: whether it is the one in whose name this router writes
	again map[string]bool // by page id: went to whom PagerDuty tells of it already; until it is explained
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it does not speak to PagerDuty yet.
func New(c Config) *Pager {
	if c.BaseURL == "" {
		c.BaseURL = publicURL
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.EventsURL = strings.TrimRight(cmp.Or(c.EventsURL, publicEventsURL), "/")
	return &Pager{
		config: c,
		http:   attempt.NewClient(c.HTTPClient, c.Timeout),
		rest:   newLane(perMinute, burst),
		events: newLane(eventsPerMinute, eventsBurst),
		own:    map[string]bool{},
		again:  map[string]bool{},
	}
}

// Page implements [page.Pager]. A trigger creates the incident or, where one is open, assigns it to the people named;
// an update sets its title. An acknowledgement or a resolve of what is no longer open at PagerDuty succeeds. The provider's
// id says by which ways the incident went, and what comes later goes by all of them.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	went := parseWays(m.ProviderID)
	m.ProviderID = went.rest
	switch m.Kind {
	case page.KindTrigger:
		return p.wake(ctx, m, went)
	case page.KindUpdate, page.KindAcknowledge, page.KindResolve:
		return p.tell(ctx, m, went)
	}
	return "", page.Permanent("pagerduty: unknown kind of message %q", m.Kind)
}

// later is what the REST API is told of an incident that is known.
func (p *Pager) later(ctx context.Context, m page.Message) (string, error) {
	switch m.Kind {
	case page.KindAcknowledge:
		return p.acknowledge(ctx, m)
	case page.KindResolve:
		return p.change(ctx, m, api.ManageIncidentsOptions{Status: statusResolved, Resolution: title(m)})
	case page.KindTrigger, page.KindUpdate:
	}
	return p.change(ctx, m, api.ManageIncidentsOptions{Title: title(m)})
}

// change applies a change to the open incident; that there is none, or that it is resolved already, is success.
func (p *Pager) change(ctx context.Context, m page.Message, to api.ManageIncidentsOptions) (string, error) {
	to.ID = m.ProviderID
	if to.ID == "" {
		open, failed := p.open(ctx, m.IncidentID)
		if failed != nil {
			return "", failed
		}
		if open == nil {
			return "", nil
		}
		to.ID = open.ID
	}
	if failed := p.manage(ctx, string(m.Kind)+" "+to.ID, p.config.From, to); failed != nil && failed.code != codeResolved {
		return to.ID, failed
	}
	return to.ID, nil
}

// acknowledge acknowledges in the name of the person who has it, because PagerDuty reassigns to whoever acknowledges.
// Only an incident that is open and not acknowledged is touched: the same request would reopen a resolved one.
func (p *Pager) acknowledge(ctx context.Context, m page.Message) (string, error) {
	open, failed := p.open(ctx, m.IncidentID)
	if failed != nil {
		return "", failed
	}
	if open == nil {
		return "", nil
	}
	if open.Status == statusAcknowledged {
		return open.ID, nil
	}
	from := p.config.From
	if len(m.People) > 0 && m.People[0].Address != "" {
		email, failed := p.email(ctx, m.People[0].Address)
		if failed != nil {
			return open.ID, failed
		}
		from = cmp.Or(email, from)
	}
	to := api.ManageIncidentsOptions{ID: open.ID, Status: statusAcknowledged}
	failed = p.manage(ctx, "acknowledge "+open.ID, from, to)
	if failed != nil && failed.code != codeResolved && failed.code != codeAcknowledged {
		return open.ID, failed
	}
	return open.ID, nil
}

// title is what PagerDuty reads out: what is the matter, and where.
func title(m page.Message) string {
	what, where := page.Line(m.Title, page.TitleMax), page.Where(m.Labels)
	if where != "" {
		what = fmt.Sprintf("%s (%s)", what, where)
	}
	return page.Line(what, titleMax)
}

// urgency is high for what wakes people.
func urgency(s incident.Severity) string {
	if s == incident.SeverityPage {
		return urgencyHigh
	}
	return urgencyLow
}
