// Package page says what a message to a person is, and what a channel that delivers it must do. The router's app
// takes messages from the outbox and hands each to the [Pager] of its channel; the packages below this one, one per
// channel, speak to the providers.
//
// A pager never decides who is paged or when, never writes to the store, and never retries on its own: it makes one
// try and says, by [Error], whether and when another is worth it. Each channel's package states in one line how it
// treats a message that may have arrived already: keyed (the provider knows the key and refuses a second), looked up
// (asked for before it is sent again), or marked (sent again, saying so).
package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"nezuban/router/internal/incident"
)

// Kind says what has become of the incident that a message is about.
type Kind string

// The kinds of message.
const (
	KindTrigger     Kind = "trigger"     // wake the people named; also each later step of the escalation
	KindUpdate      Kind = "update"      // more is known about an open incident
	KindAcknowledge Kind = "acknowledge" // somebody has it
	KindResolve     Kind = "resolve"     // it is over
)

// Word is the kind as people read it: TRIGGERED, UPDATED, ACKNOWLEDGED, RESOLVED. An unknown kind is given in quotes.
func (k Kind) Word() string {
	switch k {
	case KindTrigger:
		return "TRIGGERED"
	case KindUpdate:
		return "UPDATED"
	case KindAcknowledge:
		return "ACKNOWLEDGED"
	case KindResolve:
		return "RESOLVED"
	}
	return fmt.Sprintf("%q", string(k))
}

// Message is one message of one incident to one destination, composed from its outbox row when it is about to be sent.
type Message struct {
	Kind       Kind
	IncidentID string            // PagerDuty's incident_key
	PageID     string            // the same for every try of this message
	People     []Recipient       // whom it goes to; at least one for a trigger; more than one only for PagerDuty, where those of an acknowledgement are who has it
	Title      string            // one line, see [Words]
	Text       string            // several lines, see [Words]
	Rule       string            // id of the rule that opened the incident
	Severity   incident.Severity // page wakes; ticket is sent with low urgency
	Labels     map[string]string // of the incident's first alert
	Why        string            // why this person: `step 1 of policy api: on call for api until …`
	URL        string            // of the incident in the console; opening it changes nothing
	AckURL     string            // where the person named can acknowledge it; opening it changes nothing; "" for nowhere
	Runbook    string            // URL of what to do; "" for none
	Source     string            // URL of what the alert comes from, such as a graph; "" for none
	Code       string            // what "ack CODE" in an answer acknowledges; "" where answers are not read
	Repeat     bool              // an earlier try of this message may have arrived: set on every try after one that did not end cleanly
	Failing    time.Duration     // how long tries of this message have failed; 0 for the first
	ProviderID string            // what Page returned for an earlier message of this incident on this channel; "" if none is known
}

// Recipient is a person as a channel reaches them.
type Recipient struct {
	Person  string // name in the rotation file
	Address string // from the contacts: PagerDuty user id, phone number; "" for the terminal
}

// Only is the one person whom a message names, for a channel that reaches one at a time. What the contacts hold for the
// channel, such as "number", is named by the error when it is missing. The error is permanent.
func (m Message) Only(channel, address string) (Recipient, error) {
	if len(m.People) != 1 {
		return Recipient{}, Permanent("%s %s: for one person, found %d", channel, m.PageID, len(m.People))
	}
	to := m.People[0]
	if to.Address == "" {
		return Recipient{}, Permanent("%s %s: %s has no %s in the contacts", channel, m.PageID, to.Person, address)
	}
	return to, nil
}

// Link is where a message leads, if a browser could be sent there: where its receiver can acknowledge, else where the
// incident is shown; else "".
func (m Message) Link() string {
	u, err := url.Parse(cmp.Or(m.AckURL, m.URL))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return u.String()
}

// Pager delivers messages on one channel. Implementations are safe for concurrent use.
type Pager interface {
	// Page makes one try to deliver m and returns when the provider has accepted it or has not. It takes no longer
	// than ctx allows, and bounds each request by a deadline of its own.
	//
	// providerID is what the provider calls the incident or message. It is set even beside an error when something
	// was made there. An empty one with a nil error, on a channel that has ids, says that the provider had nothing
	// open to update, acknowledge or resolve.
	//
	// An error that is an [Error] says whether to try again; any other is worth another try with the caller's backoff.
	Page(ctx context.Context, m Message) (providerID string, err error)
}

// Explainer is a Pager with several ways to deliver a message, or with none for some kinds.
type Explainer interface {
	Pager
	// Explain says by which way a message went, by what Page returned for it, in words for its incident's timeline; "" when
	// there is nothing to say.
	Explain(m Message, providerID string) string
}

// Error is a failed try, classified once for all channels.
type Error struct {
	Retry bool          // the same message may succeed later; false: go on to the person's next channel
	After time.Duration // the provider asked to wait this long; 0: it did not say, use backoff
	Err   error         // never nil, and never holds a secret
}

// Error is the cause's text.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent makes an error of which no other try is worth it. The format is that of [fmt.Errorf].
func Permanent(format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...)}
}

// IsPermanent says whether err is one for which trying the same message again is useless. Nil is not.
func IsPermanent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && !e.Retry
}

// RetryAfter is how long the provider asked to wait before the next try; 0 when it did not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok && e.Retry {
		return e.After
	}
	return 0
}
