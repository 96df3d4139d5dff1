// Package sms pages by text message through Twilio's REST API, or one that speaks the same wire.
//
// Repeat rule: looked up. Each message ends in its page id; before one that may have arrived is sent again, the recent
// messages to that number are searched for it.
//
// The router's app calls it through [page.Pager]; package twilio makes its requests. It never logs and puts no phone number
// into an error.
package sms

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
	"nezuban/router/internal/page/twilio"
)

const (
	resource = "Messages"
	recent   = "100" // messages that a look-up reads, newest first; Twilio's pages hold up to 1000
)

// Pager is the SMS channel. It is safe for concurrent use.
type Pager struct {
	from string
	api  *twilio.Client
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it does not speak to the provider yet.
func New(c twilio.Config) *Pager { return &Pager{from: c.From, api: twilio.NewClient("sms", c)} }

// Page implements [page.Pager]: one text message to one person. The provider's id is the message's. That it was accepted
// does not say that it has reached the phone.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	to, err := m.Only("sms", "number")
	if err != nil {
		return "", err
	}
	if m.Repeat {
		switch id, failed := p.lookUp(ctx, m, to); {
		case failed == nil && id != "":
			return id, nil
		case failed != nil && failed.Said.Retry:
			return "", failed
		}
		// Not there, or this account may not look: better twice, and saying so, than never.
	}
	id, failed := p.send(ctx, m, to)
	if failed == nil {
		return id, nil
	}
	if attempt.Unclear(failed.Status) {
		if id, unknown := p.lookUp(ctx, m, to); unknown == nil && id != "" {
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

func (p *Pager) send(ctx context.Context, m page.Message, to page.Recipient) (sid string, failed *twilio.Failure) {
	form := url.Values{"To": {to.Address}, "From": {p.from}, "Body": {Body(m)}}
	var made message
	if failed := p.api.Post(ctx, to, resource, form, &made); failed != nil {
		return "", failed
	}
	if made.lost() {
		code := "none"
		if made.ErrorCode != nil {
			code = fmt.Sprint(*made.ErrorCode)
		}
		return "", p.api.Failed(to, http.StatusCreated, false, fmt.Errorf("the provider took it and gave it up: status %q, code %s", made.Status, code))
	}
	if made.SID == "" {
		return "", p.api.Unnamed(to, "message")
	}
	return made.SID, nil
}

// lookUp returns the id of the message that carries m's page id; "" when there is none that may still arrive.
func (p *Pager) lookUp(ctx context.Context, m page.Message, to page.Recipient) (sid string, failed *twilio.Failure) {
	query := url.Values{"To": {to.Address}, "PageSize": {recent}}
	var list struct {
		Messages []message `json:"messages"`
	}
	if failed := p.api.Get(ctx, to, resource, query, &list); failed != nil {
		return "", failed
	}
	for _, sent := range list.Messages {
		if !sent.lost() && slices.Contains(strings.Fields(sent.Body), mark(m.PageID)) {
			return sent.SID, nil
		}
	}
	return "", nil
}
