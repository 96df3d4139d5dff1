package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nezuban/router/internal/incident"
)

// TestAPISaysWhatAnActionHasComeTo acts on an incident that stands in some way.
func TestAPISaysWhatAnActionHasComeTo(t *testing.T) {
	for _, row := range []struct {
		name   string
		state  incident.State
		had    string
		kind   incident.Kind
		firing bool
		path   string
		want   string
	}{
		{"taken over", incident.Acknowledged, "bob", incident.KindState, true, "ack", `{"taken_over_from":"bob"}`},
		{"taken over for later", incident.Snoozed, "bob", incident.KindState, true, "snooze", `{"taken_over_from":"bob"}`},
		{"taken by who has it", incident.Acknowledged, "alice", incident.KindState, true, "ack", `{}`},
		{"taken, and nobody had it", incident.Triggered, "", incident.KindState, true, "ack", `{}`},
		{"taken, and nobody has it any more", incident.Triggered, "bob", incident.KindState, true, "ack", `{}`},
		{"resolved while a condition goes on", incident.Acknowledged, "bob", incident.KindState, true, "resolve", `{"still_firing":["api is unhealthy"]}`},
		{"resolved when the condition is over", incident.Triggered, "", incident.KindState, false, "resolve", `{}`},
		{"resolved after something that happened", incident.Triggered, "", incident.KindOccurrence, true, "resolve", `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			s.incident.State, s.incident.AcknowledgedBy = row.state, row.had
			s.incident.Alerts = map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Kind: row.kind, Firing: row.firing, Summary: "api is unhealthy"}}}
			body := `{"by":"alice"}`
			if row.path == "snooze" {
				body = `{"by":"alice","for":"2h"}`
			}
			got := s.call(t, "POST", "/api/v1/incidents/2026-1/"+row.path, "act", body)
			if got.status != http.StatusOK || strings.TrimSpace(got.body) != row.want {
				t.Errorf("got %d %s, want %s", got.status, got.body, row.want)
			}
		})
	}
}

// TestAButtonSaysWhatItHasComeTo presses one on a page that was loaded before somebody else had the incident.
func TestAButtonSaysWhatItHasComeTo(t *testing.T) {
	s := newSite(t)
	b := s.signIn(t)
	token := csrf(t, do(t, b, http.MethodGet, s.URL+"/", nil, nil).body)
	got := do(t, b, http.MethodPost, s.URL+"/incidents/2026-1/ack", url.Values{"csrf": {token}}, nil)
	page := do(t, b, http.MethodGet, s.URL+got.header.Get("Location"), nil, nil).body
	news, _, found := strings.Cut(page, "<article")
	if _, news, _ = strings.Cut(news, `id="news"`); !found || !strings.Contains(news, "it was acknowledged") || strings.Contains(news, "opened") {
		t.Errorf("the page does not begin with what the button did: %s", page)
	}
	for _, path := range []string{"/incidents/2026-1", "/incidents/2026-1?since=2", "/incidents/2026-1?since=x"} {
		if page := do(t, b, http.MethodGet, s.URL+path, nil, nil).body; strings.Contains(page, `id="news"`) {
			t.Errorf("%s has news: %s", path, page)
		}
	}
}

func TestThePageSaysBeforeItIsResolvedThatTheCauseGoesOn(t *testing.T) {
	const hint = "resolved, it pages anew when it is heard of"
	s := newSite(t)
	b := s.signIn(t)
	if page := do(t, b, http.MethodGet, s.URL+"/incidents/2026-1", nil, nil).body; strings.Contains(page, hint) {
		t.Error("of something that happened the page says that it goes on")
	}
	s.incident.Alerts = map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Kind: incident.KindState, Firing: true}}}
	if page := do(t, b, http.MethodGet, s.URL+"/incidents/2026-1", nil, nil).body; !strings.Contains(page, hint) {
		t.Error("of a condition that goes on the page does not say so")
	}
}
