package deadman

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	requestTimeout = 10 * time.Second
	maxAsked       = 10 * time.Minute // a wrong header must not silence the switch
	maxAnswerBytes = 300              // of what a receiver says with a refusal
	maxText        = 300              // bytes of a text from outside
)

// event is the body of a message, to PagerDuty and to a webhook alike; the latter has no routing key. See
// https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
type event struct {
	RoutingKey string   `json:"routing_key,omitempty"`
	Action     Action   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Client     string   `json:"client"`
	Payload    *payload `json:"payload,omitempty"` // of a trigger
}

type payload struct {
	Summary   string    `json:"summary"`
	Source    string    `json:"source"`
	Severity  string    `json:"severity"`
	Timestamp time.Time `json:"timestamp"`
	Component string    `json:"component"`
	Class     string    `json:"class"`
	Details   details   `json:"custom_details"`
}

type details struct {
	Output    string    `json:"output"`
	Since     time.Time `json:"since"`
	LastError string    `json:"last_error"`
}

// message words an action.
func (c Config) message(action Action, since time.Time, e Evidence, now time.Time) event {
	said := event{RoutingKey: c.RoutingKey, Action: action, DedupKey: Key, Client: c.Program + " on " + clean(c.Source)}
	if action != Trigger {
		return said
	}
	said.Payload = &payload{
		Summary: fmt.Sprintf("nezuban-router accepts nothing: %s on %s has not got anything through for %s (%s)",
			c.Program, clean(c.Source), now.Sub(since).Round(time.Second), e.Reason),
		Source: clean(c.Source), Severity: "critical", Timestamp: now.UTC(), Component: "nezuban-router", Class: "dead man's switch",
		Details: details{Output: clean(c.Output), Since: since.UTC(), LastError: e.Reason},
	}
	return said
}

// refusal is a message that was not taken.
type refusal struct {
	err   error
	after time.Duration // how long the receiver asks to wait, or more after one that will be refused again
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// send makes one request. Errors name neither the address, which may hold a token, nor the routing key.
func (c Config) send(ctx context.Context, client *http.Client, said event, now time.Time) error {
	body, err := json.Marshal(said)
	if err != nil {
		return fmt.Errorf("tell the dead man's switch: %w", err)
	}
	to := c.WebhookURL
	if to == "" {
		to = strings.TrimRight(c.EventsURL, "/") + "/v2/enqueue"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return errors.New("tell the dead man's switch: its address cannot be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", c.Program)
	answer, err := client.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return fmt.Errorf("tell the dead man's switch: %w", err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes)) // what came is enough
	if answer.StatusCode/100 == 2 {
		return nil
	}
	words := clean(string(text))
	if c.RoutingKey != "" {
		words = strings.ReplaceAll(words, c.RoutingKey, "[hidden]")
	}
	refused := &refusal{err: fmt.Errorf("tell the dead man's switch: answered %d: %q", answer.StatusCode, words)}
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= http.StatusInternalServerError:
		refused.after = asked(answer.Header, now)
	default:
		refused.after = lastPause // asked the same way it will be refused again
	}
	return refused
}

// clean makes one bounded line of a text from outside.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// asked is how long the headers ask to wait: Retry-After (RFC 9110, seconds or a date); 0 when they do not say.
func asked(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(maxAsked/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxAsked)
	}
	return 0
}
