// Package webhook pages by posting JSON to a URL of the person's own, signed as the Standard Webhooks specification says
// (https://www.standardwebhooks.com), for which receivers find libraries in most languages.
//
// Repeat rule: keyed. The header webhook-id is the page id, the same for every try, by which a receiver tells a second one;
// the body says repeat too.
//
// The router's app calls it through [page.Pager]. The URL comes from the contacts, which are the operator's own: it may lead
// to a private address, and it may hold a secret, so that neither it nor its host is ever part of an error. A redirect is
// not followed. Signing is the standard library's; the tests verify it by the specification's own.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

// The length of a secret, in bytes, and how it is written.
const (
	secretMin    = 24
	secretMax    = 64
	secretPrefix = "whsec_"
)

// Secret is a key that the router and the receivers share.
type Secret struct{ key []byte }

// ParseSecret reads a secret as the specification writes it: "whsec_" and base64. The error does not repeat it.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < secretMin || len(key) > secretMax {
		return Secret{}, fmt.Errorf("expected %q and then %d to %d bytes in base64", secretPrefix, secretMin, secretMax)
	}
	return Secret{key}, nil
}

// String hides the secret from whatever prints it.
func (Secret) String() string { return "[hidden]" }

// GoString does the same.
func (s Secret) GoString() string { return s.String() }

// Config is what a pager needs to know. HTTPClient and Timeout may be zero.
type Config struct {
	Secrets    []Secret      // at least one; several while receivers change from one to the next: each signs
	HTTPClient *http.Client  // its transport is used; nil: the default transport
	Timeout    time.Duration // of one request; 0: 5 s
}

// Pager is the webhook channel. It is safe for concurrent use.
type Pager struct {
	secrets []Secret
	http    *attempt.Client
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it sends nothing yet.
func New(c Config) *Pager {
	return &Pager{secrets: c.Secrets, http: attempt.NewClient(c.HTTPClient, c.Timeout)}
}

// Page implements [page.Pager]: any answer of 2xx has taken the message. A webhook has no ids.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	to, err := m.Only("webhook", "URL")
	if err != nil {
		return "", err
	}
	now := time.Now()
	body, err := Body(m, now)
	if err != nil {
		return "", page.Permanent("webhook to %s: %w", to.Person, err)
	}
	r, err := request(ctx, to.Address, body)
	if err != nil {
		return "", page.Permanent("webhook to %s: %w", to.Person, err)
	}
	p.sign(r.Header, m.PageID, now, body)
	answer, err := p.http.Do(r)
	if err != nil {
		return "", &page.Error{Retry: true, Err: fmt.Errorf("webhook to %s: %s", to.Person, reason(err))}
	}
	if answer.Status/100 != 2 {
		// What the receiver says of it stays there: it may repeat the URL.
		return "", &page.Error{
			Retry: attempt.Retryable(answer.Status), After: attempt.Wait(answer.Header, time.Now()),
			Err: fmt.Errorf("webhook to %s: answered %d %s", to.Person, answer.Status, http.StatusText(answer.Status)),
		}
	}
	return "", nil
}

func request(ctx context.Context, address string, body []byte) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("its URL cannot be used")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("its URL cannot be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "nezuban-router")
	return r, nil
}

// sign adds the three headers of the specification.
func (p *Pager) sign(h http.Header, pageID string, now time.Time, body []byte) {
	id, at := page.Line(pageID, page.TitleMax), strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, s := range p.secrets {
		mac := hmac.New(sha256.New, s.key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", at)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
}

// reason words why there was no answer, in words of ours alone: those of the network name the host.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "stopped"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name of its host cannot be looked up"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of its host is not to be trusted"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection ended before the answer did"
	}
	return "the request failed"
}
