package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/packaging/testenv/stall"
)

// ask sends one request and gives status and body.
func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// serve starts Serve; stop ends it and gives its error.
func serve(t *testing.T, h http.Handler) (url string, stop func() error) {
	t.Helper()
	var config net.ListenConfig
	ln, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, h) }()
	t.Cleanup(cancel)
	return "http://" + ln.Addr().String(), func() error { cancel(); return <-done }
}

func TestHandler(t *testing.T) {
	d := &Daemon{Health: &Health{}, Metrics: metrics.NewSet()}
	d.Metrics.NewCounter("nezuban_test_total").Add(3)
	url, stop := serve(t, d.Handler())
	steps := []struct {
		name         string
		change       func()
		method, path string
		status       int
		body         string
	}{
		{"alive", nil, "GET", "/healthz", 200, "ok\n"},
		{"ready", nil, "GET", "/readyz", 200, "ready\n"},
		{"not ready", func() { d.Health.Set("docker", errors.New("no socket")); d.Health.Set("config", errors.New("bad")) }, "GET", "/readyz", 503, "config: bad\ndocker: no socket\n"},
		{"still alive", nil, "GET", "/healthz", 200, "ok\n"},
		{"half mended", func() { d.Health.Set("config", nil) }, "GET", "/readyz", 503, "docker: no socket\n"},
		{"ready again", func() { d.Health.Set("docker", nil) }, "GET", "/readyz", 200, "ready\n"},
		{"own metrics", nil, "GET", "/metrics", 200, "nezuban_test_total 3\n"},
		{"process metrics", nil, "GET", "/metrics", 200, "go_goroutines "},
		{"resident memory", nil, "GET", "/metrics", 200, "process_resident_memory_bytes "},
		{"only GET", nil, "POST", "/healthz", 405, ""},
		{"nothing else", nil, "GET", "/", 404, ""},
	}
	for _, step := range steps {
		if step.change != nil {
			step.change()
		}
		status, body := ask(t, step.method, url+step.path)
		if status != step.status || !strings.Contains(body, step.body) {
			t.Errorf("%s: found %d %q, expected %d %q", step.name, status, body, step.status, step.body)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("found %v after a clean stop", err)
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	machine := stall.Watch(t)
	begun := time.Now()
	body, err := stoppedDuringARequest(t)
	for tries := 1; err != nil && tries < 5 && machine.Within(begun, time.Now()) > shutdownTimeout/2; tries++ { // until requests are cut off
		begun = time.Now()
		body, err = stoppedDuringARequest(t)
	}
	if err != nil {
		t.Errorf("found %v, expected a clean stop", err)
	}
	if body != "done" {
		t.Errorf("found %q, expected the request to be finished", body)
	}
}

// stoppedDuringARequest stops a server while it answers: body is what it answered.
func stoppedDuringARequest(t *testing.T) (body string, err error) {
	t.Helper()
	started := make(chan struct{})
	url, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		select {
		case <-r.Context().Done(): // would be a bug: the stop must not end requests
		case <-time.After(300 * time.Millisecond):
			_, _ = w.Write([]byte("done"))
		}
	}))
	answered := make(chan string, 1)
	go func() {
		_, body := ask(t, "GET", url)
		answered <- body
	}()
	<-started
	err = stop()
	body = <-answered
	if status, body := ask(t, "GET", url); status != 0 {
		t.Errorf("found %d %q after the stop", status, body)
	}
	return body, err
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	machine := stall.Watch(t)
	started := make(chan struct{})
	url, stop := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}))
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = ask(t, "GET", url)
	}()
	<-started
	start := time.Now()
	err := stop()
	ended := time.Now()
	if err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("found %v, expected to be told of the request", err)
	}
	if took := ended.Sub(start); took < shutdownTimeout || machine.Ran(start, ended) > 2*shutdownTimeout {
		t.Errorf("found a stop that took %s, expected %s", took, shutdownTimeout)
	}
	<-answered
}

// A browser connects before it has something to ask, and a stop does not wait until it has.
func TestASilentConnectionDoesNotHoldTheStopUp(t *testing.T) {
	machine := stall.Watch(t)
	url, stop := serve(t, http.NotFoundHandler())
	var dialer net.Dialer
	silent, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if status, body := ask(t, "GET", url); status != http.StatusNotFound { // connections are taken in order
		t.Fatalf("found %d %q", status, body)
	}
	begun := time.Now()
	if err := stop(); err != nil && machine.Within(begun, time.Now()) < shutdownTimeout/2 {
		t.Errorf("found %v, expected a clean stop", err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
}

func TestServeFailsWithItsListener(t *testing.T) {
	var config net.ListenConfig
	ln, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := Serve(t.Context(), ln, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("found %v, expected an error that names the address", err)
	}
}
