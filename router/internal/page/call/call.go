// Package call pages by a telephone call through Twilio's REST API, or one that speaks the same wire.
//
// Repeat rule: marked. A call that may have been made already is made again and says so. The list of calls tells apart
// neither two pages to one number nor their repeats: to look there could take the one for the other and call nobody.
//
// The router's app calls it through [page.Pager]; package twilio makes its requests. A call is made for triggers alone:
// nobody is rung up to hear that it is over. That the phone was answered, by a person or a machine, acknowledges nothing.
package call

import (
	"context"
	"net/http"
	"net/url"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/twilio"
)

const (
	resource = "Calls"

	// The code for a change that the state of the call does not allow: it is not ringing any more.
	// See https://www.twilio.com/docs/api/errors/21220
	codeNotRinging = 21220
)

// Config is the account, and where its provider says which key was pressed.
type Config struct {
	twilio.Config

	// Answer is the URL to which the provider posts the key that is pressed during the call of a message; its handler
	// checks the provider's signature and acknowledges. Nil or "": the call only speaks, and says that no key helps.
	Answer func(m page.Message) string
}

// Pager is the call channel. It is safe for concurrent use.
type Pager struct {
	from   string
	answer func(m page.Message) string
	api    *twilio.Client
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it does not speak to the provider yet.
func New(c Config) *Pager {
	if c.Answer == nil {
		c.Answer = func(page.Message) string { return "" }
	}
	return &Pager{from: c.From, answer: c.Answer, api: twilio.NewClient("call", c.Config)}
}

// Page implements [page.Pager]: a trigger calls one person, an acknowledgement and a resolve stop a phone that still
// rings, an update does nothing. The provider's id is the call's. That it was accepted does not say that the phone rang.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	switch m.Kind {
	case page.KindTrigger:
		return p.ring(ctx, m)
	case page.KindUpdate:
		return m.ProviderID, nil
	case page.KindAcknowledge, page.KindResolve:
		return p.stop(ctx, m)
	}
	return "", page.Permanent("call: unknown kind of message %q", m.Kind)
}

func (p *Pager) ring(ctx context.Context, m page.Message) (sid string, err error) {
	to, err := m.Only("call", "number")
	if err != nil {
		return "", err
	}
	var made struct {
		SID string `json:"sid"`
	}
	form := url.Values{"To": {to.Address}, "From": {p.from}, "Twiml": {Speech(m, p.answer(m))}}
	if failed := p.api.Post(ctx, to, resource, form, &made); failed != nil {
		return "", failed
	}
	if made.SID == "" {
		return "", p.api.Unnamed(to, "call")
	}
	return made.SID, nil
}

// Explain implements [page.Explainer].
func (p *Pager) Explain(m page.Message, _ string) string {
	if m.Kind == page.KindTrigger {
		return ""
	}
	return "nobody is called for that, and a phone that still rings stops"
}

// stop ends the call while the phone rings. One that is being listened to goes on, and one that is over is left alone.
func (p *Pager) stop(ctx context.Context, m page.Message) (sid string, err error) {
	if m.ProviderID == "" {
		return "", nil
	}
	to := page.Recipient{Person: "somebody"}
	if len(m.People) > 0 {
		to = m.People[0]
	}
	var changed struct{}
	failed := p.api.Post(ctx, to, resource+"/"+url.PathEscape(m.ProviderID), url.Values{"Status": {"canceled"}}, &changed)
	if failed != nil && failed.Code != codeNotRinging && failed.Status != http.StatusNotFound {
		return m.ProviderID, failed
	}
	return m.ProviderID, nil
}
