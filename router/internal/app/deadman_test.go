package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
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

func TestDeadManSendsNothingWhileTimeStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said, outside := &switchboard{}, &ears{}
		d := &deadMan{
			url: "http://outside.example/ping", every: 10 * time.Millisecond, http: attempt.NewClient(&http.Client{Transport: outside}, 0),
			pages: func() []outgoing { return nil }, trouble: daemon.NewCondition(slog.New(slog.NewTextHandler(said, nil)), "dead man's switch"),
		}
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*d.every)
			d.run(ctx)
			cancel()
			d.alive(time.Now().Add(-time.Hour))
		}
		if n := outside.pings.Load(); n != 0 {
			t.Fatalf("%d pings came while nothing was decided", n)
		}
		if !strings.Contains(said.said(), "no decision could be made or stored") {
			t.Errorf("the log says %q", said.said())
		}
	})
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
	// A ping has as long as it needs: that it took too long is logged, and no log is wanted.
	d := &deadMan{url: s.URL + "/ping/SECRET", every: 10 * time.Millisecond, http: attempt.NewClient(nil, time.Minute), pages: func() []outgoing { return nil }, trouble: daemon.NewCondition(log, "dead man's switch")}
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

func TestPagesThatReachNobodyForTooLong(t *testing.T) {
	now := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		pages []outgoing
		want  int
	}{
		{"none is open", nil, 0},
		{"not tried yet", []outgoing{{true, time.Time{}}}, 0},
		{"tried for less", []outgoing{{true, now.Add(time.Second - unheardAfter)}}, 0},
		{"tried for as long", []outgoing{{true, now.Add(-unheardAfter)}}, 1},
		{"somebody was reached", []outgoing{{false, now.Add(-time.Hour)}}, 0},
		{"one of several", []outgoing{{false, now.Add(-time.Hour)}, {true, now.Add(-time.Hour)}, {true, now}}, 1},
		{"two of several", []outgoing{{true, now.Add(-time.Hour)}, {true, now.Add(-unheardAfter)}, {true, time.Time{}}}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := unheard(tt.pages, now); got != tt.want {
				t.Errorf("found %d, want %d", got, tt.want)
			}
		})
	}
}

// mute is a channel that takes nothing until it is told to.
type mute struct{ works atomic.Bool }

func (m *mute) Page(context.Context, page.Message) (string, error) {
	if m.works.Load() {
		return "taken", nil
	}
	return "", errors.New("no answer")
}

// ears counts what is sent to the outside.
type ears struct{ pings atomic.Int64 }

func (e *ears) RoundTrip(r *http.Request) (*http.Response, error) {
	e.pings.Add(1)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// What reaches nobody is told outside by silence, until it does, or until it is over.
func TestThePingsEndWhileAPageReachesNobody(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, r *router, channel *mute, id string){
		"somebody is reached": func(_ *testing.T, _ *router, channel *mute, _ string) { channel.works.Store(true) },
		"it is over": func(t *testing.T, r *router, _ *mute, id string) {
			if err := r.engine.Resolve(t.Context(), id, "bob", ""); err != nil {
				t.Fatal(err)
			}
		},
		"somebody has it": func(t *testing.T, r *router, _ *mute, id string) {
			if err := r.engine.Acknowledge(t.Context(), id, "bob", ""); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said := &switchboard{}
				d := testDaemon()
				d.Log = slog.New(slog.NewTextHandler(said, nil))
				r := &router{
					node: &node{d: d}, d: d, engine: newEngine(t, &disk{}, time.Now),
					cfg: Config{deadManURL: "http://outside.example/ping", deadManEvery: 10 * time.Second},
				}
				r.node.current.Store(r)
				r.node.measure()
				rotation, err := schedule.Parse("oncall.toml", []byte(rotationText))
				if err != nil {
					t.Fatal(err)
				}
				r.engine.SetRotation(rotation, "")
				channel, outside := &mute{}, &ears{}
				r.deadMan = r.newDeadMan()
				r.deadMan.http = attempt.NewClient(&http.Client{Transport: outside}, 0)
				deliverer := &duty.Deliverer{
					Engine: r.engine, Pagers: map[string]page.Pager{"terminal": channel}, Log: discard, Guard: func(f func() error) func() error { return f },
					Contacts: func() *escalation.Contacts { return &escalation.Contacts{} }, Link: func(string) string { return "" },
				}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { deliverer.Run(ctx) })
				running.Go(func() { r.deadMan.run(ctx) })
				running.Go(func() {
					for ctx.Err() == nil {
						if err := r.engine.Tick(ctx); err == nil {
							r.deadMan.alive(time.Now())
						}
						pause(ctx, tickPeriod)
					}
				})
				heard := func(during time.Duration) int64 {
					before := outside.pings.Load()
					time.Sleep(during)
					return outside.pings.Load() - before
				}
				measured := func() string {
					var text strings.Builder
					d.Metrics.WritePrometheus(&text)
					return text.String()
				}
				id, err := r.engine.Page(t.Context(), "k", "alice", "shop is down", incident.SeverityPage, nil)
				if err != nil {
					t.Fatal(err)
				}
				if n := heard(unheardAfter - time.Second); n < 28 || !strings.Contains(measured(), "nezuban_incidents_unheard 0\n") {
					t.Errorf("heard %d times in the first five minutes, want every ten seconds; measured\n%s", n, measured())
				}
				time.Sleep(time.Minute)
				if n := heard(time.Hour); n != 0 || strings.Count(said.said(), "reached nobody") != 1 || !strings.Contains(measured(), "nezuban_incidents_unheard 1\n") {
					t.Errorf("heard %d times while nobody is reached, want silence; measured\n%slog:\n%s", n, measured(), said.said())
				}
				end(t, r, channel, id)
				time.Sleep(2 * time.Minute) // its next attempt
				if n := heard(time.Minute); n < 5 || !strings.Contains(said.said(), "trouble is over") {
					t.Errorf("heard %d times afterwards, want every ten seconds; log:\n%s", n, said.said())
				}
				cancel()
				running.Wait()
			})
		})
	}
}
