package pagerduty_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/pagerduty"
)

// both starts an account, its Events API, and a pager that has both.
func both(t *testing.T) (*fakepagerduty.Server, *fakepagerduty.EventsServer, *pagerduty.Pager) {
	t.Helper()
	server, _ := account(t)
	events := fakepagerduty.NewEvents(t)
	c := configFor(server)
	c.EventsURL, c.EventsKey, c.HTTPClient = events.URL, fakepagerduty.RoutingKey, server.Impatient()
	return server, events, pagerduty.New(c)
}

// failing is a message whose tries have failed for that long.
func failing(m page.Message, d time.Duration) page.Message {
	m.Failing, m.Repeat = d, d > 0
	return m
}

func TestEventsTakeWhatTheRESTAPIDoesNot(t *testing.T) {
	const alertKey = "01JINCIDENT.1"
	for _, row := range []struct {
		name      string
		since     time.Duration
		wrong     func(*fakepagerduty.Server, *fakepagerduty.EventsServer)
		incidents int // at PagerDuty's REST API
		alerts    int
		id        string
		again     time.Duration // how soon another try is asked for; 0: none
		says      string
	}{
		{"all is well", 0, nil, 1, 0, "PI00001", 0, ""},
		{"it has failed, and works again", time.Minute, nil, 1, 0, "PI00001", 0, ""},
		{"500 at first", 0, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Fail(1, 500) }, 0, 0, "rest?", time.Second, ""},
		{"500 for 3 s: the next try comes in time", 3 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Fail(1, 500) }, 0, 0, "rest?", 7 * time.Second, ""},
		{"500 for 7 s: the next try would come 8 s later", 7 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Fail(1, 500) }, 0, 1, "rest? events/" + alertKey, 0, ""},
		{"500 for 11 s", 11 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Fail(1, 500) }, 0, 1, "rest? events/" + alertKey, 0, ""},
		{"429 without headers", 11 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Limit(2, nil) }, 0, 1, "events/" + alertKey, 0, ""},
		{"429 with headers: the pause concerns the REST API alone", 11 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) {
			s.Limit(1, http.Header{"Ratelimit-Reset": {"60"}, "Ratelimit-Remaining": {"0"}})
		}, 0, 1, "events/" + alertKey, 0, ""},
		{"429 that asks to wait long, at first: the next try comes in time for the Events API", 0, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) {
			s.Limit(1, http.Header{"Retry-After": {"300"}})
		}, 0, 0, "", 10 * time.Second, ""},
		{"created, but unknown: no alert beside it", 11 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Swallow(1) }, 1, 0, "PI00001", 0, ""},
		{"created, but unknown, and the look-up is limited at first", 11 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) {
			s.Swallow(1)
			s.FailReads(1, 429)
		}, 1, 0, "PI00001", 0, ""},
		{"created, but unknown, and cannot be looked up", 11 * time.Second, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) {
			s.Swallow(1)
			s.FailReads(2, 500)
		}, 1, 1, "rest? events/" + alertKey, 0, ""},
		{"refused for good: the next channel's affair", time.Minute, func(s *fakepagerduty.Server, _ *fakepagerduty.EventsServer) { s.Fail(1, 403) }, 0, 0, "", 0, "403"},
		{"both fail", 11 * time.Second, func(s *fakepagerduty.Server, e *fakepagerduty.EventsServer) {
			s.Fail(1, 503)
			e.Fail(1, 429)
		}, 0, 0, "rest?", time.Second, "Event object is invalid: Too Many Requests"},
		{"both fail, and the Events API asks to wait long: the REST API need not", 11 * time.Second, func(s *fakepagerduty.Server, e *fakepagerduty.EventsServer) {
			s.Fail(1, 503)
			e.Limit(1, http.Header{"Retry-After": {"300"}})
		}, 0, 0, "rest?", time.Second, "Too Many Requests"},
		{"both fail, and the REST API asks to wait long: the Events API need not", 11 * time.Second, func(s *fakepagerduty.Server, e *fakepagerduty.EventsServer) {
			s.Limit(2, http.Header{"Retry-After": {"300"}})
			e.Fail(1, 503)
		}, 0, 0, "", time.Second, "Service Unavailable"},
		{"the Events API refuses: in its own words", 11 * time.Second, func(s *fakepagerduty.Server, e *fakepagerduty.EventsServer) {
			s.Fail(1, 503)
			e.Fail(1, 400)
		}, 0, 0, "rest?", time.Second, "answered 400: Event object is invalid: Bad Request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // in which no time passes while the network is waited for: no pause of the machine is one of a try
				server, events, p := both(t)
				if row.wrong != nil {
					row.wrong(server, events)
				}
				id, err := p.Page(t.Context(), failing(trigger(alice), row.since))
				if id != row.id || len(server.Incidents()) != row.incidents || len(events.Alerts()) != row.alerts {
					t.Errorf("it is %q: %+v and %+v; %v", id, server.Incidents(), events.Alerts(), err)
				}
				switch retry := err != nil && !page.IsPermanent(err); {
				case (err != nil) != (row.again > 0 || row.says != ""), retry != (row.again > 0):
					t.Errorf("found %v", err)
				case err != nil && (!strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), fakepagerduty.RoutingKey)):
					t.Errorf("said %v, want %q", err, row.says)
				case retry && page.RetryAfter(err) > row.again:
					t.Errorf("asks to wait %s", page.RetryAfter(err))
				}
				if alerts := events.Alerts(); len(alerts) == 1 && (alerts[0].Key != alertKey || !strings.Contains(alerts[0].Summary, "[for alice]")) {
					t.Errorf("the alert is %+v", alerts[0])
				}
				if said := p.Explain(trigger(alice), id); (said != "") != (row.alerts == 1) {
					t.Errorf("explained by %q", said)
				}
			})
		})
	}
}

// What went by the Events API is acknowledged and resolved there, what may have gone by both is so by both.
func TestWhatFollowsGoesTheSameWay(t *testing.T) {
	for _, row := range []struct {
		name      string
		open      func(t *testing.T, server *fakepagerduty.Server, p *pagerduty.Pager) string
		incident  string // its status at the REST API in the end; "": none there
		asksREST  bool
		wantAlert string
	}{
		{"by REST", func(t *testing.T, _ *fakepagerduty.Server, p *pagerduty.Pager) string {
			return mustPage(t, p, trigger(alice))
		}, "resolved", true, ""},
		{"by events", func(t *testing.T, s *fakepagerduty.Server, p *pagerduty.Pager) string {
			s.Limit(2, nil)
			return mustPage(t, p, failing(trigger(alice), time.Minute))
		}, "", false, "resolved"},
		{"by both, of which one is not known", func(t *testing.T, s *fakepagerduty.Server, p *pagerduty.Pager) string {
			s.Swallow(1)
			s.FailReads(2, 500)
			return mustPage(t, p, failing(trigger(alice), time.Minute))
		}, "resolved", true, "resolved"},
		{"by events at first, the next step by REST", func(t *testing.T, s *fakepagerduty.Server, p *pagerduty.Pager) string {
			s.Limit(2, nil)
			m := trigger(bob)
			m.ProviderID = mustPage(t, p, failing(trigger(alice), time.Minute))
			m.PageID = "01JINCIDENT.2"
			return mustPage(t, p, m)
		}, "resolved", true, "resolved"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, events, p := both(t)
			id := row.open(t, server, p)
			before := len(server.Requests())
			for _, kind := range []page.Kind{page.KindAcknowledge, page.KindUpdate, page.KindResolve} {
				m := trigger(alice)
				m.Kind, m.ProviderID = kind, id
				mustPage(t, p, m)
				if kind != page.KindAcknowledge {
					continue
				}
				if alerts := events.Alerts(); row.wantAlert != "" && alerts[0].Status != "acknowledged" {
					t.Errorf("acknowledged, the alert is %+v", alerts)
				}
				if all := server.Incidents(); row.incident != "" && all[0].Status != "acknowledged" {
					t.Errorf("acknowledged, the incident is %+v", all)
				}
			}
			if all := server.Incidents(); fmt.Sprint(row.incident) != status(all) {
				t.Errorf("in the end the incident is %+v", all)
			}
			if alerts := events.Alerts(); (len(alerts) > 0) != (row.wantAlert != "") || (len(alerts) > 0 && alerts[0].Status != row.wantAlert) {
				t.Errorf("in the end the alert is %+v", alerts)
			}
			if asked := len(server.Requests()) > before; asked != row.asksREST {
				t.Errorf("the REST API was asked: %v", asked)
			}
		})
	}
}

func status(all []fakepagerduty.Incident) string {
	if len(all) == 0 {
		return ""
	}
	return all[0].Status
}

// What one API has taken is said again when the other fails: that changes nothing there.
func TestAResolveThatFailsInOneWayIsTriedAgain(t *testing.T) {
	server, events, p := both(t)
	server.Swallow(1)
	server.FailReads(2, 500)
	m := trigger(alice)
	m.ProviderID = mustPage(t, p, failing(trigger(alice), time.Minute))
	m.Kind = page.KindResolve
	server.FailReads(1, 500)
	id, err := p.Page(t.Context(), m)
	if err == nil || page.IsPermanent(err) {
		t.Fatalf("found %q, %v", id, err)
	}
	m.ProviderID = id
	mustPage(t, p, m)
	if all := server.Incidents(); all[0].Status != "resolved" || events.Alerts()[0].Status != "resolved" {
		t.Errorf("found %+v, %+v", all, events.Alerts())
	}
}

// The pause that one API asks for does not hold up what is said by the other.
func TestAResolveThatFailsInBothWaysWaitsForTheSoonerOne(t *testing.T) {
	for _, row := range []struct{ rest, events string }{{"60", "300"}, {"300", "60"}} {
		server, events, p := both(t)
		server.Swallow(1)
		server.FailReads(2, 500)
		m := trigger(alice)
		m.ProviderID = mustPage(t, p, failing(trigger(alice), time.Minute))
		m.Kind = page.KindResolve
		server.Limit(1, http.Header{"Retry-After": {row.rest}})
		events.Limit(1, http.Header{"Retry-After": {row.events}})
		if _, err := p.Page(t.Context(), m); page.IsPermanent(err) || page.RetryAfter(err) > time.Minute || page.RetryAfter(err) < 50*time.Second {
			t.Errorf("%+v: asks to wait %s: %v", row, page.RetryAfter(err), err)
		}
	}
}

// A request that was not made, because PagerDuty has asked to wait, has left nothing there that would have to be looked for.
func TestWhatWasNotSentMayNotHaveArrived(t *testing.T) {
	server, _, p := both(t)
	server.Limit(1, http.Header{"Ratelimit-Reset": {"60"}})
	mustPage(t, p, failing(trigger(alice), time.Minute))
	m := failing(trigger(bob), time.Minute)
	m.IncidentID, m.PageID = "01JANOTHER", "01JANOTHER-0"
	if id := mustPage(t, p, m); id != "events/01JANOTHER-0" {
		t.Errorf("it is %q", id)
	}
}
