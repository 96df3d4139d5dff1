package deadman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"nezuban/agent/daemon"
	"nezuban/packaging/testenv/fakepagerduty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is PagerDuty without a socket, so that it can be reached in virtual time.
type wire struct {
	account fakepagerduty.Events
	mu      sync.Mutex
	answers []func(next http.Handler, w http.ResponseWriter, r *http.Request) // of the next requests; then the account's own
	at      []time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.at = append(w.at, time.Now())
	answer := func(next http.Handler, to http.ResponseWriter, r *http.Request) { next.ServeHTTP(to, r) }
	if len(w.answers) > 0 {
		answer, w.answers = w.answers[0], w.answers[1:]
	}
	w.mu.Unlock()
	written := httptest.NewRecorder()
	answer(&w.account, written, r)
	if written.Code == lost {
		return nil, errors.New("read: connection reset by peer")
	}
	return written.Result(), nil
}

// lost is the status of an answer that never arrives.
const lost = 599

func status(code int, header ...string) func(http.Handler, http.ResponseWriter, *http.Request) {
	return func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// takenAndLost lets the event take effect and loses the answer.
func takenAndLost(next http.Handler, w http.ResponseWriter, r *http.Request) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	w.WriteHeader(lost)
}

// sender is an agent whose deliveries fail as long as the router is away for it.
type sender struct {
	*Watch
	log  *bytes.Buffer
	stop func()
}

func start(t *testing.T, dir, source string, to http.RoundTripper) *sender {
	t.Helper()
	log := &bytes.Buffer{}
	d := &daemon.Daemon{Log: slog.New(slog.NewTextHandler(log, nil)), Health: &daemon.Health{}, Metrics: metrics.NewSet()}
	w := New(Config{
		Output: "router", After: DefaultAfter, RoutingKey: fakepagerduty.RoutingKey, EventsURL: EventsURL, StateDir: dir,
		Program: "nezuban-agent", Source: source,
	}, d, to)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	s := &sender{Watch: w, log: log, stop: func() { cancel(); running.Wait() }}
	t.Cleanup(s.stop)
	return s
}

// deliver tries again and again until the test's end, as package influx does: once a second while the router takes what is
// sent, and with its longest backoff while it does not.
func (s *sender) deliver(t *testing.T, random *rand.Rand, away func() bool) {
	ctx := t.Context()
	go func() {
		for ctx.Err() == nil {
			began, wait := time.Now(), time.Second
			if away() {
				time.Sleep(time.Duration(random.Int64N(int64(10 * time.Second)))) // until it is clear that nobody answers
				s.Tried("router", began, errors.New("unreachable"))
				wait = 15*time.Second + time.Duration(random.Int64N(int64(15*time.Second)))
			} else {
				s.Tried("router", began, nil)
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
	}()
}

// outage says whether the time lies in one that lasts from begin for so long.
func outage(begin time.Time, length time.Duration) func() bool {
	return func() bool { now := time.Now(); return !now.Before(begin) && now.Before(begin.Add(length)) }
}

// TestThreeSendersOpenOneAlert lets the router go away for a random while, from three senders that find out each in its own
// time: one alert opens for it, and it is resolved once the router is back.
func TestThreeSendersOpenOneAlert(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var to wire
			length := 3*time.Minute + time.Duration(random.Int64N(int64(time.Hour)))
			away := outage(time.Now().Add(time.Minute), length)
			for i := range 3 {
				start(t, t.TempDir(), fmt.Sprint("web", i), &to).deliver(t, rand.New(rand.NewPCG(seed, uint64(i))), away)
			}
			time.Sleep(time.Minute + length + 15*time.Minute)
			synctest.Wait()
			alerts := to.account.Alerts()
			if len(alerts) != 1 || alerts[0].Status != "resolved" || alerts[0].Key != "nezuban-router-down" {
				t.Fatalf("seed %d, away for %s: found %+v, expected one alert, resolved", seed, length, alerts)
			}
			if late := alerts[0].Resolved.Sub(alerts[0].Opened) - length; late > 2*time.Minute {
				t.Errorf("seed %d: resolved %s late", seed, late)
			}
		})
	}
}

// TestASenderThatIsCutOffSaysSoAgain lets the router come back for two senders of three: the first to resolve closes the
// alert of all, and the third opens one more, which stays open until it is back too.
func TestASenderThatIsCutOffSaysSoAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to wire
		began := time.Now()
		for i := range 3 {
			length := 10 * time.Minute
			if i == 2 {
				length = 3 * time.Hour
			}
			start(t, t.TempDir(), fmt.Sprint("web", i), &to).deliver(t, rand.New(rand.NewPCG(7, uint64(i))), outage(began, length))
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if alerts := to.account.Alerts(); len(alerts) != 2 || alerts[0].Status != "resolved" || alerts[1].Status != "triggered" {
			t.Fatalf("found %+v, expected the alert of all, and one of the sender that is cut off", alerts)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if alerts := to.account.Alerts(); len(alerts) != 2 || alerts[1].Status != "resolved" {
			t.Errorf("found %+v, expected both resolved and no more of them", alerts)
		}
		for _, e := range to.account.Taken() {
			if e.Action == "trigger" && !strings.Contains(e.Payload.Summary, "unreachable") {
				t.Errorf("found %+v, expected the reason", e)
			}
		}
	})
}

// TestARouterThatIsBackIsNotTriggeredAnew lets one sender see the router back, while another, which does not know yet, is about
// to say again that it is down.
func TestARouterThatIsBackIsNotTriggeredAnew(t *testing.T) {
	for _, row := range []struct{ due, wait time.Duration }{ // when it is due to say so again, and when it next tries, after the router is back
		{time.Second, 30 * time.Second},
		{19 * time.Second, 30 * time.Second},
		{29 * time.Second, 30 * time.Second},
		{90 * time.Second, 5 * time.Minute}, // the router asked it to wait
	} {
		synctest.Test(t, func(t *testing.T) {
			var to wire
			first, second := start(t, t.TempDir(), "web1", &to), start(t, t.TempDir(), "web2", &to)
			broken := errors.New("unreachable")
			first.Tried("router", time.Now(), broken)
			second.Tried("router", time.Now(), broken)
			time.Sleep(DefaultAfter + again(DefaultAfter) - row.due)
			second.Tried("router", time.Now(), broken) // the last to fail; then the router is back
			first.Tried("router", time.Now(), nil)
			time.Sleep(row.wait)
			second.Tried("router", time.Now(), nil)
			time.Sleep(time.Hour)
			synctest.Wait()
			if alerts := to.account.Alerts(); len(alerts) != 1 || alerts[0].Status != "resolved" {
				t.Errorf("found %+v, expected one alert, resolved", alerts)
			}
		})
	}
}

func TestShortOutagesTellNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to wire
		s := start(t, t.TempDir(), "web1", &to)
		for range 100 {
			for began := time.Now(); time.Since(began) < 100*time.Second; time.Sleep(10 * time.Second) {
				s.Tried("router", time.Now(), errors.New("unreachable"))
			}
			s.Tried("router", time.Now(), nil)
		}
		s.Tried("influxdb", time.Now(), errors.New("not the router"))
		time.Sleep(time.Hour)
		if events := to.account.Taken(); len(events) != 0 {
			t.Errorf("found %+v, expected nothing", events)
		}
	})
}

func TestTellingIsTriedAgain(t *testing.T) {
	type answer = func(http.Handler, http.ResponseWriter, *http.Request)
	for _, row := range []struct {
		name     string
		answers  []answer
		atLeast  time.Duration // from the first request to the one that is taken
		atMost   time.Duration
		requests int
	}{
		{"taken at once", nil, 0, 0, 1},
		{"an answer that is lost", []answer{takenAndLost}, 2 * time.Second, 7 * time.Second, 2},
		{"500 twice", []answer{status(500), status(500)}, 7 * time.Second, 17 * time.Second, 3},
		{"a limit that says how long", []answer{status(429, "Retry-After", "90")}, 90 * time.Second, 92 * time.Second, 2},
		{"a limit until a date", []answer{status(429, "Retry-After", "Sat, 01 Jan 2000 00:05:00 GMT")}, 175 * time.Second, 181 * time.Second, 2},
		{"a limit that does not say", []answer{status(429)}, 2 * time.Second, 7 * time.Second, 2},
		{"a refusal for good", []answer{status(400)}, 5 * time.Minute, 5*time.Minute + 2*time.Second, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := wire{answers: row.answers}
				s := start(t, t.TempDir(), "web1", &to)
				s.Tried("router", time.Now(), errors.New("unreachable"))
				time.Sleep(DefaultAfter + 9*time.Minute)
				synctest.Wait()
				if alerts := to.account.Alerts(); len(alerts) != 1 || alerts[0].Status != "triggered" || len(to.at) != row.requests {
					t.Fatalf("found %+v after %d requests, expected one alert after %d", alerts, len(to.at), row.requests)
				}
				if took := to.at[len(to.at)-1].Sub(to.at[0]); took < row.atLeast || took > row.atMost {
					t.Errorf("found a wait of %s, expected %s to %s", took, row.atLeast, row.atMost)
				}
				s.stop()
				if strings.Contains(s.log.String(), fakepagerduty.RoutingKey) {
					t.Errorf("found the routing key in the log:\n%s", s.log)
				}
			})
		})
	}
}

// TestARestartLosesNoResolve stops a sender at each moment of its telling; the next run resolves what may be open.
func TestARestartLosesNoResolve(t *testing.T) {
	for name, answers := range map[string][]func(http.Handler, http.ResponseWriter, *http.Request){
		"after the trigger was taken":                  nil,
		"when the answer to the trigger was lost":      {takenAndLost, status(500), status(500), status(500), status(500), status(500), status(500)},
		"when a resolve was refused before":            {(&wire{}).pass, status(503), status(503)},
		"when the answer to the resolve never arrived": {(&wire{}).pass, takenAndLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := wire{answers: answers}
				dir := filepath.Join(t.TempDir(), "made", "at need")
				s := start(t, dir, "web1", &to)
				s.Tried("router", time.Now(), errors.New("unreachable"))
				time.Sleep(DefaultAfter + 10*time.Second)
				if strings.Contains(name, "resolve") {
					s.Tried("router", time.Now(), nil)
					time.Sleep(settling(DefaultAfter) + 1500*time.Millisecond)
				}
				s.stop()
				if n := len(to.account.Alerts()); n != 1 {
					t.Fatalf("found %d alerts before the restart, expected one", n)
				}
				to.answers = nil
				next := start(t, dir, "web1", &to)
				next.Tried("router", time.Now(), nil)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if alerts := to.account.Alerts(); len(alerts) != 1 || alerts[0].Status != "resolved" {
					t.Errorf("found %+v, expected one alert, resolved", alerts)
				}
				sent := len(to.at)
				time.Sleep(24 * time.Hour)
				if len(to.at) != sent {
					t.Errorf("sent %d more messages after it was over", len(to.at)-sent)
				}
			})
		})
	}
}

// pass is the account's own answer.
func (*wire) pass(next http.Handler, w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) }

func TestARestartDuringAnOutageTriggersNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to wire
		dir := t.TempDir()
		for range 5 {
			s := start(t, dir, "web1", &to)
			for range 6 {
				s.Tried("router", time.Now(), errors.New("unreachable"))
				time.Sleep(30 * time.Second)
			}
			s.stop()
		}
		if events := to.account.Taken(); len(events) != 2 { // at 2 min, and once more 10 min later
			t.Errorf("found %d events in 15 minutes with five starts, expected two", len(events))
		}
	})
}

func TestABadRecordIsSaidAndCountsAsOpen(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "{", "of a release to come": `{"version":99,"open":false}`, "without a version": `{}`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, recordFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := loadRecord(dir); err == nil || !r.Open {
				t.Errorf("found %+v, %v, expected an error and an open record", r, err)
			}
		})
	}
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	want := Record{Open: true, Since: time.Unix(1, 2).UTC(), Told: time.Unix(3, 4).UTC()}
	if err := saveRecord(dir, want); err != nil {
		t.Fatal(err)
	}
	want.Version = version
	if got, err := loadRecord(dir); err != nil || got != want {
		t.Errorf("found %+v, %v, expected %+v", got, err, want)
	}
}

// TestAFullDiskDelaysNoTrigger takes the state folder away.
func TestAFullDiskDelaysNoTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var to wire
		s := start(t, filepath.Join(file, "no folder"), "web1", &to)
		s.Tried("router", time.Now(), errors.New("unreachable"))
		time.Sleep(DefaultAfter + time.Second)
		s.Tried("router", time.Now(), nil)
		time.Sleep(2 * time.Minute)
		if alerts := to.account.Alerts(); len(alerts) != 1 || alerts[0].Status != "resolved" {
			t.Errorf("found %+v, expected one alert, resolved", alerts)
		}
	})
}

func TestWebhook(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Method+" "+r.URL.Path+" "+string(body))
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	c := Config{WebhookURL: server.URL + "/hook", Output: "router", Program: "nezuban-checks", Source: "tokyo"}
	now := time.Date(2026, 11, 30, 3, 2, 0, 0, time.UTC)
	client := New(c, &daemon.Daemon{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()}, server.Client().Transport).http
	said := c.message(Trigger, now.Add(-2*time.Minute), Evidence{Reason: "answered 503"}, now)
	if err := c.send(t.Context(), client, said, now); err != nil {
		t.Fatal(err)
	}
	if err := c.send(t.Context(), client, c.message(Resolve, now, Evidence{}, now), now); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /hook {"event_action":"trigger","dedup_key":"nezuban-router-down","client":"nezuban-checks on tokyo","payload":{` +
			`"summary":"nezuban-router accepts nothing: nezuban-checks on tokyo has not got anything through for 2m0s (answered 503)",` +
			`"source":"tokyo","severity":"critical","timestamp":"2026-11-30T03:02:00Z","component":"nezuban-router","class":"dead man's switch",` +
			`"custom_details":{"output":"router","since":"2026-11-30T03:00:00Z","last_error":"answered 503"}}}`,
		`POST /hook {"event_action":"resolve","dedup_key":"nezuban-router-down","client":"nezuban-checks on tokyo"}`,
	}
	if fmt.Sprint(bodies) != fmt.Sprint(want) {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(bodies, "\n"), strings.Join(want, "\n"))
	}
	bodies = nil
	c.WebhookURL = server.URL + "/moved"
	if err := c.send(t.Context(), client, said, now); err == nil || len(bodies) != 1 || strings.Contains(err.Error(), "moved") {
		t.Errorf("a redirect: found %v after %q, expected an error without the address", err, bodies)
	}
	server.Close()
	if err := c.send(t.Context(), client, said, now); err == nil || strings.Contains(err.Error(), "moved") {
		t.Errorf("nobody there: found %v, expected an error without the address", err)
	}
}
