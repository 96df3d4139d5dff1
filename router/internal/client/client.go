// Package client speaks the router's own API for the commands of nezuban-router that ask a running one, and words
// incidents, silences and versions for a terminal.
//
// The router's main calls it; the running router never does. Errors are for the person at the terminal: they name
// the URL and what can be done, and never hold the token.
package client

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

	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
	"nezuban/router/internal/web"
)

// ErrUnknown is returned for an incident that does not exist or is not open any more, for such a silence, and for a host that
// no rule knows.
var ErrUnknown = errors.New("the router does not know it, or it is over already")

// Bounds of a reply, in bytes.
const (
	maxReply  = 64 << 20
	maxBackup = 1 << 30
)

// Client asks one router. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client of the router at base, such as http://127.0.0.1:17070, that bears the token.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("router URL %q: expected something like http://127.0.0.1:17070", base)
	}
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, http: &http.Client{
		Timeout: 30 * time.Second,
		// A redirect would carry an act into a place that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// closedAtOnce is how many closed incidents are asked for at once.
const closedAtOnce = 500

// Incidents lists the open incidents, most urgent first, and so many of the closed ones, those that were opened last. It
// needs a read token.
func (c *Client) Incidents(ctx context.Context, closed int) ([]reach.Listed, error) {
	var all []reach.Listed
	known := map[string]bool{}
	for before := ""; ; {
		some := min(closed, closedAtOnce)
		path := "/api/v1/incidents?closed=" + strconv.Itoa(some) + "&before=" + url.QueryEscape(before)
		var reply struct{ Incidents []reach.Listed }
		if err := c.do(ctx, http.MethodGet, path, nil, &reply); err != nil {
			return nil, fmt.Errorf("list incidents: %w", err)
		}
		found := 0
		for _, inc := range reply.Incidents {
			if !known[inc.ID] { // else it was open when the first were asked for, and is over since
				all = append(all, inc)
			}
			known[inc.ID] = true
			if inc.State == incident.Resolved {
				found++
				if before == "" || inc.ID < before {
					before = inc.ID
				}
			}
		}
		if closed -= found; closed <= 0 || found < some {
			return all, nil
		}
	}
}

// Incident is one incident, open or closed. It needs a read token.
func (c *Client) Incident(ctx context.Context, id string) (incident.Incident, error) {
	var reply struct{ Incident incident.Incident }
	if err := c.do(ctx, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(id), nil, &reply); err != nil {
		return incident.Incident{}, fmt.Errorf("show incident %q: %w", id, err)
	}
	return reply.Incident, nil
}

// Acknowledge takes an incident in the name of `by`, and says from whom. It needs an act token.
func (c *Client) Acknowledge(ctx context.Context, id, by, note string) (web.Acted, error) {
	return c.act(ctx, "ack", id, by, note)
}

// Resolve says, in the name of `by`, that an incident is over, and returns what goes on of it. It needs an act token.
func (c *Client) Resolve(ctx context.Context, id, by, note string) (web.Acted, error) {
	return c.act(ctx, "resolve", id, by, note)
}

func (c *Client) act(ctx context.Context, verb, id, by, note string) (web.Acted, error) {
	return c.change(ctx, verb, id, map[string]any{"by": by, "note": note})
}

func (c *Client) change(ctx context.Context, verb, id string, body map[string]any) (done web.Acted, err error) {
	path := "/api/v1/incidents/" + url.PathEscape(id) + "/" + verb
	if err := c.do(ctx, http.MethodPost, path, body, &done); err != nil {
		return done, fmt.Errorf("%s incident %q: %w", verb, id, err)
	}
	return done, nil
}

// Snooze says, in the name of `by`, that an incident shall not be heard of until a time. It needs an act token.
func (c *Client) Snooze(ctx context.Context, id, by, note string, until time.Time) (web.Acted, error) {
	return c.change(ctx, "snooze", id, map[string]any{"by": by, "note": note, "until": until})
}

// Reassign gives an incident to somebody else, in the name of `by`. It needs an act token.
func (c *Client) Reassign(ctx context.Context, id, by, to, note string) (web.Acted, error) {
	return c.change(ctx, "reassign", id, map[string]any{"by": by, "to": to, "note": note})
}

// Note writes a remark of `by` into an incident's timeline. It needs an act token.
func (c *Client) Note(ctx context.Context, id, by, text string) (web.Acted, error) {
	return c.change(ctx, "note", id, map[string]any{"by": by, "note": text})
}

// Page opens an incident in the name of `by` and returns its id. The key is the caller's own: asked again with the same
// one, the router opens no second incident, and says so. It needs an act token.
func (c *Client) Page(ctx context.Context, key, by, summary, severity string, labels map[string]string) (reply web.Opened, err error) {
	body := map[string]any{"key": key, "by": by, "summary": summary, "severity": severity, "labels": labels}
	if err := c.do(ctx, http.MethodPost, "/api/v1/incidents", body, &reply); err != nil {
		return reply, fmt.Errorf("open an incident: %w", err)
	}
	return reply, nil
}

// Forget says that a host has gone for good: nothing is said about it until it is seen again. It needs an act token.
func (c *Client) Forget(ctx context.Context, host string) error {
	if err := c.do(ctx, http.MethodPost, "/api/v1/hosts/"+url.PathEscape(host)+"/forget", struct{}{}, nil); err != nil {
		return fmt.Errorf("forget host %q: %w", host, err)
	}
	return nil
}

// SignInLink is a single-use link that signs a browser in as person, and what is odd about that. It needs an act token.
func (c *Client) SignInLink(ctx context.Context, person string) (link string, warnings []string, err error) {
	var reply web.Invited
	if err := c.do(ctx, http.MethodPost, "/api/v1/signin", map[string]string{"person": person}, &reply); err != nil {
		return "", nil, fmt.Errorf("make sign-in link for %q: %w", person, err)
	}
	return c.base + reply.Path, reply.Warnings, nil
}

// Backup is the router's whole state in the form of a backup. It needs an act token.
func (c *Client) Backup(ctx context.Context) ([]byte, error) {
	data, err := c.ask(ctx, http.MethodGet, "/api/v1/state", nil, maxBackup)
	if err != nil {
		return nil, fmt.Errorf("back the state up: %w", err)
	}
	return data, nil
}

// do sends body, if there is one, as JSON and decodes the reply into reply, if it is not nil.
func (c *Client) do(ctx context.Context, method, path string, body, reply any) error {
	data, err := c.ask(ctx, method, path, body, maxReply)
	if err != nil || reply == nil {
		return err
	}
	if err := json.Unmarshal(data, reply); err != nil {
		return fmt.Errorf("read reply of router %s: %w", c.base, err)
	}
	return nil
}

// ask sends body, if there is one, as JSON and returns the reply, of at most limit bytes.
func (c *Client) ask(ctx context.Context, method, path string, body any, limit int64) ([]byte, error) {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &sent)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("router %s not reached, is it running? %w", c.base, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("found more than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read reply of router %s: %w", c.base, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.refusal(resp.StatusCode, data)
	}
	return data, nil
}

// refusal words an answer other than 200.
func (c *Client) refusal(status int, data []byte) error {
	var said struct{ Code, Message string }
	known := json.Unmarshal(data, &said) == nil
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("router %s refused the token: it must be one of this router's, of kind read to look, and act to change or to back up", c.base)
	case http.StatusForbidden:
		return fmt.Errorf("router %s does not go by this host name: name it in the router's configuration, or use another URL", c.base)
	case http.StatusNotFound:
		if known && said.Code == web.CodeNoVersion {
			return errors.New(printable(said.Message))
		}
		return ErrUnknown
	case http.StatusBadRequest:
		if known && said.Message != "" {
			return errors.New(printable(said.Message)) // of what was asked, not of the router
		}
	}
	if !known || said.Message == "" {
		said.Message = http.StatusText(status)
	}
	return fmt.Errorf("router %s answered %d: %s", c.base, status, printable(said.Message))
}
