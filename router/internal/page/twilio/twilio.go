// Package twilio makes the requests of the channels that reach a telephone through Twilio's REST API of 2010-04-01, or
// through a provider that speaks the same wire, and says what their answers mean.
//
// Packages sms and call use it. It speaks net/http and not twilio-go, which fixes the host (so that neither a compatible
// provider nor a test could be reached), reads its account from the environment, and would add some hundred packages for
// the few requests made here. It makes each request once, never logs, and puts no secret and no phone number into an error.
package twilio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

const (
	publicURL = "https://api.twilio.com"
	reasonMax = 300 // characters of an error's text
)

// Config is one account. BaseURL, HTTPClient and Timeout may be zero, nothing else.
type Config struct {
	BaseURL    string        // "" for Twilio's own
	AccountSID string        // "AC…"
	AuthToken  string        // secret
	From       string        // the number that messages or calls come from, E.164; of a message also a sender name
	HTTPClient *http.Client  // its transport is used; nil: the default transport
	Timeout    time.Duration // of one request; 0: 5 s
}

// Client makes requests for one channel. It is safe for concurrent use.
type Client struct {
	channel string // begins its errors
	config  Config
	http    *attempt.Client
}

// NewClient makes a client; it does not speak to the provider yet.
func NewClient(channel string, c Config) *Client {
	if c.BaseURL == "" {
		c.BaseURL = publicURL
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	return &Client{channel: channel, config: c, http: attempt.NewClient(c.HTTPClient, c.Timeout)}
}

// Failure is a request that did not succeed. A nil *Failure is success.
type Failure struct {
	Said   page.Error
	Status int // of the answer; 0: there was none
	Code   int // Twilio's own, see https://www.twilio.com/docs/api/errors; 0: none was given
}

// Error is the cause's text.
func (f *Failure) Error() string { return f.Said.Error() }

// Unwrap gives the callers of Page the [page.Error] that classifies it.
func (f *Failure) Unwrap() error { return &f.Said }

// Get reads a resource of the account, such as "Messages", for a message to somebody, and decodes the answer.
func (c *Client) Get(ctx context.Context, to page.Recipient, resource string, query url.Values, into any) *Failure {
	return c.call(ctx, to, http.MethodGet, resource, query, into)
}

// Post makes or changes a resource of the account, and decodes the answer.
func (c *Client) Post(ctx context.Context, to page.Recipient, resource string, form url.Values, into any) *Failure {
	return c.call(ctx, to, http.MethodPost, resource, form, into)
}

func (c *Client) call(ctx context.Context, to page.Recipient, method, resource string, values url.Values, into any) *Failure {
	address := c.config.BaseURL + "/2010-04-01/Accounts/" + url.PathEscape(c.config.AccountSID) + "/" + resource + ".json"
	var body io.Reader
	if method == http.MethodGet {
		address += "?" + values.Encode()
	} else {
		body = strings.NewReader(values.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return c.Failed(to, 0, false, fmt.Errorf("the base URL cannot be used: %w", err))
	}
	r.SetBasicAuth(c.config.AccountSID, c.config.AuthToken)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return c.Failed(to, 0, true, err)
	}
	if answer.Status/100 != 2 {
		code, reason := refusal(answer)
		f := c.Failed(to, answer.Status, attempt.Retryable(answer.Status), reason)
		f.Code = code
		f.Said.After = attempt.Wait(answer.Header, time.Now())
		return f
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return c.Failed(to, 0, true, fmt.Errorf("%s: answer %d cannot be read: %w", method, answer.Status, attempt.Unread(err)))
	}
	return nil
}

// Failed words an error without the secret and without the phone number.
func (c *Client) Failed(to page.Recipient, status int, retry bool, err error) *Failure {
	text := attempt.Hide(err.Error(), c.config.AuthToken, to.Address)
	if text != err.Error() {
		err = fmt.Errorf("%s", text)
	}
	return &Failure{Said: page.Error{Retry: retry, Err: fmt.Errorf("%s to %s: %w", c.channel, to.Person, err)}, Status: status}
}

// Unnamed is the failure of a request that was answered as if it had succeeded, by an answer that does not say what was made:
// something between may have given it.
func (c *Client) Unnamed(to page.Recipient, what string) *Failure {
	return c.Failed(to, 0, true, fmt.Errorf("POST: the answer names no %s: found no sid, expected that of the %s", what, what))
}

// refusal is what an answer that is no success says.
func refusal(answer attempt.Answer) (code int, reason error) {
	var said struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer.Body, &said); err != nil || said.Message == "" {
		return 0, fmt.Errorf("answered %d %s without a reason", answer.Status, http.StatusText(answer.Status))
	}
	return said.Code, fmt.Errorf("answered %d, code %d: %q", answer.Status, said.Code, page.Line(said.Message, reasonMax))
}
