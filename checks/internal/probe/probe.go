// Package probe makes one request of a check and says what came of it.
//
// The app calls it, from many goroutines. Each request has a connection of its own, because a kept one would hide
// what a new visitor meets: the name lookup, the connect and the handshake. It speaks HTTP/1.1, uses no proxy, follows
// no redirect (the check's status sees the 3xx itself) and keeps no cookie. It never repeats a request, never decides
// whether a target is down, and never writes anything.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"nezuban/checks/check"
)

// MaxBodyBytes is how much of a response's body is read; the rest is left with the server.
const MaxBodyBytes = 64 << 10

const maxHeaderBytes = 64 << 10

// Options say where a Prober stands.
type Options struct {
	Location  string           // name of this location, for its results
	UserAgent string           // of the requests
	Now       func() time.Time // the clock, with monotonic readings; required

	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // nil: the system's
}

// Prober makes the requests of one location. It is safe for concurrent use.
type Prober struct {
	location  string
	userAgent string
	now       func() time.Time
	transport *http.Transport
}

// New makes a Prober. It holds no connections between requests, so there is nothing to close.
func New(opts Options) *Prober {
	dialer := boundDialer{net.Dialer{Resolver: opts.Resolver, KeepAlive: -1}}
	return &Prober{
		location:  opts.Location,
		userAgent: opts.UserAgent,
		now:       opts.Now,
		transport: &http.Transport{
			DialContext:            dialer.dial,
			TLSClientConfig:        &tls.Config{RootCAs: opts.RootCAs},
			DisableKeepAlives:      true,
			DisableCompression:     true, // bytes are counted as sent, and nobody unpacks a bomb
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
	}
}

// Probe makes the request of c and returns what came of it, at the latest after c.Timeout. A failure of the target, or
// of this location, is a result. The error is that of ctx, when ctx ended before the request did: then nothing was
// learned, and the result is not to be used. The result goes on to [check.Result.Point].
func (p *Prober) Probe(ctx context.Context, c check.Check) (check.Result, error) {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	t := &trace{now: p.now, start: p.now()}
	limited = httptrace.WithClientTrace(limited, t.hooks())
	r := check.Result{Check: c.Name, Location: p.location, URL: c.URL, Method: c.Method, Time: t.start}

	err := p.exchange(limited, c, t, &r)
	if ctx.Err() != nil {
		return check.Result{}, fmt.Errorf("probe %s: %w", c.Name, context.Cause(ctx))
	}
	if err != nil && limited.Err() != nil {
		err = limited.Err() // not that we closed the connection because of it
	}
	r.Phases = t.phases()
	switch {
	case r.StatusCode == 0:
		failed(&r, err, t, c.Timeout)
	case !r.StatusMatch:
		r.Outcome = check.StatusMismatch
		r.Error = fmt.Sprintf("status %d, expected %s", r.StatusCode, c.Status)
	case err != nil:
		r.Outcome = check.BodyReadError
		r.Error = oneLine(fmt.Sprintf("after %d bytes of the body: %s", r.BodyBytes, reason(err, c.Timeout)))
	default:
		r.Outcome = check.Success
	}
	return r, nil
}

// exchange sends the request and reads the response into r, as far as it comes.
func (p *Prober) exchange(ctx context.Context, c check.Check, t *trace, r *check.Result) error {
	request, err := http.NewRequestWithContext(binding(ctx), c.Method, c.URL, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", p.userAgent)
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	r.ResponseTime = p.now().Sub(t.start)
	r.StatusCode = response.StatusCode
	r.StatusMatch = c.Status.Contains(response.StatusCode)
	r.BodyBytes, err = io.CopyN(io.Discard, response.Body, MaxBodyBytes)
	t.end()
	if errors.Is(err, io.EOF) {
		return nil // the whole body, shorter than the limit
	}
	return err
}
