package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

// failure is a request that did not succeed. A nil *failure is success.
type failure struct {
	said    page.Error
	unclear bool // it may have taken effect
	unread  bool // there was an answer, which cannot be read
}

// Error is the cause's text.
func (f *failure) Error() string { return f.said.Error() }

// Unwrap gives the callers of Page the [page.Error] that classifies it.
func (f *failure) Unwrap() error { return &f.said }

// passing are the refusals that may be over at the next try; those of broken are such that the request may have taken effect
// nevertheless. See https://docs.slack.dev/reference/methods/chat.postMessage
func passing() []string {
	return append(broken(), "ratelimited", "rate_limited", "message_limit_exceeded", "service_unavailable", "team_added_to_org")
}

func broken() []string { return []string{"internal_error", "fatal_error", "request_timeout"} }

// call makes one request: a GET with url.Values, else a POST of JSON. Slack answers 200 to what it refuses, too.
func (p *Pager) call(ctx context.Context, to page.Recipient, method string, arguments, into any) *failure {
	r, err := p.request(ctx, method, arguments)
	if err != nil {
		return p.failed(to, false, fmt.Errorf("%s: the base URL cannot be used: %w", method, err))
	}
	answer, err := p.http.Do(r)
	if err != nil {
		f := p.failed(to, true, fmt.Errorf("%s: %w", method, err))
		f.unclear = true
		return f
	}
	var said struct {
		OK     bool   `json:"ok"`
		Error  string `json:"error"`
		Needed string `json:"needed"` // scopes
	}
	if json.Unmarshal(answer.Body, &said) == nil && said.OK && answer.Status/100 == 2 && json.Unmarshal(answer.Body, into) == nil {
		return nil
	}
	unread := false
	reason, unclear := fmt.Errorf("%s: answered %d", method, answer.Status), attempt.Unclear(answer.Status) || slices.Contains(broken(), said.Error)
	switch {
	case said.Error != "" && said.Needed != "":
		reason = fmt.Errorf("%w, %q, needed: %q", reason, page.Line(said.Error, reasonMax), page.Line(said.Needed, reasonMax))
	case said.Error != "":
		reason = fmt.Errorf("%w, %q", reason, page.Line(said.Error, reasonMax))
	case answer.Status/100 == 2:
		reason, unclear, unread = fmt.Errorf("%w, which cannot be read", reason), true, true
	}
	f := p.failed(to, unclear || attempt.Retryable(answer.Status) || slices.Contains(passing(), said.Error), reason)
	f.said.After, f.unclear, f.unread = attempt.Wait(answer.Header, time.Now()), unclear, unread
	return f
}

func (p *Pager) request(ctx context.Context, method string, arguments any) (r *http.Request, err error) {
	address := p.config.BaseURL + "/" + method
	if query, ok := arguments.(url.Values); ok {
		r, err = http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), nil)
	} else {
		var body []byte
		if body, err = json.Marshal(arguments); err != nil {
			return nil, err
		}
		r, err = http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	}
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	r.Header.Set("Authorization", "Bearer "+p.config.Token)
	return r, nil
}

// failed words an error without the token and without the address.
func (p *Pager) failed(to page.Recipient, retry bool, err error) *failure {
	text := attempt.Hide(err.Error(), p.config.Token, to.Address)
	if text != err.Error() {
		err = fmt.Errorf("%s", text)
	}
	return &failure{said: page.Error{Retry: retry, Err: fmt.Errorf("slack to %s: %w", to.Person, err)}}
}
