package pagerduty_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/pagerduty"
)

var (
	alice = page.Recipient{Person: "alice", Address: "PALICE"}
	bob   = page.Recipient{Person: "bob", Address: "PBOB"}
)

// soon is the timeout where nothing is ever answered. Elsewhere it is a minute: no pause of the machine is taken for silence.
const soon = time.Second

// account starts an account with alice and bob, and a pager for it.
func account(t *testing.T) (*fakepagerduty.Server, *pagerduty.Pager) {
	t.Helper()
	server := fakepagerduty.New(t)
	server.AddUser(alice.Address, "alice@example.com")
	server.AddUser(bob.Address, "bob@example.com")
	return server, pagerduty.New(configFor(server))
}

func configFor(server *fakepagerduty.Server) pagerduty.Config {
	return pagerduty.Config{
		BaseURL: server.URL, Token: fakepagerduty.Token, From: fakepagerduty.Bot, ServiceID: fakepagerduty.Service,
		Timeout: time.Minute,
	}
}

func trigger(people ...page.Recipient) page.Message {
	return page.Message{
		Kind: page.KindTrigger, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT.1", People: people,
		Title: "container shop died with exit 137", Text: "what\nwhere", Rule: "container-died", Severity: incident.SeverityPage,
		Labels: map[string]string{"host": "web1", "container_name": "shop"},
	}
}

// mustPage pages and returns the provider's id.
func mustPage(t *testing.T, p page.Pager, m page.Message) string {
	t.Helper()
	id, err := p.Page(t.Context(), m)
	if err != nil {
		t.Fatalf("Page(%s): %v", m.Kind, err)
	}
	return id
}

// only returns the account's one incident.
func only(t *testing.T, server *fakepagerduty.Server) fakepagerduty.Incident {
	t.Helper()
	all := server.Incidents()
	if len(all) != 1 {
		t.Fatalf("the account has %d incidents, want 1: %+v", len(all), all)
	}
	return all[0]
}

// notified is whom PagerDuty told, in order.
func notified(i fakepagerduty.Incident) (people []string) {
	for _, change := range i.History {
		people = append(people, change.Notified...)
	}
	return people
}

func TestTriggerCreatesAssignedByTheBot(t *testing.T) {
	server, p := account(t)
	id := mustPage(t, p, trigger(alice))
	got := only(t, server)
	if got.History[0].By != fakepagerduty.BotID {
		t.Errorf("created in the name of %q, want the bot", got.History[0].By)
	}
	want := fakepagerduty.Incident{
		ID: id, Number: "1", Key: "01JINCIDENT", Service: fakepagerduty.Service, Urgency: "high", Status: "triggered",
		Title: "container shop died with exit 137 (host=web1 container=shop)", Details: "what\nwhere", Assignees: []string{"PALICE"},
	}
	got.History = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("incident (-want +got):\n%s", diff)
	}
	if requests := server.Requests(); len(requests) != 1 {
		t.Errorf("%d requests, want 1", len(requests))
	}
}

func TestTicketIsOfLowUrgency(t *testing.T) {
	server, p := account(t)
	m := trigger(alice)
	m.Severity = incident.SeverityTicket
	mustPage(t, p, m)
	if got := only(t, server).Urgency; got != "low" {
		t.Errorf("urgency %q, want low", got)
	}
}

func TestSeveralPeopleAreAssignedAfterTheCreation(t *testing.T) {
	server, p := account(t)
	mustPage(t, p, trigger(alice, bob))
	if got := notified(only(t, server)); !slices.Equal(got, []string{"PALICE", "PBOB"}) {
		t.Errorf("notified %q, want alice and bob once each", got)
	}
}

func TestLaterStepReassigns(t *testing.T) {
	server, p := account(t)
	second := trigger(bob)
	second.ProviderID = mustPage(t, p, trigger(alice))
	second.PageID = "01JINCIDENT.2"
	mustPage(t, p, second)
	got := only(t, server)
	if !slices.Equal(got.Assignees, []string{"PBOB"}) || !slices.Equal(notified(got), []string{"PALICE", "PBOB"}) {
		t.Errorf("assigned to %q, notified %q", got.Assignees, notified(got))
	}
	if last := server.Requests()[2]; last.Method != http.MethodPut {
		t.Errorf("the second step is a %s, want PUT", last.Method)
	}
}

func TestLaterStepOfAnUnknownIncidentJoinsTheOpenOne(t *testing.T) {
	server, p := account(t)
	mustPage(t, p, trigger(alice)) // and its id was lost
	mustPage(t, p, trigger(bob))
	if got := only(t, server); !slices.Equal(got.Assignees, []string{"PBOB"}) {
		t.Errorf("assigned to %q, want bob", got.Assignees)
	}
}

func TestLaterStepOfOneResolvedAtPagerDutyIsAnError(t *testing.T) {
	server, p := account(t)
	second := trigger(bob)
	second.ProviderID = mustPage(t, p, trigger(alice))
	server.Resolve(second.ProviderID, "PALICE")
	_, err := p.Page(t.Context(), second)
	if !page.IsPermanent(err) || !strings.Contains(err.Error(), "nobody was notified") {
		t.Errorf("got %v, want a permanent error that says nobody was notified", err)
	}
}

func TestFailureThenSuccessIsOneIncident(t *testing.T) {
	for name, misbehave := range map[string]func(*fakepagerduty.Server, *pagerduty.Config){
		"500 then 201":               func(s *fakepagerduty.Server, _ *pagerduty.Config) { s.Fail(1, 500) },
		"500, look-up 500, then 201": func(s *fakepagerduty.Server, _ *pagerduty.Config) { s.Fail(1, 500); s.FailReads(1, 500) },
		"created, never answered, look-up fails": func(s *fakepagerduty.Server, c *pagerduty.Config) {
			s.Swallow(1)
			s.FailReads(1, 503)
			c.HTTPClient = s.Impatient()
		},
		"429 without headers": func(s *fakepagerduty.Server, _ *pagerduty.Config) { s.Limit(1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := account(t)
			config, m := configFor(server), trigger(alice)
			misbehave(server, &config)
			p := pagerduty.New(config)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Fatalf("first try: %v, want an error worth another try", err)
			}
			m.Repeat = true
			id := mustPage(t, p, m)
			if got := only(t, server); got.ID != id || !slices.Equal(notified(got), []string{"PALICE"}) {
				t.Errorf("id %q of %q, notified %q", id, got.ID, notified(got))
			}
		})
	}
}

func TestCreatedButNeverAnsweredIsFoundAtOnce(t *testing.T) {
	server, _ := account(t)
	server.Swallow(1)
	config := configFor(server)
	config.HTTPClient = server.Impatient()
	id := mustPage(t, pagerduty.New(config), trigger(alice))
	if got := only(t, server); got.ID != id {
		t.Errorf("id %q, want %q", id, got.ID)
	}
}

func TestRepeatIsKeyed(t *testing.T) {
	server, p := account(t)
	m := trigger(alice, bob)
	first := mustPage(t, p, m)
	m.Repeat = true
	if again := mustPage(t, p, m); again != first {
		t.Errorf("ids %q and %q", first, again)
	}
	if got := notified(only(t, server)); !slices.Equal(got, []string{"PALICE", "PBOB"}) {
		t.Errorf("notified %q, want each once", got)
	}
}

func TestRepeatLeavesWhatAPersonHasAcknowledged(t *testing.T) {
	server, p := account(t)
	id := mustPage(t, p, trigger(alice))
	server.Acknowledge(id, "PALICE")
	mustPage(t, p, trigger(bob))
	if got := only(t, server); got.Status != "acknowledged" || !slices.Equal(got.Assignees, []string{"PALICE"}) {
		t.Errorf("status %q, assigned to %q: taken from alice", got.Status, got.Assignees)
	}
}

func TestAssigneeWhoIsTheBotIsAnError(t *testing.T) {
	server, p := account(t)
	m := trigger(page.Recipient{Person: "bot", Address: fakepagerduty.BotID})
	for _, try := range []string{"first", "repeat"} {
		id, err := p.Page(t.Context(), m)
		if !page.IsPermanent(err) || !strings.Contains(err.Error(), "acknowledged") || id != only(t, server).ID {
			t.Errorf("%s: id %q, error %v, want the id and a permanent error", try, id, err)
		}
		m.Repeat = true
	}
	mustPage(t, p, trigger(alice)) // the next step gets through all the same
	if got := only(t, server); !slices.Equal(notified(got), []string{"PALICE"}) {
		t.Errorf("notified %q, want alice", notified(got))
	}
}

func TestClassification(t *testing.T) {
	for _, row := range []struct {
		name      string
		misbehave func(*fakepagerduty.Server, *pagerduty.Config, *page.Message)
		permanent bool
		after     time.Duration
		says      string
	}{
		{"nobody named", func(_ *fakepagerduty.Server, _ *pagerduty.Config, m *page.Message) { m.People = nil }, true, 0, "nobody is named"},
		{"no user id", func(_ *fakepagerduty.Server, _ *pagerduty.Config, m *page.Message) { m.People[0].Address = "" }, true, 0, "alice has no PagerDuty user id"},
		{"unknown kind", func(_ *fakepagerduty.Server, _ *pagerduty.Config, m *page.Message) { m.Kind = "snooze" }, true, 0, `"snooze"`},
		{"unknown assignee", func(_ *fakepagerduty.Server, _ *pagerduty.Config, m *page.Message) { m.People[0].Address = "PNOBODY" }, true, 0, "1007"},
		{"unknown From", func(_ *fakepagerduty.Server, c *pagerduty.Config, _ *page.Message) { c.From = "who@example.com" }, true, 0, "1008"},
		{"wrong token", func(_ *fakepagerduty.Server, c *pagerduty.Config, _ *page.Message) { c.Token = "wrong" }, true, 0, "2006"},
		{"wrong service", func(_ *fakepagerduty.Server, c *pagerduty.Config, _ *page.Message) { c.ServiceID = "PNONE" }, true, 0, "Service not found"},
		{"later step of no incident", func(_ *fakepagerduty.Server, _ *pagerduty.Config, m *page.Message) { m.ProviderID = "PGONE" }, true, 0, "2100"},
		{"400 and unknown whether open", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) {
			s.Fail(1, 400)
			s.FailReads(1, 500)
		}, false, 0, "look up"},
		{"402", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 402) }, true, 0, "402"},
		{"403", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 403) }, true, 0, "403"},
		{"404", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 404) }, true, 0, "404"},
		{"408", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 408) }, false, 0, "2016"},
		{"413", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 413) }, true, 0, "413"},
		{"redirect", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 307) }, true, 0, "307"},
		{"500", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 500) }, false, 0, "500"},
		{"503", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Fail(1, 503) }, false, 0, "503"},
		{"429 bare", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) { s.Limit(1, nil) }, false, 0, "429"},
		{"429 with ratelimit-reset", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Ratelimit-Reset": {"17"}, "Ratelimit-Remaining": {"0"}})
		}, false, 17 * time.Second, "429"},
		{"429 with Retry-After", func(s *fakepagerduty.Server, _ *pagerduty.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Retry-After": {"9"}})
		}, false, 9 * time.Second, "429"},
		{"unreachable", func(_ *fakepagerduty.Server, c *pagerduty.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" }, false, 0, "refused"},
		{"hangs", func(s *fakepagerduty.Server, c *pagerduty.Config, _ *page.Message) { s.Hang(); c.Timeout = soon }, false, 0, "no answer within 1s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, _ := account(t)
			config, m := configFor(server), trigger(alice)
			row.misbehave(server, &config, &m)
			_, err := pagerduty.New(config).Page(t.Context(), m)
			if err == nil || page.IsPermanent(err) != row.permanent || page.RetryAfter(err) != row.after {
				t.Errorf("error %v: permanent %v, after %v; want %v, %v", err, page.IsPermanent(err), page.RetryAfter(err), row.permanent, row.after)
			}
			if err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("error %q does not say %q", err, row.says)
			}
			if _, ok := errors.AsType[*page.Error](err); !ok {
				t.Errorf("%T is no *page.Error", err)
			}
			if got := server.Incidents(); len(got) != 0 {
				t.Errorf("made %+v", got)
			}
		})
	}
}

func TestNoSecretInErrors(t *testing.T) {
	const secret = "wrong-token-that-the-answer-repeats"
	server, _ := account(t)
	config := configFor(server)
	config.Token = secret
	_, err := pagerduty.New(config).Page(t.Context(), trigger(alice))
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[hidden]") {
		t.Errorf("got %v, want an error in which the token is hidden", err)
	}
	config.BaseURL = "http://127.0.0.1:1"
	if _, err = pagerduty.New(config).Page(t.Context(), trigger(alice)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want an error without the token", err)
	}
}

// An answer that is JSON and names no incident says as little as none: the incident is looked for, and made again.
func TestAnswerThatNamesNoIncident(t *testing.T) {
	server, p := account(t)
	server.Garble(`{"incident":{}}`)
	if id := mustPage(t, p, trigger(alice)); id != only(t, server).ID {
		t.Errorf("it is %q, want the incident that was found", id)
	}
	server, p = account(t)
	server.Garble(`{"incident":{}}`)
	server.FailReads(1, 500)
	if _, err := p.Page(t.Context(), trigger(alice)); err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "names no incident: found no id") {
		t.Errorf("found %v", err)
	}
}

// An event that nobody says to have taken is tried again, with its key.
func TestAnswerThatNamesNoEvent(t *testing.T) {
	server, events, p := both(t)
	server.Fail(2, 500)
	events.Garble(`{}`)
	m := failing(trigger(alice), time.Minute)
	if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "names no event") {
		t.Errorf("found %v", err)
	}
	if id := mustPage(t, p, m); len(events.Alerts()) != 1 {
		t.Errorf("it is %q, with %d alerts, want one", id, len(events.Alerts()))
	}
}

// What cannot be read is said without the words of the library.
func TestAnswerOfAnotherShapeIsSaidInWords(t *testing.T) {
	for _, text := range []string{`[]`, `{"incident":[]}`} {
		server, p := account(t)
		server.Garble(text)
		server.FailReads(1, 500)
		_, err := p.Page(t.Context(), trigger(alice))
		if err == nil || page.IsPermanent(err) || strings.Contains(err.Error(), "Go ") || !strings.Contains(err.Error(), "pagerduty create 01JINCIDENT: ") {
			t.Errorf("%s: found %v", text, err)
		}
	}
}
