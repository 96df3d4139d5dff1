// Package sms pages by text message through Twilio's REST API, or one that speaks the same wire.
//
// Repeat rule: looked up. Each message ends in its page id; before one that may have arrived is sent again, the recent
// messages to that number are searched for it.
//
// The router's app calls it through [page.Pager]. It speaks net/http and not twilio-go, which fixes the host (so that
// neither a compatible provider nor a test could be reached), reads its account from the environment, and would add some
// hundred packages for the two requests made here. It never logs and puts no phone number into an error.
package sms

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

const (
	publicURL = "https://api.twilio.com"
	recent    = "100" // messages that a look-up reads, newest first; Twilio's pages hold up to 1000
	reasonMax = 300   // characters of an error's text
)

// Config is what a pager needs to know. BaseURL, HTTPClient and Timeout may be zero, nothing else.
type Config struct {
	BaseURL    string        // "" for Twilio's own
	AccountSID string        // "AC…"
	AuthToken  string        // secret
	From       string        // the sending number, E.164, or a sender name
	HTTPClient *http.Client  // its transport is used; nil: the default transport
	Timeout    time.Duration // of one request; 0: 5 s
}

// Pager is the SMS channel. It is safe for concurrent use.
type Pager struct {
	config Config
	http   *attempt.Client
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it does not speak to the provider yet.
func New(c Config) *Pager {
	if c.BaseURL == "" {
		c.BaseURL = publicURL
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	return &Pager{config: c, http: attempt.NewClient(c.HTTPClient, c.Timeout)}
}

// Page implements [page.Pager]: one text message to one person. The provider's id is the message's. That it was accepted
// does not say that it has reached the phone.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	if len(m.People) != 1 {
		return "", page.Permanent("sms %s: for one person, found %d", m.PageID, len(m.People))
	}
	to := m.People[0]
	if to.Address == "" {
		return "", page.Permanent("sms %s: %s has no number in the contacts", m.PageID, to.Person)
	}
	if m.Repeat {
		switch id, failed := p.lookUp(ctx, m); {
		case failed == nil && id != "":
			return id, nil
		case failed != nil && failed.said.Retry:
			return "", failed
		}
		// Not there, or this account may not look: better twice, and saying so, than never.
	}
	id, failed := p.send(ctx, m)
	if failed == nil {
		return id, nil
	}
	if attempt.Unclear(failed.status) {
		if id, unknown := p.lookUp(ctx, m); unknown == nil && id != "" {
			return id, nil
		}
	}
	return "", failed
}

// message is a text message as Twilio describes it, as far as it matters here.
type message struct {
	SID       string `json:"sid"`
	Body      string `json:"body"`
	Status    string `json:"status"`
	ErrorCode *int   `json:"error_code"`
}

// lost says that the message will not arrive.
func (m message) lost() bool {
	return m.Status == "failed" || m.Status == "undelivered" || m.Status == "canceled"
}

func (p *Pager) send(ctx context.Context, m page.Message) (sid string, failed *failure) {
	form := url.Values{"To": {m.People[0].Address}, "From": {p.config.From}, "Body": {Body(m)}}
	var made message
	if failed := p.call(ctx, m, http.MethodPost, form, &made); failed != nil {
		return "", failed
	}
	if made.lost() {
		code := "none"
		if made.ErrorCode != nil {
			code = fmt.Sprint(*made.ErrorCode)
		}
		return "", p.failed(m, http.StatusCreated, false, fmt.Errorf("the provider took it and gave it up: status %q, code %s", made.Status, code))
	}
	return made.SID, nil
}

// lookUp returns the id of the message that carries m's page id; "" when there is none that may still arrive.
func (p *Pager) lookUp(ctx context.Context, m page.Message) (sid string, failed *failure) {
	query := url.Values{"To": {m.People[0].Address}, "PageSize": {recent}}
	var list struct {
		Messages []message `json:"messages"`
	}
	if failed := p.call(ctx, m, http.MethodGet, query, &list); failed != nil {
		return "", failed
	}
	for _, sent := range list.Messages {
		if !sent.lost() && slices.Contains(strings.Fields(sent.Body), mark(m.PageID)) {
			return sent.SID, nil
		}
	}
	return "", nil
}

// failure is a request that did not succeed. A nil *failure is success.
type failure struct {
	said   page.Error
	status int // of the answer; 0: there was none
}

// Error is the cause's text.
func (f *failure) Error() string { return f.said.Error() }

// Unwrap gives the callers of Page the [page.Error] that classifies it.
func (f *failure) Unwrap() error { return &f.said }

// call makes one request about messages and decodes its answer.
func (p *Pager) call(ctx context.Context, m page.Message, method string, values url.Values, into any) *failure {
	address := p.config.BaseURL + "/2010-04-01/Accounts/" + url.PathEscape(p.config.AccountSID) + "/Messages.json"
	var body io.Reader
	if method == http.MethodGet {
		address += "?" + values.Encode()
	} else {
		body = strings.NewReader(values.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return p.failed(m, 0, false, fmt.Errorf("the base URL cannot be used: %w", err))
	}
	r.SetBasicAuth(p.config.AccountSID, p.config.AuthToken)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := p.http.Do(r)
	if err != nil {
		return p.failed(m, 0, true, err)
	}
	if answer.Status/100 != 2 {
		f := p.failed(m, answer.Status, attempt.Retryable(answer.Status), refusal(answer))
		f.said.After = attempt.Wait(answer.Header, time.Now())
		return f
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return p.failed(m, 0, true, fmt.Errorf("%s: answer %d cannot be read: %w", method, answer.Status, err))
	}
	return nil
}

// failed words an error without the secret and without the phone number.
func (p *Pager) failed(m page.Message, status int, retry bool, err error) *failure {
	text := attempt.Hide(err.Error(), p.config.AuthToken, m.People[0].Address)
	if text != err.Error() {
		err = fmt.Errorf("%s", text)
	}
	return &failure{said: page.Error{Retry: retry, Err: fmt.Errorf("sms to %s: %w", m.People[0].Person, err)}, status: status}
}

// refusal is what an answer that is no success says. See https://www.twilio.com/docs/api/errors for the codes.
func refusal(answer attempt.Answer) error {
	var said struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer.Body, &said); err != nil || said.Message == "" {
		return fmt.Errorf("answered %d %s without a reason", answer.Status, http.StatusText(answer.Status))
	}
	return fmt.Errorf("answered %d, code %d: %q", answer.Status, said.Code, page.Line(said.Message, reasonMax))
}
