package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nezuban/checks/check"
)

func newProber(opts Options) *Prober {
	opts.Location, opts.UserAgent = "tokyo", "nezuban-checks/test"
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return New(opts)
}

// checkOf is a check of url that takes 2xx for up.
func checkOf(url string) check.Check {
	return check.Check{
		Name: "shop", URL: url, Method: "GET", Interval: 5 * time.Second, Timeout: 5 * time.Second,
		Status: check.Statuses{{Low: 200, High: 299}},
	}
}

// probeOnce makes a request that must lead to a result.
func probeOnce(t *testing.T, p *Prober, c check.Check) check.Result {
	t.Helper()
	r, err := p.Probe(t.Context(), c)
	if err != nil {
		t.Fatalf("no result: %v", err)
	}
	if strings.ContainsAny(r.Error, "\r\n") || len(r.Error) > maxErrorBytes {
		t.Errorf("error text is not one short line: %q", r.Error)
	}
	if r.OK() != (r.Error == "") {
		t.Errorf("%s with error %q", r.Outcome, r.Error)
	}
	return r
}

// tcpServer answers each connection by serve, which gets it after the request's header has been read.
func tcpServer(t *testing.T, serve func(conn net.Conn)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				header := make([]byte, 4096)
				if _, err := conn.Read(header); err == nil {
					serve(conn)
				}
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

// says is a server that sends raw bytes and hangs up.
func says(raw string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, raw) }
}

// untilClosed is a server that sends raw bytes and then nothing, until the client goes.
func untilClosed(raw string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, raw)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// refusing is an address at which nobody listens. Its port is taken as long as the test lasts, so that nobody else may listen there.
func refusing(t *testing.T) (url string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}

func TestProbeOutcomes(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the client that does not trust it
	untrusted.StartTLS()
	defer untrusted.Close()

	tests := []struct {
		name    string
		url     string
		method  string
		want    check.Outcome
		code    int
		bytes   int64
		errText string // a part of it
	}{
		{"success", tcpServer(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")), "GET", check.Success, 200, 2, ""},
		{"no body", tcpServer(t, says("HTTP/1.1 204 No Content\r\n\r\n")), "GET", check.Success, 204, 0, ""},
		{"HEAD has no body whatever the length says", tcpServer(t, says("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")), "HEAD", check.Success, 200, 0, ""},
		{"HTTP/1.0, body ends with the connection", tcpServer(t, says("HTTP/1.0 200 OK\r\n\r\nhello")), "GET", check.Success, 200, 5, ""},
		{"an endless body is read to the limit", tcpServer(t, endless), "GET", check.Success, 200, MaxBodyBytes, ""},
		{"wrong status", tcpServer(t, says("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")), "GET", check.StatusMismatch, 503, 4, "status 503, expected 2xx"},
		{"a redirect is not followed", tcpServer(t, says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")), "GET", check.StatusMismatch, 302, 0, "status 302"},
		{"wrong status wins over a broken body", tcpServer(t, says("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nno")), "GET", check.StatusMismatch, 500, 2, "status 500"},
		{"truncated body", tcpServer(t, says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno")), "GET", check.BodyReadError, 200, 2, "after 2 bytes of the body: unexpected EOF"},
		{"truncated chunks", tcpServer(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")), "GET", check.BodyReadError, 200, 3, "unexpected EOF"},
		{"refused", refusing(t), "GET", check.ConnectionFailed, 0, 0, "connection refused"},
		{"hangs up without a response", tcpServer(t, says("")), "GET", check.ConnectionFailed, 0, 0, "EOF"},
		{"not HTTP", tcpServer(t, says("SSH-2.0-OpenSSH\r\n\x00\n")), "GET", check.ConnectionFailed, 0, 0, "malformed HTTP"},
		{"a header without end", tcpServer(t, endlessHeader), "GET", check.ConnectionFailed, 0, 0, "exceeded"},
		{"certificate of an unknown authority", untrusted.URL, "GET", check.ConnectionFailed, 0, 0, "certificate"},
		{"TLS to a plain server", strings.Replace(tcpServer(t, says("HTTP/1.1 400 Bad\r\n\r\n")), "http:", "https:", 1), "GET", check.ConnectionFailed, 0, 0, "does not look like a TLS handshake"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := checkOf(tt.url)
			c.Method = tt.method
			r := probeOnce(t, newProber(Options{}), c)
			if r.Outcome != tt.want || r.StatusCode != tt.code || r.BodyBytes != tt.bytes || !strings.Contains(r.Error, tt.errText) {
				t.Errorf("found %s, status %d, %d bytes, %q; expected %s, %d, %d, %q",
					r.Outcome, r.StatusCode, r.BodyBytes, r.Error, tt.want, tt.code, tt.bytes, tt.errText)
			}
			if r.Sick {
				t.Error("the location took the blame")
			}
			if (r.ResponseTime > 0) != (tt.code > 0) {
				t.Errorf("response time %s", r.ResponseTime)
			}
		})
	}
}

// endless sends body bytes until the client has enough.
func endless(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	for {
		if _, err := conn.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// endlessHeader sends one header line until the client has enough.
func endlessHeader(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
	for {
		if _, err := io.WriteString(conn, strings.Repeat("x", 4096)); err != nil {
			return
		}
	}
}

func TestProbeTimeouts(t *testing.T) {
	plain := func(serve func(net.Conn)) string { return tcpServer(t, serve) }
	tests := []struct {
		name, url string
		want      check.Outcome
		errText   string
	}{
		{"no response", plain(untilClosed("")), check.Timeout, "not finished within 2s, waiting for the response"},
		{"half a header", plain(untilClosed("HTTP/1.1 200 OK\r\n")), check.Timeout, "not finished within 2s, waiting for the response"},
		{"no handshake", strings.Replace(plain(untilClosed("")), "http:", "https:", 1), check.Timeout, "not finished within 2s, in the TLS handshake"},
		{"slow body", plain(untilClosed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")), check.BodyReadError, "after 4 bytes of the body: not finished within 2s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := checkOf(tt.url)
			c.Timeout = 2 * time.Second // the phase before must be over by then
			start, due := time.Now(), make(chan time.Time, 1)
			time.AfterFunc(c.Timeout, func() { due <- time.Now() }) // late when the machine stands still, as the probe is
			r := probeOnce(t, newProber(Options{}), c)
			ended := time.Now()
			if r.Outcome != tt.want || r.Error != tt.errText || r.Sick {
				t.Errorf("found %s %q, sick %v; expected %s %q", r.Outcome, r.Error, r.Sick, tt.want, tt.errText)
			}
			if took, late := ended.Sub(start), ended.Sub(<-due); took < c.Timeout || late > 3*time.Second {
				t.Errorf("took %s, until %s after a timer of %s", took, late, c.Timeout)
			}
		})
	}
}

// clock is one that a test moves; each look at it takes a millisecond.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	looks int
}

func (c *clock) look() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// seen waits until the clock was looked at so often in all, or ctx ends.
func (c *clock) seen(ctx context.Context, looks int) {
	seen := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.looks >= looks
	}
	for !seen() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

func TestProbePhases(t *testing.T) {
	now := clock{now: time.Unix(1000, 0)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.UserAgent(); got != "nezuban-checks/test" {
			t.Errorf("user agent %q", got)
		}
		now.move(30 * time.Millisecond)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		now.seen(r.Context(), 10) // at the start, at both ends of three phases, at the request, its first byte and its header
		now.move(60 * time.Millisecond)
		_, _ = io.WriteString(w, "done")
	}))
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	names := fakeDNS(t, map[string]dnsAnswer{"example.com.": {ip: "127.0.0.1"}}) // a name in httptest's certificate

	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	r := probeOnce(t, newProber(Options{RootCAs: roots, Resolver: names, Now: now.look}), checkOf("https://example.com:"+port))
	if !r.OK() {
		t.Fatalf("%s: %s", r.Outcome, r.Error)
	}
	const look = time.Millisecond
	want := check.Phases{DNS: look, Connect: look, TLS: look, FirstByte: 30*time.Millisecond + look, Transfer: 60*time.Millisecond + 2*look}
	if r.Phases != want {
		t.Errorf("phases %+v, expected %+v", r.Phases, want)
	}
	if want := 30*time.Millisecond + 9*look; r.ResponseTime != want {
		t.Errorf("response time %s, expected %s", r.ResponseTime, want)
	}
}

func TestProbeUsesAFreshConnection(t *testing.T) {
	remote := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { remote <- r.RemoteAddr }))
	defer server.Close()
	p := newProber(Options{})
	probeOnce(t, p, checkOf(server.URL))
	probeOnce(t, p, checkOf(server.URL))
	if a, b := <-remote, <-remote; a == b {
		t.Errorf("both requests came from %s", a)
	}
}

// What was cut short by our own stop says nothing about the target.
func TestProbeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := tcpServer(t, func(conn net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	if r, err := newProber(Options{}).Probe(ctx, checkOf(url)); !errors.Is(err, context.Canceled) {
		t.Errorf("found result %+v, error %v; expected no result", r, err)
	}
}
