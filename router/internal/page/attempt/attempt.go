// Package attempt makes one HTTP request to a provider of pages, within a deadline, and reads off the answer whether and
// when another one is worth it.
//
// The channels that speak HTTP use it, below package page. It never repeats a request, never follows a redirect (the
// credentials are meant for one host), and puts no address and no header into an error.
package attempt

import (
	"cmp"
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
)

const (
	// Timeout is how long one request may take unless configured otherwise, from the first byte out to the last byte in.
	Timeout = 5 * time.Second
	// WaitMax bounds how long a provider may ask to wait: a wrong header must not silence a channel.
	WaitMax = 5 * time.Minute

	answerMax       = 1 << 20 // bytes of an answer that are read
	keptConnections = 32      // to one host
)

// Client makes attempts. It is safe for concurrent use.
type Client struct {
	http    http.Client
	timeout time.Duration
}

// NewClient uses the transport, and nothing else, of an HTTP client; nil means one like the default. An attempt may take as
// long as timeout; 0 means [Timeout].
func NewClient(given *http.Client, timeout time.Duration) *Client {
	c := &Client{timeout: cmp.Or(timeout, Timeout)}
	if given != nil {
		c.http.Transport = given.Transport
	} else {
		c.http.Transport = transport()
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// transport is the default one, but for keeping a connection for each attempt that a channel may make at once: of the two
// that it would keep most attempts would dial anew.
func transport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = keptConnections
	return t
}

// Answer is what came back, all of it.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes one attempt. Any answer, whatever its status, is a success here.
func (c *Client) Do(r *http.Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), c.timeout)
	defer cancel()
	answer, err := c.http.Do(r.WithContext(ctx))
	if err != nil {
		return Answer{}, c.unanswered(ctx, r, err)
	}
	defer func() { _ = answer.Body.Close() }() // all that is needed of it has been read
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	if err != nil {
		return Answer{}, c.unanswered(ctx, r, err)
	}
	return Answer{Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}

// unanswered words an error without the request's address, which may hold a phone number.
func (c *Client) unanswered(ctx context.Context, r *http.Request, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if r.Context().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: no answer within %v: %w", r.Method, c.timeout, err)
	}
	return fmt.Errorf("%s: %w", r.Method, err)
}

// Retryable says whether a request that was answered by status may succeed later: 408, 429 and 5xx.
func Retryable(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// Unclear says whether a request that ended with status, 0 for no answer, may have taken effect nevertheless.
func Unclear(status int) bool {
	return status == 0 || status == http.StatusRequestTimeout || status >= http.StatusInternalServerError
}

// Wait is how long the answer's headers ask to wait: Retry-After (RFC 9110, seconds or a date), or else ratelimit-reset
// (seconds). It is 0 when they do not say or cannot be read, and at most [WaitMax].
func Wait(h http.Header, now time.Time) time.Duration {
	if after := h.Get("Retry-After"); after != "" {
		if d, ok := seconds(after); ok {
			return d
		}
		if at, err := http.ParseTime(after); err == nil {
			return min(max(at.Sub(now), 0), WaitMax)
		}
	}
	d, _ := seconds(h.Get("Ratelimit-Reset"))
	return d
}

func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	return time.Duration(min(n, int64(WaitMax/time.Second))) * time.Second, true
}

// Unread words an error of encoding/json without the types of the program: what an answer, or a part of it, is instead.
func Unread(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return err
	case wrong.Field == "":
		return fmt.Errorf("found a JSON %s, expected an object", wrong.Value)
	}
	return fmt.Errorf("found a JSON %s at %s, expected something else", wrong.Value, wrong.Field)
}

// Hide replaces each secret that a provider repeats in its answer.
func Hide(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[hidden]")
		}
	}
	return text
}
