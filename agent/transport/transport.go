package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/tlsfile"
)

// Bounds of one connection's beginning.
const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
)

// Transport carries requests by Options. When one of its files has changed, requests that begin [tlsfile.LookEvery] later go
// over new connections, by the new contents; contents that cannot be used leave the last good ones in force. It is safe for
// concurrent use.
type Transport struct {
	options     Options
	proxy       func(*http.Request) (*url.URL, error)
	overTLS     bool                 // to a proxy of the options
	authorities *tlsfile.Authorities // nil: the system's
	certificate *tlsfile.Certificate // nil: none
	now         func() time.Time

	mu     sync.Mutex
	looked time.Time       // at the files
	base   *http.Transport // nil: no file could be used yet
}

// New makes a transport; files are read with the first request. What is wrong with them later is said to log.
func New(o Options, log *slog.Logger) *Transport {
	t := &Transport{options: o, proxy: http.ProxyFromEnvironment, now: time.Now}
	if o.Proxy != "" {
		u, err := ParseProxy(o.Proxy)
		t.proxy = func(*http.Request) (*url.URL, error) { return u, err }
		t.overTLS = err == nil && u.Scheme == "https"
	}
	if o.CAFile != "" {
		t.authorities = &tlsfile.Authorities{Path: o.CAFile, Trouble: daemon.NewCondition(log, "authorities "+o.CAFile)}
	}
	if o.Certificate != (tlsfile.Pair{}) {
		t.certificate = &tlsfile.Certificate{
			Pair: o.Certificate, Effect: "what servers are shown stays as it is", Now: t.clock,
			Trouble: daemon.NewCondition(log, "certificate "+o.Certificate.Cert),
		}
	}
	return t
}

func (t *Transport) clock() time.Time { return t.now() }

// RoundTrip carries one request, see [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base, err := t.current()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return base.RoundTrip(r)
}

// CloseIdleConnections closes the connections that carry nothing now.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.base != nil {
		t.base.CloseIdleConnections()
	}
}

// current is the transport by the files of now.
func (t *Transport) current() (*http.Transport, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	switch {
	case t.base == nil:
		if err := t.begin(); err != nil {
			return nil, err
		}
		t.base, t.looked = t.build(), now
	case t.options.files() && now.Sub(t.looked) >= tlsfile.LookEvery:
		t.looked = now
		if t.look() {
			t.base.CloseIdleConnections() // those that carry something are closed after it
			t.base = t.build()
		}
	}
	return t.base, nil
}

func (t *Transport) begin() error {
	if t.authorities != nil {
		if err := t.authorities.Begin(); err != nil {
			return err
		}
	}
	if t.certificate != nil {
		return t.certificate.Begin()
	}
	return nil
}

func (t *Transport) look() (changed bool) {
	if t.authorities != nil {
		changed = t.authorities.Look()
	}
	if t.certificate != nil {
		changed = t.certificate.Look() || changed
	}
	return changed
}

// build makes a transport of what is held.
func (t *Transport) build() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	base := &http.Transport{
		Proxy: t.proxy, DialContext: dialer.DialContext, TLSClientConfig: t.toServer(), TLSHandshakeTimeout: handshakeTimeout,
		MaxIdleConns: 100, MaxIdleConnsPerHost: 100, IdleConnTimeout: 90 * time.Second,
	}
	if t.overTLS {
		secure := &tls.Dialer{NetDialer: dialer, Config: t.toProxy()}
		base.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) { // of the proxy alone
			ctx, cancel := context.WithTimeout(ctx, dialTimeout+handshakeTimeout)
			defer cancel()
			conn, err := secure.DialContext(ctx, network, address)
			if err != nil {
				return nil, fmt.Errorf("proxy %s: %w", address, err)
			}
			return conn, nil
		}
	}
	return base
}

// toServer is how a server is spoken to by TLS.
func (t *Transport) toServer() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.options.ServerName}
	if t.authorities != nil {
		config.RootCAs = x509.NewCertPool()
		t.authorities.AddTo(config.RootCAs)
	}
	if t.certificate != nil {
		held := t.certificate.Held()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return held, nil }
	}
	return config
}

// toProxy is how a proxy is spoken to by TLS: what the options say is about the server, but for the authorities, which may have
// signed for the proxy as well as the system's. No certificate is shown.
func (t *Transport) toProxy() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.authorities == nil {
		return config
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	t.authorities.AddTo(pool)
	config.RootCAs = pool
	return config
}
