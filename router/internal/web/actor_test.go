package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/web"
)

// acts are all requests that somebody makes in a name, which stands for NAME.
var acts = []struct{ name, path, body string }{
	{"acknowledge", "/incidents/2026-1/ack", `{"by":"NAME"}`},
	{"snooze", "/incidents/2026-1/snooze", `{"by":"NAME","for":"2h"}`},
	{"reassign", "/incidents/2026-1/reassign", `{"by":"NAME","to":"bob"}`},
	{"note", "/incidents/2026-1/note", `{"by":"NAME","note":"x"}`},
	{"page", "/incidents", `{"by":"NAME","key":"k","summary":"x"}`},
	{"silence", "/silences", `{"by":"NAME","matchers":["host=web1"],"for":"2h","reason":"x"}`},
	{"end a silence", "/silences/S1/end", `{"by":"NAME"}`},
	{"sign in", "/signin", `{"person":"NAME"}`},
	{"resolve", "/incidents/2026-1/resolve", `{"by":"NAME"}`},
}

// newSilentSite is a site that keeps silences too.
func newSilentSite(t *testing.T) *site {
	s := newSite(t)
	s.Server = httptest.NewServer(web.New(web.Options{
		Board: s.house, Actor: s.house, Silences: quiet{incident.NewBook(nil, nil, nil)}, Gate: s.gate, File: rotationFile(t), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(s.Close)
	return s
}

func TestANameThatCanBeNoneIsRefused(t *testing.T) {
	const one = "expected a name on one line, without control characters"
	for _, row := range []struct{ name, by, says string }{
		{"too long", strings.Repeat("é", 201), "found 201 characters, expected at most 200"},
		{"a line break", `a\nb`, one},
		{"a terminal's command", `a\u001b[2Jb`, one},
		{"a line separator", `a\u2028b`, one},
		{"text turned around", `a\u202eb`, one},
		{"a null", `a\u0000b`, one},
	} {
		s := newSilentSite(t)
		for _, act := range acts {
			got := s.call(t, "POST", "/api/v1"+act.path, "act", strings.Replace(act.body, "NAME", row.by, 1))
			if field := `"message":"by: `; got.status != http.StatusBadRequest || !strings.Contains(got.body, row.says) || !(strings.Contains(got.body, field) || act.name == "sign in") {
				t.Errorf("%s, %s: got %d %s", act.name, row.name, got.status, got.body)
			}
		}
		if s.state() != incident.Triggered || len(s.said) > 0 || len(s.notes) > 0 {
			t.Errorf("%s: it was done all the same: %s, %q, %q", row.name, s.state(), s.said, s.notes)
		}
	}
	s := newSilentSite(t)
	if got := s.call(t, "POST", "/api/v1/incidents/2026-1/ack", "act", `{"by":" `+strings.Repeat("é", 200)+`\n"}`); got.status != 200 || s.incident.AcknowledgedBy != strings.Repeat("é", 200) {
		t.Errorf("a name of 200 characters: got %d, by %q", got.status, s.incident.AcknowledgedBy)
	}
}

func TestANameThatIsNotInTheRotationFileIsTakenAndSaid(t *testing.T) {
	for _, row := range []struct{ by, warns string }{
		{"carol", `"warnings":["carol is not in the rotation file"]`},
		{"alicf", `"warnings":["alicf is not in the rotation file (did you mean \"alice\"?)"]`},
		{"alice", ""},
		{" alice ", ""},
	} {
		s := newSilentSite(t)
		for _, act := range acts {
			got := s.call(t, "POST", "/api/v1"+act.path, "act", strings.Replace(act.body, "NAME", row.by, 1))
			if got.status != 200 || !strings.Contains(got.body, row.warns) || strings.Contains(got.body, "warnings") != (row.warns != "") {
				t.Errorf("%s by %q: got %d %s, want %s", act.name, row.by, got.status, got.body, row.warns)
			}
		}
	}
	s := newSilentSite(t)
	if got := s.call(t, "POST", "/api/v1/incidents/2026-1/ack", "act", `{}`); strings.TrimSpace(got.body) != `{}` {
		t.Errorf("the token's own name is warned of: %s", got.body)
	}
}
