package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/page/attempt"
)

func TestDeadManIsSilentWhenTimeStandsStill(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	var d deadMan
	if err := d.silent(now); err == nil {
		t.Error("alive before anything was done")
	}
	d.alive(now)
	for after, silent := range map[time.Duration]bool{0: false, longestSilence: false, longestSilence + time.Second: true} {
		if err := d.silent(now.Add(after)); (err != nil) != silent {
			t.Errorf("%s after the last tick: %v", after, err)
		}
	}
}

// switchboard is the service outside, and what the router's log says meanwhile.
type switchboard struct {
	*httptest.Server
	pings chan string

	mu     sync.Mutex
	status int
	log    strings.Builder
}

func (s *switchboard) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *switchboard) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func newSwitchboard(t *testing.T) (*switchboard, *deadMan) {
	s := &switchboard{pings: make(chan string, 100), status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		status := s.status
		s.mu.Unlock()
		w.WriteHeader(status)
		s.pings <- r.Method + " " + r.URL.Path
	}))
	t.Cleanup(s.Close)
	log := slog.New(slog.NewTextHandler(s, nil))
	d := &deadMan{url: s.URL + "/ping/SECRET", every: 10 * time.Millisecond, http: attempt.NewClient(nil, time.Second), trouble: daemon.NewCondition(log, "dead man's switch")}
	return s, d
}

func TestDeadManTellsAgainAndAgainWhileTimeGoesOn(t *testing.T) {
	s, d := newSwitchboard(t)
	d.alive(time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.run(ctx) }()
	for range 3 {
		if got := <-s.pings; got != "POST /ping/SECRET" {
			t.Errorf("got %s", got)
		}
	}
	cancel()
	<-done
	if said := s.said(); said != "" {
		t.Errorf("all was well, and the log says %s", said)
	}
}

func TestDeadManSaysNoSecretWhenItFails(t *testing.T) {
	s, d := newSwitchboard(t)
	s.status = http.StatusForbidden
	d.alive(time.Now())
	if err := d.ping(t.Context()); err == nil || !strings.Contains(err.Error(), "answered 403") || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("refused: %v", err)
	}
	s.Close()
	if err := d.ping(t.Context()); err == nil || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), s.URL) {
		t.Errorf("not there: %v", err)
	}
	d.url = "http://%zz/SECRET"
	if err := d.ping(t.Context()); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("no URL: %v", err)
	}
}
