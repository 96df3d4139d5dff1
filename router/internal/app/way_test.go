package app

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/packaging/testenv"
	"nezuban/router/internal/state"
)

// A way is closed when it lasts longer than a takeover, or at once before any leader was reached.
func TestAWayIsClosedWhenATakeoverWouldBeOver(t *testing.T) {
	start := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	refused := errors.New("connection refused")
	type look struct {
		at  time.Duration
		err error
	}
	for _, tt := range []struct {
		name   string
		looks  []look
		at     time.Duration
		closed bool
	}{
		{"not looked yet", nil, time.Hour, false},
		{"never reached", []look{{0, refused}}, 0, true},
		{"reached", []look{{0, nil}}, time.Hour, false},
		{"reached after all", []look{{0, refused}, {time.Second, nil}}, time.Second, false},
		{"a takeover", []look{{0, nil}, {time.Second, refused}, {9 * time.Second, refused}}, 10 * time.Second, false},
		{"longer than a takeover", []look{{0, nil}, {time.Second, refused}, {11 * time.Second, refused}}, 11 * time.Second, true},
		{"two short ones", []look{{0, nil}, {time.Second, refused}, {8 * time.Second, nil}, {9 * time.Second, refused}}, 15 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWay(http.DefaultTransport, testDaemon())
			for _, l := range tt.looks {
				w.looked(start.Add(l.at), l.err)
			}
			if err := w.closed(start.Add(tt.at)); (err != nil) != tt.closed || (tt.closed && !errors.Is(err, refused)) {
				t.Errorf("found %v, want closed %t", err, tt.closed)
			}
		})
	}
}

func TestWhatIsInTheWayIsNamed(t *testing.T) {
	answering := func(header string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				t.Errorf("asked for %s", r.URL)
			}
			if header != "" {
				w.Header().Set(leadingHeader, header)
			}
		})
	}
	private := httptest.NewUnstartedServer(answering("true"))
	private.Config.ErrorLog = slog.NewLogLogger(discard.Handler(), slog.LevelError)
	private.StartTLS()
	defer private.Close()
	gone := "http://" + testenv.FreeAddress(t)
	leads, follows, foreign := httptest.NewServer(answering("true")), httptest.NewServer(answering("false")), httptest.NewServer(answering(""))
	defer leads.Close()
	defer follows.Close()
	defer foreign.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"the leader", leads.URL, ""},
		{"nobody", gone, "connection refused"},
		{"an authority that is not trusted", private.URL, "x509: "},
		{"another router", follows.URL, "a router answers that does not lead"},
		{"something else", foreign.URL, "no router answers: found 200 OK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newForwarder("http://own:1", nil, nil, testDaemon())
			defer f.close()
			err := f.way.ask(t.Context(), state.Leader{Name: "web1", URL: tt.url})
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.url) || !strings.Contains(err.Error(), `"web1"`)):
				t.Errorf("found %v, want %q", err, tt.want)
			}
		})
	}
}

// Requests that cannot be passed on are counted, and why is logged once however many they are, and once when it is over.
func TestWhyNothingIsPassedOnIsLoggedOnce(t *testing.T) {
	gone := "http://" + testenv.FreeAddress(t)
	var log strings.Builder
	d := &daemon.Daemon{Log: slog.New(slog.NewTextHandler(&log, nil)), Health: &daemon.Health{}, Metrics: metrics.NewSet()}
	f := newForwarder("http://own:1", func() (state.Leader, bool) { return state.Leader{URL: gone}, true }, func() {}, d)
	defer f.close()
	for range 3 {
		if w := ask(f, httptest.NewRequest("POST", "http://localhost/write", strings.NewReader("x"))); !strings.Contains(w.Body.String(), "this router cannot reach the one that leads") {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	}
	now := time.Now()
	f.way.looked(now, nil) // though requests have just failed
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "connection refused") {
		t.Errorf("logged\n%s", said)
	}
	f.way.looked(now.Add(closedAfter), nil)
	if said := log.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, "trouble is over") {
		t.Errorf("logged\n%s", said)
	}
	var figures strings.Builder
	d.Metrics.WritePrometheus(&figures)
	if !strings.Contains(figures.String(), "nezuban_forward_failures_total 3\n") {
		t.Errorf("counted\n%s", &figures)
	}
}
