package pagerduty

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

// SignatureHeader is where PagerDuty signs a webhook (v3).
const SignatureHeader = "X-PagerDuty-Signature"

// The types of event that say what somebody did in PagerDuty.
const (
	EventAcknowledged   = "incident.acknowledged"
	EventUnacknowledged = "incident.unacknowledged" // its snooze or its acknowledgement is over, mostly by time
	EventResolved       = "incident.resolved"
	EventReopened       = "incident.reopened"
	EventReassigned     = "incident.reassigned"
	EventDelegated      = "incident.delegated" // given to another escalation policy
	EventEscalated      = "incident.escalated" // to the next level, by somebody or by time
)

// Agent is who did something in PagerDuty.
type Agent struct {
	ID   string // of a user, a service, an integration
	Name string // for people, one line
	User bool   // it is a person, or the user in whose name this router writes
}

// Event is one webhook.
type Event struct {
	ID         string // the same when it is delivered again
	Type       string
	At         time.Time // when it happened, by PagerDuty's clock
	By         Agent
	IncidentID string   // PagerDuty's
	Key        string   // incident_key, or the dedup_key of an event
	Assignees  []string // user ids, now
}

// signature lengths and prefix, see https://developer.pagerduty.com/docs/webhooks/webhook-signatures
const signaturePrefix = "v1="

// Signed reports whether one of the signatures in the header was made over body with one of the secrets: there are several
// on either side while one secret replaces another. It takes as long whichever it is. The library's own check reads a
// request with one secret, and calls a body that it has cut off badly signed.
func Signed(secrets []string, header string, body []byte) bool {
	good := false
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		want := mac.Sum(nil)
		for given := range strings.SplitSeq(header, ",") {
			text, v1 := strings.CutPrefix(strings.TrimSpace(given), signaturePrefix)
			raw, err := hex.DecodeString(text)
			if v1 && err == nil && hmac.Equal(raw, want) && secret != "" {
				good = true
			}
		}
	}
	return good
}

// ParseEvent reads the body of a webhook. What it does not know of it is left out; an event of another kind comes back
// with its type alone.
func ParseEvent(body []byte) (Event, error) {
	var in struct {
		Event *struct {
			ID         string    `json:"id"`
			Type       string    `json:"event_type"`
			OccurredAt time.Time `json:"occurred_at"`
			Agent      *refIn    `json:"agent"`
			Data       struct {
				ID        string  `json:"id"`
				Key       string  `json:"incident_key"`
				Assignees []refIn `json:"assignees"`
			} `json:"data"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Event{}, fmt.Errorf("read a webhook of pagerduty: %w", attempt.Unread(err))
	}
	if in.Event == nil || in.Event.Type == "" {
		return Event{}, errors.New("read a webhook of pagerduty: found no event_type")
	}
	e := Event{
		ID: in.Event.ID, Type: in.Event.Type, At: in.Event.OccurredAt, By: in.Event.Agent.agent(),
		IncidentID: in.Event.Data.ID, Key: in.Event.Data.Key,
	}
	for _, a := range in.Event.Data.Assignees {
		e.Assignees = append(e.Assignees, a.ID)
	}
	return e, nil
}

type refIn struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Summary string `json:"summary"`
}

func (r *refIn) agent() Agent {
	if r == nil {
		return Agent{}
	}
	return agent(r.ID, r.Type, r.Summary)
}

// nameMax bounds what PagerDuty calls somebody, in characters.
const nameMax = 100

func agent(id, kind, name string) Agent {
	return Agent{ID: id, Name: page.Line(name, nameMax), User: kind == "user_reference" || kind == "user"}
}
