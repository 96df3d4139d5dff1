package pagerduty_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakehttp"
	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/pagerduty"
)

// change is a message about alice's incident that is no trigger.
func change(kind page.Kind, providerID string) page.Message {
	m := trigger()
	m.Kind, m.ProviderID, m.Title = kind, providerID, "the shop is closed"
	return m
}

func TestResolve(t *testing.T) {
	for _, row := range []struct {
		name    string
		known   bool // the incident's id
		prepare func(s *fakepagerduty.Server, id string)
		wantID  bool
	}{
		{"known", true, func(*fakepagerduty.Server, string) {}, true},
		{"looked up", false, func(*fakepagerduty.Server, string) {}, true},
		{"known, resolved there already", true, func(s *fakepagerduty.Server, id string) { s.Resolve(id, "PALICE") }, true},
		{"looked up, resolved there already", false, func(s *fakepagerduty.Server, id string) { s.Resolve(id, "PALICE") }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, p := account(t)
			id := mustPage(t, p, trigger(alice))
			row.prepare(server, id)
			m := change(page.KindResolve, "")
			if row.known {
				m.ProviderID = id
			}
			if got := mustPage(t, p, m); (got == id) != row.wantID {
				t.Errorf("provider id %q of %q, want it: %v", got, id, row.wantID)
			}
			if got := only(t, server).Status; got != "resolved" {
				t.Errorf("status %q", got)
			}
		})
	}
}

func TestAcknowledgeIsInThePersonsName(t *testing.T) {
	server, p := account(t)
	id := mustPage(t, p, trigger(alice))
	m := change(page.KindAcknowledge, id)
	m.People = []page.Recipient{bob}
	for range 2 { // the second is the repeat
		if got := mustPage(t, p, m); got != id {
			t.Errorf("provider id %q, want %q", got, id)
		}
	}
	if last := server.Requests()[len(server.Requests())-1]; last.Write() {
		t.Errorf("the repeat is a %s: it would take the incident from whoever has it by then", last.Method)
	}
	got := only(t, server)
	if got.Status != "acknowledged" || !slices.Equal(got.Acknowledgers, []string{"PBOB"}) || len(got.History) != 2 {
		t.Errorf("status %q by %q after %d changes, want acknowledged by bob once", got.Status, got.Acknowledgers, len(got.History))
	}
}

func TestAcknowledgeByWhoIsNotInPagerDutyIsByTheBot(t *testing.T) {
	server, p := account(t)
	m := change(page.KindAcknowledge, mustPage(t, p, trigger(alice)))
	m.People = []page.Recipient{{Person: "carol", Address: "PGONE"}}
	mustPage(t, p, m)
	if got := only(t, server); !slices.Equal(got.Acknowledgers, []string{fakepagerduty.BotID}) {
		t.Errorf("acknowledged by %q, want the bot", got.Acknowledgers)
	}
}

func TestAcknowledgeOvertakenByAnother(t *testing.T) {
	for name, code := range map[string]int{"resolved meanwhile": 1001, "acknowledged meanwhile": 1002} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					fakehttp.WriteJSON(w, http.StatusOK, map[string]any{"incidents": []any{
						map[string]any{"id": "P1", "incident_key": "01JINCIDENT", "status": "triggered"},
					}})
					return
				}
				fakehttp.WriteJSON(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": code, "message": "Too late"}})
			}))
			defer server.Close()
			p := pagerduty.New(pagerduty.Config{BaseURL: server.URL, Token: "t", From: "f", ServiceID: "s", Timeout: time.Minute})
			if id := mustPage(t, p, change(page.KindAcknowledge, "")); id != "P1" {
				t.Errorf("provider id %q", id)
			}
		})
	}
}

func TestAcknowledgeReopensNothing(t *testing.T) {
	server, p := account(t)
	m := change(page.KindAcknowledge, mustPage(t, p, trigger(alice)))
	server.Resolve(m.ProviderID, "PALICE")
	if id := mustPage(t, p, m); id != "" {
		t.Errorf("provider id %q, want none: nothing was open", id)
	}
	if got := only(t, server).Status; got != "resolved" {
		t.Errorf("status %q, want resolved", got)
	}
}

func TestUpdateChangesTheTitleAndNotifiesNobody(t *testing.T) {
	server, p := account(t)
	mustPage(t, p, change(page.KindUpdate, mustPage(t, p, trigger(alice))))
	got := only(t, server)
	if got.Title != "the shop is closed (host=web1 container=shop)" || !slices.Equal(notified(got), []string{"PALICE"}) {
		t.Errorf("title %q, notified %q", got.Title, notified(got))
	}
}

func TestChangesFail(t *testing.T) {
	for _, kind := range []page.Kind{page.KindUpdate, page.KindAcknowledge, page.KindResolve} {
		t.Run(string(kind), func(t *testing.T) {
			server, p := account(t)
			m := change(kind, mustPage(t, p, trigger(alice)))
			server.Fail(1, 502)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Errorf("502: %v, want an error worth another try", err)
			}
			server.Fail(1, 403)
			if _, err := p.Page(t.Context(), m); !page.IsPermanent(err) {
				t.Errorf("403: %v, want a permanent error", err)
			}
			m.ProviderID = ""
			server.FailReads(1, 503)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Errorf("look-up 503: %v, want an error worth another try", err)
			}
		})
	}
}
