package app

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/router/internal/page"
)

// wired is a router on the files of a folder, put together as Run does it up to where it would begin to work.
func wired(t *testing.T, dir string) *router {
	t.Helper()
	path := filepath.Join(dir, "router.toml")
	write(t, path, "[sms]\naccount_sid = \"AC1\"\nauth_token_file = \"token\"\nfrom = \"+15005550006\"\n[[rule]]\nid = \"container-died\"\nkind = \"container_died\"\n")
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	cfg, err := Load(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon.Daemon{Log: discard, Health: &daemon.Health{}, Metrics: metrics.NewSet()}
	r := &router{cfg: cfg, d: d, out: io.Discard, trouble: daemon.NewCondition(discard, "state")}
	t.Cleanup(func() { r.stop() })
	for _, step := range []func(context.Context) error{r.open, r.resume} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// stop ends the router; once more changes nothing.
func (r *router) stop() {
	r.close()
	r.undo = nil
}

// What an incident was opened with stays its own when the router starts anew and finds another file.
func TestARunningIncidentKeepsItsPolicyOverARestart(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "contacts.toml"), "")
	one := strings.Replace(rotationText, "[people]\n", "[people]\nbob = { page = [\"terminal\"] }\n", 1)
	two := strings.Replace(one, `wait = "5m" }]`, `wait = "5m" }, { page = "bob", wait = "5m" }]`, 1)
	write(t, filepath.Join(dir, "oncall.toml"), two)
	r := wired(t, dir)
	opened := time.Now()
	if err := r.engine.Ingest(t.Context(), []influx.Point{death(opened)}); err != nil {
		t.Fatal(err)
	}
	id := r.engine.incidents()[0].ID
	r.stop()

	write(t, filepath.Join(dir, "oncall.toml"), strings.Replace(one, `wait = "5m"`, `wait = "100h"`, 1))
	r = wired(t, dir)
	r.engine.now = func() time.Time { return opened.Add(5*time.Minute + time.Second) }
	if err := r.engine.tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := r.engine.book.Rows(id)
	if last := rows[len(rows)-1]; last.Step != 1 || last.People[0] != "bob" || !strings.Contains(last.Why, "step 2 of policy standard") {
		t.Errorf("found %+v, want bob by the second step of the policy that is in no file any more", last)
	}
}

// A number that has changed is called by the next page, whatever it was when the router started or the incident opened.
func TestAPageGoesToTheAddressOfNow(t *testing.T) {
	dir := t.TempDir()
	contacts := filepath.Join(dir, "contacts.toml")
	write(t, contacts, "[alice]\nsms = \"+4915112345678\"\n")
	write(t, filepath.Join(dir, "oncall.toml"), strings.Replace(rotationText, `["terminal"]`, `["sms"]`, 1))
	r := wired(t, dir)
	phone := &channel{make(chan page.Message, 10), func(context.Context, page.Message) error { return nil }}
	r.deliverer.pagers = map[string]page.Pager{"sms": phone}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.deliverer.run(ctx) }()
	defer func() { cancel(); <-done }()
	for i, number := range []string{"+4915112345678", "+4915112345679"} {
		write(t, contacts, "[alice]\nsms = \""+number+"\"\n")
		r.rotations.look(t.Context())
		if err := r.engine.Ingest(t.Context(), deaths(2)[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if got := (<-phone.calls).People[0]; got.Person != "alice" || got.Address != number {
			t.Errorf("page %d went to %+v, want alice at %s", i+1, got, number)
		}
	}
}
