package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
	"nezuban/router/internal/client"
	"nezuban/router/internal/web"
)

// shelf is one version of a rotation file whose applier chose a name that a terminal would obey.
type shelf struct{}

var since = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func (shelf) Versions() []web.Version {
	return []web.Version{{Hash: hash, Since: since, Name: "old.toml"}, {Hash: hash, Since: since, Name: "oncall.toml", By: "ci\x1b[31m"}}
}

func (shelf) Apply(context.Context, string, string, []byte) (web.Applied, error) {
	return web.Applied{}, web.ErrLocalFile
}

func (shelf) TextAt(context.Context, time.Time) (web.Version, []byte, error) {
	return web.Version{}, nil, web.ErrNoVersion
}

func (s shelf) FileAt(_ context.Context, at time.Time) (web.Version, *schedule.File, error) {
	if at.Before(since) {
		return web.Version{}, nil, fmt.Errorf("%w: the first came in force at %s", web.ErrNoVersion, since)
	}
	f, err := schedule.Parse("oncall.toml", []byte("zone = \"Europe/Berlin\"\n[people]\nalice = {}\n[schedule.api]\nlayers = [{ name = \"b\", from = \"2026-01-05 09:00\", to = \"2026-12-01 09:00\", who = [\"alice\"] }]\n"))
	return s.Versions()[1], f, err
}

func TestWhoAndRotations(t *testing.T) {
	gate := access.New(access.Options{
		Tokens: []access.Token{{Name: "wall", Kind: access.Read, Hash: access.HashOf("read")}}, Store: &access.Memory{}, Now: time.Now,
	})
	d := &desk{}
	server := httptest.NewServer(web.New(web.Options{Board: d, Actor: d, Rotations: shelf{}, Gate: gate, Now: time.Now, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	c := dial(t, server.URL, "read")

	who, err := c.Who(t.Context(), "2026-03-01T13:00:00+01:00", "api")
	if err != nil {
		t.Fatal(err)
	}
	var text, lines strings.Builder
	if err := client.WriteWho(&text, who, time.UTC); err != nil {
		t.Fatal(err)
	}
	if want := "on call: alice (api, until 2026-12-01 09:00 CET)\nby version 0123456789ab of oncall.toml, in force since 2026-03-01 12:00:00 UTC\n"; text.String() != want {
		t.Errorf("found %q\nwant %q", text.String(), want)
	}
	if err := client.WriteWhoJSON(&lines, who); err != nil || strings.Count(lines.String(), "\n") != 1 {
		t.Errorf("found %s, %v, want one line", lines.String(), err)
	}
	for _, want := range []string{`"at":"2026-03-01T13:00:00+01:00"`, `"people":["alice"]`, `"version":"` + hash + `"`, `"version_since":"2026-03-01T12:00:00Z"`} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("not said: %s in %s", want, lines.String())
		}
	}
	for at, want := range map[string]string{
		"2026-03-01T11:00:00Z": "no version of the rotation file was in force: the first came in force at 2026-03-01",
		"yesterday":            `at: found "yesterday"`,
	} {
		if _, err := c.Who(t.Context(), at, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found %v, want %s", at, err, want)
		}
	}

	versions, err := c.Rotations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text.Reset()
	if err := client.WriteVersions(&text, versions, time.UTC); err != nil {
		t.Fatal(err)
	}
	want := "SINCE                    VERSION       BY                   FILE\n" +
		"2026-03-01 12:00:00 UTC  0123456789ab  ci\uFFFD[31m              oncall.toml\n" +
		"2026-03-01 12:00:00 UTC  0123456789ab  (the router's disk)  old.toml\n"
	if text.String() != want {
		t.Errorf("found\n%s\nwant\n%s", text.String(), want)
	}
}
