package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/packaging/testenv"
	"nezuban/router/internal/access"
	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
	"nezuban/router/internal/web"
)

// desk is the router behind the API: one incident, and who did what to it.
type desk struct {
	did    []string
	closed int // further incidents that are closed
}

func (d *desk) Incidents(closed int, before string) []incident.Incident {
	list := []incident.Incident{{ID: "2026-1", State: incident.Triggered, Severity: incident.SeverityPage}}
	if before != "" {
		list = nil
	}
	for n := d.closed; n > 0 && closed > 0; n-- {
		if id := fmt.Sprintf("202500000000%04d", n); before == "" || id < before {
			list = append(list, incident.Incident{ID: id, State: incident.Resolved, ResolvedBy: "bob"})
			closed--
		}
	}
	if closed > 0 && (before == "" || before > "2026-0") {
		list = append(list, incident.Incident{ID: "2026-0", State: incident.Resolved, ResolvedBy: "bob"})
	}
	return list
}

func (d *desk) Incident(string) (incident.Incident, []incident.Entry, error) {
	return incident.Incident{}, nil, incident.ErrUnknown
}

func (d *desk) OnCall(time.Time) []schedule.Answer { return nil }

func (d *desk) Acknowledge(_ context.Context, id, by, note string) error {
	return d.act("acknowledge", id, by, note)
}

func (d *desk) Resolve(_ context.Context, id, by, note string) error {
	return d.act("resolve", id, by, note)
}

func (d *desk) Snooze(_ context.Context, id, by, note string, until time.Time) error {
	return d.say("snooze", id, by, note, until.UTC().Format(time.RFC3339))
}

func (d *desk) Reassign(_ context.Context, id, by, to, note string) error {
	return d.say("reassign", id, by, to, note)
}

func (d *desk) Note(_ context.Context, id, by, text string) error {
	return d.say("note", id, by, text)
}

func (d *desk) Page(_ context.Context, key, by, summary string, severity incident.Severity, labels map[string]string) (string, error) {
	return "I9", d.say("page", "2026-1", key, by, summary, string(severity), labels["team"])
}

func (d *desk) Forget(_ context.Context, host string) error {
	d.did = append(d.did, "forget "+host)
	return nil
}

func (d *desk) act(what, id, by, note string) error { return d.say(what, id, by, note) }

func (d *desk) say(what, id string, with ...string) error {
	switch id {
	case "2026-1":
		d.did = append(d.did, what+" "+strings.Join(with, " "))
		return nil
	case "stuck":
		return errors.New("etcd is away")
	case "full":
		return fmt.Errorf("%w: the disk has 92 MiB left", record.ErrFull)
	}
	return fmt.Errorf("%s %q: %w", what, id, incident.ErrUnknown)
}

// router serves the real API over a desk.
func router(t *testing.T) (*desk, string) {
	d := &desk{}
	return d, serve(t, d, d)
}

func serve(t *testing.T, board web.Board, actor web.Actor) string {
	t.Helper()
	gate := access.New(access.Options{
		Tokens: []access.Token{{Name: "cli", Kind: access.Act, Hash: access.HashOf("act")}, {Name: "wall", Kind: access.Read, Hash: access.HashOf("read")}},
		Store:  &access.Memory{}, Now: time.Now,
	})
	server := httptest.NewServer(web.New(web.Options{Board: board, Actor: actor, Gate: gate, Now: time.Now, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	return server.URL
}

func dial(t *testing.T, url, token string) *client.Client {
	t.Helper()
	c, err := client.New(url, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCommands(t *testing.T) {
	d, url := router(t)
	c := dial(t, url+"/", "act")
	open, err := c.Incidents(t.Context(), 0)
	if err != nil || len(open) != 1 || open[0].ID != "2026-1" {
		t.Errorf("open: got %+v, %v", open, err)
	}
	if all, err := c.Incidents(t.Context(), 10); err != nil || len(all) != 2 {
		t.Errorf("all: got %+v, %v", all, err)
	}
	if _, err := c.Acknowledge(t.Context(), "2026-1", "alice", "on it"); err != nil {
		t.Error(err)
	}
	if _, err := c.Resolve(t.Context(), "2026-1", "", ""); err != nil {
		t.Error(err)
	}
	if err := c.Forget(t.Context(), "web 1/a"); err != nil {
		t.Error(err)
	}
	if got := strings.Join(d.did, ", "); got != "acknowledge alice on it, resolve cli , forget web 1/a" {
		t.Errorf("got %q", got)
	}
	link, _, err := c.SignInLink(t.Context(), "alice")
	if err != nil || !strings.HasPrefix(link, url+"/signin?t=") {
		t.Errorf("sign-in link: got %q, %v", link, err)
	}
}

// A long history comes in pieces, none of which is large, and each incident once.
func TestALongHistory(t *testing.T) {
	d, url := router(t)
	d.closed = 1203
	for _, row := range []struct{ asked, want int }{{0, 1}, {1, 2}, {499, 500}, {500, 501}, {501, 502}, {1203, 1204}, {100_000, 1204}} {
		list, err := dial(t, url, "read").Incidents(t.Context(), row.asked)
		ids := map[string]bool{}
		for _, inc := range list {
			ids[inc.ID] = true
		}
		if err != nil || len(list) != row.want || len(ids) != row.want || list[0].ID != "2026-1" {
			t.Errorf("asked for %d: found %d, %d of them different, %v", row.asked, len(list), len(ids), err)
		}
	}
}

// ending is a desk whose first incident is over when the second piece of its history is asked for.
type ending struct{ *desk }

func (e ending) Incidents(closed int, before string) []incident.Incident {
	list := e.desk.Incidents(closed, before)
	first := incident.Incident{ID: "2024-1", State: incident.Triggered}
	if before != "" {
		first.State = incident.Resolved
	}
	return append(list, first)
}

func TestWhatEndsMeanwhileIsInAHistoryOnce(t *testing.T) {
	d := ending{&desk{closed: 700}}
	list, err := dial(t, serve(t, d, d), "read").Incidents(t.Context(), 10_000)
	ids := map[string]bool{}
	for _, inc := range list {
		ids[inc.ID] = true
	}
	if err != nil || len(list) != len(ids) || !ids["2024-1"] {
		t.Errorf("found %d incidents, %d of them different, %v", len(list), len(ids), err)
	}
}

func TestCommandsAboutIncidents(t *testing.T) {
	d, url := router(t)
	c := dial(t, url, "act")
	if _, err := c.Snooze(t.Context(), "2026-1", "alice", "lunch", time.Date(2099, 1, 1, 9, 0, 0, 0, time.FixedZone("", 3600))); err != nil {
		t.Error(err)
	}
	if _, err := c.Reassign(t.Context(), "2026-1", "alice", "bob", "yours"); err != nil {
		t.Error(err)
	}
	if _, err := c.Note(t.Context(), "2026-1", "alice", "the switch"); err != nil {
		t.Error(err)
	}
	if opened, err := c.Page(t.Context(), "k", "alice", "slow", "ticket", map[string]string{"team": "web"}); err != nil || opened.ID != "I9" {
		t.Errorf("page: %+v, %v", opened, err)
	}
	want := []string{"snooze alice lunch 2099-01-01T08:00:00Z", "reassign alice bob yours", "note alice the switch", "page k alice slow ticket web"}
	if !slices.Equal(d.did, want) {
		t.Errorf("did %q, want %q", d.did, want)
	}
	if _, err := c.Note(t.Context(), "2026-9", "alice", "x"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("an unknown incident: %v", err)
	}
}

func TestErrorsForPeople(t *testing.T) {
	_, url := router(t)
	gone := "http://" + testenv.FreeAddress(t)
	elsewhere := httptest.NewServer(http.RedirectHandler(url, http.StatusTemporaryRedirect))
	defer elsewhere.Close()
	talkative := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>"+strings.Repeat("\x1b[31m", 10), http.StatusBadGateway)
	}))
	defer talkative.Close()
	for _, row := range []struct {
		name string
		act  func() error
		want string
	}{
		{"wrong token", func() error { _, err := dial(t, url, "top-secret").Incidents(t.Context(), 0); return err }, "refused the token"},
		{"token of a lower kind", func() error { _, err := dial(t, url, "read").Resolve(t.Context(), "2026-1", "alice", ""); return err }, "refused the token"},
		{"no such incident", func() error { _, err := dial(t, url, "act").Resolve(t.Context(), "a/../b c", "alice", ""); return err }, "the router does not know it, or it is over already"},
		{"router in trouble", func() error { _, err := dial(t, url, "act").Resolve(t.Context(), "stuck", "alice", ""); return err }, "answered 503: the router cannot do this now, try again later: its log says why"},
		{"no room", func() error { _, err := dial(t, url, "act").Resolve(t.Context(), "full", "alice", ""); return err }, "try again later: the state is full: the disk has 92 MiB left"},
		{"router not running", func() error {
			_, err := dial(t, gone, "act").Resolve(t.Context(), "2026-1", "alice", "")
			return err
		}, "is it running?"},
		{"something else there", func() error {
			_, err := dial(t, talkative.URL, "act").Resolve(t.Context(), "2026-1", "alice", "")
			return err
		}, "answered 502: Bad Gateway"},
		{"sent elsewhere", func() error {
			_, err := dial(t, elsewhere.URL, "act").Resolve(t.Context(), "2026-1", "alice", "")
			return err
		}, "answered 307"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.act()
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got %v, want %q", err, row.want)
			}
			if strings.Contains(err.Error(), "top-secret") || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("the error holds what it must not: %q", err)
			}
		})
	}
	if _, err := dial(t, url, "act").Resolve(t.Context(), "gone", "alice", ""); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

func TestNewRefusesWhatIsNoURL(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:17070", "router", "ftp://router", "http://", "http://a b"} {
		if _, err := client.New(base, "t"); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:17070") {
			t.Errorf("%q: got %v, want an example", base, err)
		}
	}
}
