package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/agent/transport"
	"nezuban/checks/check"
	"nezuban/packaging/testenv"
)

const (
	oneCheck  = "[[check]]\nname = \"a\"\nurl = \"http://a.example\"\n"
	twoChecks = oneCheck + "[[check]]\nname = \"b\"\nurl = \"http://b.example\"\n"
)

// fakeRouter serves a check file as the router does.
type fakeRouter struct {
	mu     sync.Mutex
	file   string
	status int // answered instead of the file; 0: none
	asked  int
	sent   int // whole files
}

func (r *fakeRouter) set(file string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file, r.status = file, status
}

func (r *fakeRouter) figures() (asked, sent int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked, r.sent
}

func (r *fakeRouter) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	etag := fmt.Sprintf("%q", fmt.Sprint(len(r.file)))
	switch {
	case request.URL.Path != "/api/v1/checks":
		w.WriteHeader(http.StatusNotFound)
	case request.Header.Get("Authorization") != "Bearer s3cret":
		w.WriteHeader(http.StatusUnauthorized)
	case r.status != 0:
		w.WriteHeader(r.status)
	case request.Header.Get("If-None-Match") == etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		r.sent++
		w.Header().Set("ETag", etag)
		_, _ = w.Write([]byte(r.file))
	}
}

// followed is a follower of a fake router and what came of it.
type followed struct {
	*follower
	router  *fakeRouter
	log     *record
	inForce []int // number of checks, each time a file was put in force
	ready   func() string
}

func newFollowed(t *testing.T, stateDir string, urls ...string) *followed {
	t.Helper()
	f := &followed{router: &fakeRouter{file: oneCheck}, log: &record{}}
	server := httptest.NewServer(f.router)
	t.Cleanup(server.Close)
	d := newDaemon(f.log)
	cfg := Config{StateDir: stateDir, Router: Router{URLs: append(urls, server.URL+"/"), Token: "s3cret", Refresh: 20 * time.Millisecond}}
	f.follower = newFollower(cfg, d, "nezuban-checks/test", func(checks []check.Check) { f.inForce = append(f.inForce, len(checks)) })
	f.ready = func() string {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
		return strings.TrimSpace(w.Body.String())
	}
	return f
}

// expect compares what has been put in force so far.
func (f *followed) expect(t *testing.T, when string, inForce ...int) {
	t.Helper()
	if fmt.Sprint(f.inForce) != fmt.Sprint(inForce) {
		t.Errorf("%s: files with %v checks were put in force, expected %v\n%s", when, f.inForce, inForce, f.log)
	}
}

func TestFollowTakesWhatChanges(t *testing.T) {
	dir := t.TempDir()
	f := newFollowed(t, dir)
	f.start()
	f.expect(t, "without router and cache")
	f.step(t.Context())
	f.expect(t, "first file", 1)
	f.step(t.Context())
	f.expect(t, "not modified", 1)
	f.router.set(twoChecks, 0)
	f.step(t.Context())
	f.expect(t, "second file", 1, 2)
	if asked, sent := f.router.figures(); asked != 3 || sent != 2 {
		t.Errorf("asked %d times, got %d files; expected 3 and 2", asked, sent)
	}

	cached, err := os.ReadFile(filepath.Join(dir, "checks.toml"))
	if err != nil || string(cached) != twoChecks {
		t.Errorf("cached %q, %v", cached, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left in the state folder: %v", left)
	}
}

func TestFollowKeepsTheLastGoodFile(t *testing.T) {
	dir := t.TempDir()
	f := newFollowed(t, dir)
	f.step(t.Context())
	f.router.set(twoChecks+"colour = \"red\"", 0)
	for range 3 {
		f.step(t.Context())
	}
	f.expect(t, "a bad file", 1)
	if n := f.log.count(`with="check file"`, "the last good one stays in force", "checks.toml:7: check[1].colour"); n != 1 {
		t.Errorf("said %d times, expected once\n%s", n, f.log)
	}
	if cached, _ := os.ReadFile(filepath.Join(dir, "checks.toml")); string(cached) != oneCheck {
		t.Errorf("cached %q", cached)
	}
	if got := f.ready(); got != "ready" {
		t.Errorf("/readyz: %s", got)
	}
	f.router.set(twoChecks, 0)
	f.step(t.Context())
	f.expect(t, "a good file again", 1, 2)
	if n := f.log.count("trouble is over", `with="check file"`); n != 1 {
		t.Errorf("recovery said %d times\n%s", n, f.log)
	}
}

func TestFollowStartsFromTheCache(t *testing.T) {
	dir := t.TempDir()
	if err := newCache(dir).save([]byte(twoChecks)); err != nil {
		t.Fatal(err)
	}
	f := newFollowed(t, dir)
	f.router.set("", http.StatusServiceUnavailable)
	f.start()
	f.expect(t, "router away", 2)
	for range 3 {
		f.step(t.Context())
	}
	f.expect(t, "router still away", 2)
	if n := f.log.count("with=router", "status 503"); n != 1 {
		t.Errorf("said %d times, expected once\n%s", n, f.log)
	}
	f.router.set(oneCheck, 0)
	f.step(t.Context())
	f.expect(t, "router back", 2, 1)
}

func TestFollowBrokenCache(t *testing.T) {
	dir := t.TempDir()
	if err := newCache(dir).save([]byte("[[check]")); err != nil {
		t.Fatal(err)
	}
	f := newFollowed(t, dir)
	f.start()
	f.expect(t, "broken cache")
	if got := f.ready(); !strings.Contains(got, "checks.toml:2") && !strings.Contains(got, "checks.toml:1") {
		t.Errorf("/readyz: %s", got)
	}
	f.step(t.Context())
	f.expect(t, "router", 1)
}

func TestFollowWithoutDisk(t *testing.T) {
	f := newFollowed(t, filepath.Join(writeFile(t, "file", ""), "below"))
	f.start()
	f.step(t.Context())
	f.expect(t, "the checks run all the same", 1)
	if n := f.log.count(`with="check file cache"`, "save check file", "not a directory"); n != 1 {
		t.Errorf("said %d times, expected once\n%s", n, f.log)
	}
}

func TestFollowWaitsForARouter(t *testing.T) {
	f := newFollowed(t, t.TempDir())
	f.router.set("", http.StatusServiceUnavailable)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.run(t.Context())
	}()
	t.Cleanup(func() { <-done }) // the test's context ends before its cleanups
	await(t, "two tries", func() bool { asked, _ := f.router.figures(); return asked >= 2 })
	if got := f.ready(); got != "check file: none yet: neither a router nor a cached copy" {
		t.Errorf("/readyz: %s", got)
	}
	if n := f.log.count("with=router", "no check runs before the router gives a check file"); n != 1 {
		t.Errorf("said %d times, expected once\n%s", n, f.log)
	}
	f.router.set(oneCheck, 0)
	await(t, "readiness", func() bool { return f.ready() == "ready" })
	await(t, "recovery", func() bool { return f.log.count("trouble is over", "with=router") == 1 })
}

func TestFetchTriesTheNextRouter(t *testing.T) {
	dead := "http://" + testenv.FreeAddress(t)
	f := newFollowed(t, t.TempDir(), dead)
	f.step(t.Context())
	f.expect(t, "the second router answers", 1)
	if f.client.urls[0] == dead {
		t.Error("the dead router is asked first again")
	}
}

func TestFetchRefuses(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("redirected, with authorization %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, "status 302"},
		{"wrong token", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }, `status 401: "no\n"`},
		{"an endless file", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat("#", check.MaxFileBytes+1)))
		}, "more than 4194304 bytes"},
		{"a file that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(oneCheck))
		}, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			data, err := newRouterClient(Router{URLs: []string{server.URL}}, "test", slog.New(slog.DiscardHandler)).fetch(t.Context())
			if err == nil || data != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %d bytes, %v; expected %q", len(data), err, tt.want)
			}
		})
	}
}

// A router behind an authority of the operator's, and a proxy, is asked through both.
func TestFetchByOwnAuthoritiesAndAProxy(t *testing.T) {
	ca := testenv.NewAuthority(t)
	pair, err := tls.LoadX509KeyPair(ca.Issue("router"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&fakeRouter{file: oneCheck})
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := testenv.StartProxy(t, "u", "s3cret")
	for _, row := range []struct {
		name    string
		options transport.Options
		want    string // of the error
	}{
		{"all of it", transport.Options{CAFile: ca.File, Proxy: "http://u:s3cret@" + proxy.Host}, ""},
		{"the system's authorities", transport.Options{}, "certificate signed by unknown authority"},
		{"a proxy's wrong password", transport.Options{CAFile: ca.File, Proxy: "http://u:s3cre7@" + proxy.Host}, "Proxy Authentication Required"},
	} {
		client := newRouterClient(Router{URLs: []string{server.URL}, Token: "s3cret", Transport: row.options}, "test", slog.New(slog.DiscardHandler))
		data, err := client.fetch(t.Context())
		if row.want == "" && (err != nil || string(data) != oneCheck) {
			t.Errorf("%s: found %q, %v", row.name, data, err)
		}
		if row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "s3cre")) {
			t.Errorf("%s: found %v, want %q", row.name, err, row.want)
		}
	}
	if carried := proxy.Carried(); len(carried) != 1 {
		t.Errorf("the proxy carried %q", carried)
	}
}
