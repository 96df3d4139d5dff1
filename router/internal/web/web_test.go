package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
	"nezuban/router/internal/web"
)

// hostile is text as a sender may choose it.
const hostile = `</td><script>document.title="owned"</script><img src=x onerror=alert(1)>`

// house is a board, an actor and a watch with one incident, three minutes after it was opened.
type house struct {
	now       time.Time
	mu        sync.Mutex
	incident  incident.Incident
	timeline  []incident.Entry
	notes     []string
	forgotten []string
	said      []string // what else was done
	fail      error
	reach     reach.Reach
}

func newHouse() *house {
	now := time.Now()
	at := now.Add(-3 * time.Minute)
	alert := incident.Alert{
		Key: "k", Rule: "died", Kind: incident.KindOccurrence, Firing: true, Severity: incident.SeverityPage,
		Labels: map[string]string{"host": "h1", "container_name": "api"}, Summary: "api died " + hostile, At: at,
		Reason: "exit 7 " + hostile, Runbook: "https://wiki.example/api?a=1&b=2", Source: "https://graphs.example/api?a=1&b=2", Before: []incident.Mark{{At: at.Add(-time.Minute), Text: "container api was replaced " + hostile}},
	}
	return &house{
		now: now,
		incident: incident.Incident{
			ID: "2026-1", State: incident.Triggered, Severity: incident.SeverityPage, OpenedAt: at,
			Alerts: map[string]incident.AlertState{"k": {Alert: alert, Count: 2, First: at}}, Entries: 1,
		},
		timeline: []incident.Entry{{Seq: 0, At: at, Text: "opened " + hostile}},
	}
}

func (h *house) reached(id string) reach.Reach {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id != h.incident.ID {
		return reach.Reach{}
	}
	return h.reach
}

func (h *house) Incidents(closed int, _ string) []incident.Incident {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.incident.State == incident.Resolved && closed == 0 {
		return nil
	}
	return []incident.Incident{h.incident}
}

func (h *house) Incident(id string) (incident.Incident, []incident.Entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id != h.incident.ID {
		return incident.Incident{}, nil, fmt.Errorf("incident %q: %w", id, incident.ErrUnknown)
	}
	return h.incident, h.timeline, nil
}

func (h *house) OnCall(now time.Time) []schedule.Answer {
	return []schedule.Answer{{At: now, Schedule: "api", People: []string{"alice"}, Until: now.Add(time.Hour)}, {At: now, Schedule: "night"}}
}

func (h *house) Watched(now time.Time) []web.Watched {
	return []web.Watched{{Kind: "host", Name: "h1" + hostile, State: "up", Seen: now.Add(-12 * time.Second)}}
}

func (h *house) Acknowledge(_ context.Context, id, by, note string) error {
	return h.act(id, note, func() { h.incident.State, h.incident.AcknowledgedBy = incident.Acknowledged, by })
}

func (h *house) Resolve(_ context.Context, id, by, note string) error {
	return h.act(id, note, func() { h.incident.State, h.incident.ResolvedBy = incident.Resolved, by })
}

func (h *house) Snooze(_ context.Context, id, by, note string, until time.Time) error {
	return h.act(id, note, func() {
		h.incident.State, h.incident.AcknowledgedBy, h.incident.SnoozedUntil = incident.Snoozed, by, until
	})
}

func (h *house) Reassign(_ context.Context, id, by, to, note string) error {
	if to == "nobody" {
		return fmt.Errorf("reassign: %w: expected somebody", incident.ErrInvalid)
	}
	return h.act(id, note, func() { h.said = append(h.said, by+" gives it to "+to) })
}

func (h *house) Note(_ context.Context, id, by, text string) error {
	return h.act(id, text, func() { h.said = append(h.said, by+" notes "+text) })
}

func (h *house) Page(_ context.Context, key, by, summary string, severity incident.Severity, labels map[string]string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, fmt.Sprintf("%s pages %q as %s with %v under %q", by, summary, severity, labels, key))
	return "I1", h.fail
}

func (h *house) Forget(_ context.Context, host string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if host == "h9" {
		return fmt.Errorf("forget host %q: %w", host, incident.ErrUnknown)
	}
	h.forgotten = append(h.forgotten, host)
	return h.fail
}

func (h *house) act(id, note string, do func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return h.fail
	}
	if id != h.incident.ID || h.incident.State == incident.Resolved {
		return fmt.Errorf("incident %q: %w", id, incident.ErrUnknown)
	}
	do()
	h.notes = append(h.notes, note)
	h.timeline = append(h.timeline, incident.Entry{Seq: h.incident.Entries, At: time.Now(), Text: "it was " + string(h.incident.State)})
	h.incident.Entries++
	return nil
}

func (h *house) open(id string) (incident.Incident, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.incident, id == h.incident.ID
}

func (h *house) state() incident.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.incident.State
}

// rotationFile knows alice and bob.
func rotationFile(t *testing.T) func() *schedule.File {
	t.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(`zone = "UTC"
[people]
alice = { page = ["terminal"] }
bob = { page = ["terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "10m" }]
fallback = "bob"
[[route]]
policy = "standard"
`))
	if err != nil {
		t.Fatal(err)
	}
	return func() *schedule.File { return f }
}

// site is a house behind a real server.
type site struct {
	*house
	*httptest.Server
	gate *access.Gate
}

func newSite(t *testing.T) *site {
	h := newHouse()
	gate := access.New(access.Options{
		Tokens: []access.Token{
			{Name: "wall", Kind: access.Read, Hash: access.HashOf("read")},
			{Name: "cli", Kind: access.Act, Hash: access.HashOf("act")},
			{Name: "agents", Kind: access.Ingest, Hash: access.HashOf("ingest")},
		},
		Store: &access.Memory{}, Now: time.Now,
	})
	server := httptest.NewServer(web.New(web.Options{
		Board: h, Actor: h, Gate: gate, Watch: h, Reach: h.reached, Now: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler),
		ChecksFile: func() []byte { return []byte("[[check]]\n") }, Open: h.open, File: rotationFile(t),
	}))
	t.Cleanup(server.Close)
	return &site{h, server, gate}
}

// browser is a client with cookies that follows no redirect.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// signIn makes a link for alice and uses it up.
func (s *site) signIn(t *testing.T) *http.Client {
	t.Helper()
	b := browser(t)
	if got := do(t, b, http.MethodPost, s.URL+"/signin", url.Values{"t": {s.linkSecret(t)}}, nil); got.status != http.StatusSeeOther {
		t.Fatalf("sign in: got %d: %s", got.status, got.body)
	}
	return b
}

func (s *site) linkSecret(t *testing.T) string {
	t.Helper()
	link, err := s.gate.Invite(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("t")
}

type answer struct {
	status int
	header http.Header
	body   string
}

func do(t *testing.T, c *http.Client, method, url string, form url.Values, headers map[string]string) answer {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	if host := headers["Host"]; host != "" {
		r.Host = host
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// csrf finds the form token in a page.
func csrf(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form token in %s", page)
	}
	return m[1]
}

func TestStatusPage(t *testing.T) {
	s := newSite(t)
	got := do(t, s.signIn(t), http.MethodGet, s.URL+"/", nil, nil)
	if got.status != 200 {
		t.Fatalf("got %d: %s", got.status, got.body)
	}
	for _, want := range []string{"alice", "(api, until", "nobody", "api died", "triggered", "page", "container_name=api host=h1", "Acknowledge", "Resolve", "12s ago", "3m0s ago"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	if strings.Contains(got.body, "<script") || strings.Contains(got.body, "<img") {
		t.Error("a sender's text became markup")
	}
}

func TestIncidentPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(t)
	got := do(t, b, http.MethodGet, s.URL+"/incidents/2026-1", nil, nil)
	if got.status != 200 || !strings.Contains(got.body, "opened &lt;/td&gt;") || strings.Contains(got.body, "<script") {
		t.Errorf("got %d: %s", got.status, got.body)
	}
	for _, want := range []string{
		"why: <bdi>exit 7 &lt;/td&gt;", `<a href="https://wiki.example/api?a=1&amp;b=2" rel="noreferrer">`, `source: <a href="https://graphs.example/api?a=1&amp;b=2" rel="noreferrer">`, "<bdi>container api was replaced &lt;/td&gt;",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("found no %s in %s", want, got.body)
		}
	}
	if got := do(t, b, http.MethodGet, s.URL+"/incidents/nothing", nil, nil); got.status != 404 {
		t.Errorf("unknown incident: got %d", got.status)
	}
}

func TestPagesAndAPISayWhoIsReached(t *testing.T) {
	receipts := []reach.Receipt{{Person: "alice", Channel: "sms"}, {Person: "<script>bob", Channel: "call"}}
	tests := []struct {
		name              string
		reach             reach.Reach
		page, never, json string
	}{
		{"nobody yet", reach.Reach{NobodyReached: true}, "nobody reached yet", "reached:", `"nobody_reached":true`},
		{"two", reach.Reach{Reached: receipts}, "reached: <bdi>alice by sms, &lt;script&gt;bob by call</bdi>", "nobody reached", `"reached":[{"person":"alice","channel":"sms"},{"person":"\u003cscript\u003ebob","channel":"call"}]`},
		{"not asked for", reach.Reach{}, "api died", "reached", `"id":"2026-1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.reach = tt.reach
			b := s.signIn(t)
			for _, path := range []string{"/", "/incidents/2026-1"} {
				if got := do(t, b, http.MethodGet, s.URL+path, nil, nil).body; !strings.Contains(got, tt.page) || strings.Contains(got, tt.never) {
					t.Errorf("%s: want %q, never %q, in\n%s", path, tt.page, tt.never, got)
				}
				if got := s.call(t, "GET", strings.TrimSuffix("/api/v1/incidents"+strings.TrimPrefix(path, "/incidents"), "/"), "read", "").body; !strings.Contains(got, tt.json) {
					t.Errorf("API for %s: want %s in %s", path, tt.json, got)
				}
			}
		})
	}
}

func TestButtons(t *testing.T) {
	s := newSite(t)
	b := s.signIn(t)
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/ack", url.Values{"csrf": {token}, "note": {" on it "}}, nil)
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/incidents/2026-1?since=1" {
		t.Fatalf("acknowledge: got %d to %q", got.status, got.header.Get("Location"))
	}
	if s.state() != incident.Acknowledged || s.incident.AcknowledgedBy != "alice" || s.notes[0] != "on it" {
		t.Errorf("got %+v, notes %q", s.incident, s.notes)
	}
	page := do(t, b, http.MethodGet, s.URL+"/", nil, nil).body
	if !strings.Contains(page, "acknowledged") || strings.Contains(page, ">Acknowledge<") || !strings.Contains(page, ">Resolve<") {
		t.Error("an acknowledged incident can be resolved and not acknowledged")
	}
	if got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/resolve", url.Values{"csrf": {token}}, nil); got.status != http.StatusSeeOther || s.state() != incident.Resolved {
		t.Errorf("resolve: got %d, state %s", got.status, s.state())
	}
	if got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/ack", url.Values{"csrf": {token}}, nil); got.status != 404 {
		t.Errorf("acknowledge what is resolved: got %d, want 404", got.status)
	}
}

func TestButtonThatDoesNotWorkSaysSo(t *testing.T) {
	s := newSite(t)
	b := s.signIn(t)
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	s.fail = errors.New("etcd is away")
	got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/ack", url.Values{"csrf": {token}}, nil)
	if got.status != 503 || strings.Contains(got.body, "etcd") {
		t.Errorf("got %d: %s", got.status, got.body)
	}
}

func TestAFormThatIsTooLargeIsSaidToBe(t *testing.T) {
	s := newSite(t)
	b := s.signIn(t)
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	form := url.Values{"csrf": {token}, "note": {strings.Repeat("x", 1<<16)}}
	got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/ack", form, nil)
	if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "this form has more than 65536 bytes") || s.state() != incident.Triggered {
		t.Errorf("got %d, %s: %s", got.status, s.state(), got.body)
	}
}

// TestNothingWithoutSignIn walks every page and button without a cookie.
func TestNothingWithoutSignIn(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct{ method, path string }{
		{"GET", "/"},
		{"GET", "/incidents/2026-1"},
		{"POST", "/incidents/2026-1/ack"},
		{"POST", "/incidents/2026-1/resolve"},
		{"POST", "/signout"},
	} {
		got := do(t, browser(t), row.method, s.URL+row.path, url.Values{}, nil)
		if got.status != 401 || strings.Contains(got.body, "api died") || s.state() != incident.Triggered {
			t.Errorf("%s %s: got %d, state %s", row.method, row.path, got.status, s.state())
		}
	}
}

// TestForgedForms sends what a foreign page, or a guess, could make a signed-in browser send.
func TestForgedForms(t *testing.T) {
	s := newSite(t)
	b, other := s.signIn(t), s.signIn(t)
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	foreign := csrf(t, do(t, other, http.MethodGet, s.URL+"/", nil, nil).body)
	for _, row := range []struct {
		name    string
		form    url.Values
		headers map[string]string
	}{
		{"no form token", url.Values{}, nil},
		{"another session's form token", url.Values{"csrf": {foreign}}, nil},
		{"form token in the URL alone", nil, nil},
		{"foreign origin", url.Values{"csrf": {token}}, map[string]string{"Origin": "http://evil.example"}},
		{"hidden origin", url.Values{"csrf": {token}}, map[string]string{"Origin": "null"}},
		{"cross-site", url.Values{"csrf": {token}}, map[string]string{"Sec-Fetch-Site": "cross-site"}},
		{"foreign host", url.Values{"csrf": {token}}, map[string]string{"Host": "evil.example"}},
	} {
		for _, button := range []string{"ack", "resolve"} {
			got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/"+button+"?csrf="+url.QueryEscape(token), row.form, row.headers)
			if got.status != 403 || s.state() != incident.Triggered {
				t.Errorf("%s, %s: got %d, state %s", row.name, button, got.status, s.state())
			}
		}
	}
}

// TestReadingChangesNothing opens everything there is by GET and HEAD, the link included.
func TestReadingChangesNothing(t *testing.T) {
	s := newSite(t)
	b := s.signIn(t)
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	secret := s.linkSecret(t)
	for _, method := range []string{"GET", "HEAD"} {
		for _, path := range []string{"/", "/incidents/2026-1", "/incidents/2026-1/ack?csrf=" + token, "/incidents/2026-1/resolve?csrf=" + token, "/signout?csrf=" + token, "/signin?t=" + secret} {
			do(t, b, method, s.URL+path, nil, nil)
		}
	}
	if s.state() != incident.Triggered {
		t.Errorf("state %s", s.state())
	}
	if got := do(t, b, http.MethodGet, s.URL+"/", nil, nil); got.status != 200 {
		t.Error("signed out by reading")
	}
	if got := do(t, browser(t), http.MethodPost, s.URL+"/signin", url.Values{"t": {secret}}, nil); got.status != http.StatusSeeOther {
		t.Error("the link was used up by reading")
	}
}

func TestSignInOnceAndOut(t *testing.T) {
	s := newSite(t)
	secret := s.linkSecret(t)
	b := browser(t)
	got := do(t, b, http.MethodPost, s.URL+"/signin", url.Values{"t": {secret}}, nil)
	cookie := got.header.Get("Set-Cookie")
	for _, flag := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, flag) {
			t.Errorf("cookie %q without %s", cookie, flag)
		}
	}
	again := do(t, browser(t), http.MethodPost, s.URL+"/signin", url.Values{"t": {secret}}, nil)
	never := do(t, browser(t), http.MethodPost, s.URL+"/signin", url.Values{"t": {"guess"}}, nil)
	if again.status != 401 || again.header.Get("Set-Cookie") != "" || again.body != never.body {
		t.Errorf("second use: got %d, cookie %q", again.status, again.header.Get("Set-Cookie"))
	}
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	if got := do(t, b, http.MethodPost, s.URL+"/signout", url.Values{"csrf": {token}}, nil); got.status != http.StatusSeeOther {
		t.Errorf("sign out: got %d", got.status)
	}
	if got := do(t, b, http.MethodGet, s.URL+"/", nil, nil); got.status != 401 {
		t.Errorf("signed out: got %d", got.status)
	}
}

func TestSecurityHeaders(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/", "/signin", "/style.css", "/nothing", "/api/v1/incidents"} {
		h := do(t, browser(t), http.MethodGet, s.URL+path, nil, nil).header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"Referrer-Policy":         "same-origin",
			"Cache-Control":           "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}
