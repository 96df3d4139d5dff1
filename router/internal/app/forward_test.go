package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/packaging/testenv"
	"nezuban/router/internal/access"
	"nezuban/router/internal/state"
)

// follower is a node that does not lead, before a leader that tells what reaches it.
func follower(t *testing.T, leader func() (state.Leader, bool)) *node {
	t.Helper()
	n := &node{
		cfg: Config{Advertise: "http://own:1", PublicURL: "http://people.example", OpenOnLoopback: true},
		tokens: []access.Token{
			{Name: "command line", Kind: access.Ingest, Hash: access.HashOf("ingest")}, {Name: "graphs", Kind: access.Read, Hash: access.HashOf("read")},
		}, ingest: "ingest",
		d: testDaemon(),
	}
	n.gate = n.newGate(nil)
	n.forward = newForwarder(n.cfg.Advertise, leader, func() {}, n.d)
	t.Cleanup(n.forward.close)
	return n
}

// ask sends a request to a handler as if from this machine.
func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	r.RemoteAddr = "127.0.0.1:4000"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAFollowerPassesOnWhatItIsSent(t *testing.T) {
	var got *http.Request
	var body string
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.Header().Set("X-From", "leader")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "relayed")
	}))
	defer leader.Close()
	h := follower(t, func() (state.Leader, bool) { return state.Leader{URL: leader.URL}, true }).handler()
	tests := []struct {
		name, method, path, host, auth string
		origin                         string
		wantAuth                       string
		refused                        int
	}{
		{"a sample with a token", "POST", "/api/v2/write?bucket=b", "people.example", "Token ingest", "", "Token ingest", 0},
		{"a sample of this machine without one", "POST", "/write", "localhost", "", "", "Bearer ingest", 0},
		{"a sample with a wrong token", "POST", "/write", "localhost", "Token guess", "", "", http.StatusUnauthorized},
		{"an acknowledgement", "POST", "/api/v1/incidents/I1/ack", "localhost", "Bearer act", "", "Bearer act", 0},
		{"a page", "GET", "/", "people.example", "", "", "", 0},
		{"a form of the own page", "POST", "/incidents/I1/ack", "people.example", "", "http://people.example", "", 0},
		{"a form of a foreign page", "POST", "/incidents/I1/ack", "people.example", "", "http://evil.example", "", http.StatusForbidden},
		{"a foreign host", "GET", "/", "evil.example", "", "", "", http.StatusForbidden},
		{"an error of a web page elsewhere", "POST", "/api/1/envelope/", "people.example", "", "http://shop.example", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got = nil
			r := httptest.NewRequest(tt.method, "http://"+tt.host+tt.path, strings.NewReader("the body"))
			r.Header.Set("X-Forwarded-For", "")
			r.Header.Set("Cookie", "nezuban=session")
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := ask(h, r)
			if tt.refused != 0 {
				if w.Code != tt.refused || got != nil {
					t.Errorf("found %d, passed on %t; want %d here", w.Code, got != nil, tt.refused)
				}
				return
			}
			if w.Code != http.StatusTeapot || w.Body.String() != "relayed" || w.Header().Get("X-From") != "leader" {
				t.Fatalf("found %d %s, want the leader's answer", w.Code, w.Body)
			}
			switch {
			case got.URL.RequestURI() != tt.path || got.Method != tt.method || body != "the body" || got.Header.Get("Cookie") != "nezuban=session":
				t.Errorf("the leader got %s %s %q", got.Method, got.URL, body)
			case got.Header.Get("Authorization") != tt.wantAuth:
				t.Errorf("the leader got %q, want %q", got.Header.Get("Authorization"), tt.wantAuth)
			case "http://"+got.Host != leader.URL || got.Header.Get("Origin") != "":
				t.Errorf("the leader would refuse host %q, origin %q", got.Host, got.Header.Get("Origin"))
			case got.Header.Get("X-Forwarded-For") == "" || got.Header.Get(forwardedBy) != "http://own:1":
				t.Errorf("the leader takes it for its own machine's: %v", got.Header)
			}
		})
	}
}

func TestWhatCannotBePassedOnIsToBeSentAgain(t *testing.T) {
	gone := "http://" + testenv.FreeAddress(t)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is passed on again") }))
	defer other.Close()
	tests := []struct {
		name   string
		leader state.Leader
		ok     bool
		by     string
	}{
		{"nobody leads", state.Leader{}, false, ""},
		{"the leader does not answer", state.Leader{URL: gone}, true, ""},
		{"the leader is this router, not ready yet", state.Leader{URL: "http://own:1"}, true, ""},
		{"it was passed on already", state.Leader{URL: other.URL}, true, other.URL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := follower(t, func() (state.Leader, bool) { return tt.leader, tt.ok }).handler()
			r := httptest.NewRequest("POST", "http://localhost/write", strings.NewReader("x"))
			if tt.by != "" {
				r.Header.Set(forwardedBy, tt.by)
			}
			if w := ask(h, r); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("found %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		})
	}
}

func TestAFollowerIsNotReadyBeforeThereIsARotationFile(t *testing.T) {
	found, asked, err := false, 0, error(nil)
	known := func(context.Context) (bool, error) { asked++; return found, err }
	n := follower(t, nil)
	look := func() error { return n.noRotation(t.Context(), known) }
	if why := look(); !errors.Is(why, errNeverApplied) {
		t.Errorf("none was applied: found %v", why)
	}
	err = errNoAnswer
	if why := look(); !errors.Is(why, errNoAnswer) {
		t.Errorf("no answer: found %v", why)
	}
	found, err = true, nil
	if why := look(); why != nil {
		t.Errorf("one was applied: found %v", why)
	}
	found, err, asked = false, errNoAnswer, 0
	if why := look(); why != nil || asked != 0 {
		t.Errorf("later: found %v, asked %d times; there always is one", why, asked)
	}

	n = follower(t, nil)
	r := &router{engine: newEngine(t, &disk{}, time.Now)}
	n.current.Store(r)
	if why := look(); why != nil || asked != 0 || n.applied.Load() {
		t.Errorf("a leader without one, which says so itself: found %v, asked %d times, applied %t", why, asked, n.applied.Load())
	}
	rotation, parseErr := schedule.Parse("oncall.toml", []byte(rotationText))
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	r.engine.SetRotation(rotation, "")
	_ = look()
	n.current.Store(nil)
	if why := look(); why != nil || !n.applied.Load() {
		t.Errorf("it leads no more: found %v", why)
	}
}

func TestForeignTokensAreSaid(t *testing.T) {
	own := []access.Token{{Kind: access.Act, Hash: access.HashOf("a")}}
	if err := foreignTokens(state.Leader{Tokens: fingerprint(own)}, fingerprint(own)); err != nil {
		t.Error(err)
	}
	other := []access.Token{{Kind: access.Act, Hash: access.HashOf("b")}}
	if err := foreignTokens(state.Leader{Tokens: fingerprint(other), URL: "http://other:1"}, fingerprint(own)); err == nil || !strings.Contains(err.Error(), "http://other:1") {
		t.Errorf("found %v", err)
	}
}

// What the router counts is shown on this machine, and elsewhere to who has a token.
func TestMetricsOfARouterNeedATokenElsewhere(t *testing.T) {
	h := follower(t, func() (state.Leader, bool) { return state.Leader{}, false }).handler()
	for _, row := range []struct {
		from, host, auth string
		want             int
	}{
		{"127.0.0.1:4000", "localhost", "", http.StatusOK},
		{"127.0.0.1:4000", "evil.example", "", http.StatusForbidden},
		{"192.0.2.1:4000", "people.example", "", http.StatusUnauthorized},
		{"192.0.2.1:4000", "people.example", "Bearer ingest", http.StatusUnauthorized},
		{"192.0.2.1:4000", "people.example", "Bearer read", http.StatusOK},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://"+row.host+"/metrics", nil)
		r.RemoteAddr = row.from
		if row.auth != "" {
			r.Header.Set("Authorization", row.auth)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != row.want {
			t.Errorf("from %s, host %s, %q: found %d, want %d", row.from, row.host, row.auth, w.Code, row.want)
		}
	}
}
