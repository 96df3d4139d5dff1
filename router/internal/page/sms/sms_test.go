package sms_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv/faketwilio"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/sms"
	"nezuban/router/internal/page/twilio"
)

const alicesNumber = "+4915112345678"

// soon is the timeout where nothing is ever answered. Elsewhere it is a minute: no pause of the machine is taken for silence.
const soon = time.Second

func configFor(server *faketwilio.Server) twilio.Config {
	return twilio.Config{
		BaseURL: server.URL + "/", AccountSID: faketwilio.AccountSID, AuthToken: faketwilio.AuthToken, From: faketwilio.From,
		Timeout: time.Minute,
	}
}

func trigger() page.Message {
	return page.Message{
		Kind: page.KindTrigger, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT.1",
		People: []page.Recipient{{Person: "alice", Address: alicesNumber}},
		Title:  "container shop died with exit 137", Rule: "container-died", Severity: incident.SeverityPage,
		Labels: map[string]string{"host": "web1", "container_name": "shop"},
		Why:    "step 1 of policy api: on call for api", URL: "https://nezuban.example/incidents/01JINCIDENT",
	}
}

// mustPage pages and returns the message's id.
func mustPage(t *testing.T, p page.Pager, m page.Message) string {
	t.Helper()
	id, err := p.Page(t.Context(), m)
	if err != nil {
		t.Fatalf("Page(%s): %v", m.Kind, err)
	}
	return id
}

func TestSend(t *testing.T) {
	server := faketwilio.New(t)
	id := mustPage(t, sms.New(configFor(server)), trigger())
	sent := server.Messages()
	if len(sent) != 1 || sent[0].SID != id || sent[0].To != alicesNumber || sent[0].From != faketwilio.From {
		t.Fatalf("sent %+v, want one, to alice, with id %q", sent, id)
	}
	const want = "TRIGGERED container-died: container shop died with exit 137, host=web1 container=shop. " +
		"step 1 of policy api: on call for api https://nezuban.example/incidents/01JINCIDENT #01JINCIDENT.1"
	if sent[0].Body != want {
		t.Errorf("body\n%q, want\n%q", sent[0].Body, want)
	}
}

func TestFailureThenSuccessIsOneMessage(t *testing.T) {
	for name, misbehave := range map[string]func(*faketwilio.Server, *twilio.Config){
		"500 then 201":               func(s *faketwilio.Server, _ *twilio.Config) { s.Fail(1, 500) },
		"500, look-up 500, then 201": func(s *faketwilio.Server, _ *twilio.Config) { s.Fail(1, 500); s.FailReads(1, 500) },
		"sent, never answered, look-up fails": func(s *faketwilio.Server, c *twilio.Config) {
			s.Swallow(1)
			s.FailReads(1, 503)
			c.HTTPClient = s.Impatient()
		},
		"sent, answered by something between": func(s *faketwilio.Server, _ *twilio.Config) { s.Garble(`{"ok":true}`); s.FailReads(1, 503) },
		"429":                                 func(s *faketwilio.Server, _ *twilio.Config) { s.Limit(1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			server := faketwilio.New(t)
			config, m := configFor(server), trigger()
			misbehave(server, &config)
			p := sms.New(config)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Fatalf("first try: %v, want an error worth another try", err)
			}
			m.Repeat = true
			id := mustPage(t, p, m)
			if sent := server.Messages(); len(sent) != 1 || sent[0].SID != id {
				t.Errorf("id %q, sent %+v, want one", id, sent)
			}
		})
	}
}

func TestSentButNeverAnsweredIsFoundAtOnce(t *testing.T) {
	server := faketwilio.New(t)
	server.Swallow(1)
	config := configFor(server)
	config.HTTPClient = server.Impatient()
	id := mustPage(t, sms.New(config), trigger())
	if sent := server.Messages(); len(sent) != 1 || sent[0].SID != id {
		t.Errorf("id %q, sent %+v, want one", id, sent)
	}
}

// An answer that is JSON and names no message says as little as none.
func TestSentButNotNamedIsFoundAtOnce(t *testing.T) {
	server := faketwilio.New(t)
	server.Garble(`{"sid":null}`)
	id := mustPage(t, sms.New(configFor(server)), trigger())
	if sent := server.Messages(); len(sent) != 1 || sent[0].SID != id {
		t.Errorf("id %q, sent %+v, want one", id, sent)
	}
	server.Garble(`{}`)
	server.FailReads(1, 404)
	if _, err := sms.New(configFor(server)).Page(t.Context(), trigger()); err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "sms to alice: POST: the answer names no message: found no sid") {
		t.Errorf("found %v", err)
	}
}

// What cannot be read is said without the words of the program.
func TestAnswerOfAnotherShapeIsSaidInWords(t *testing.T) {
	for text, says := range map[string]string{
		`[]`:              "answer 201 cannot be read: found a JSON array, expected an object",
		`{"sid":["SM1"]}`: "answer 201 cannot be read: found a JSON array at sid, expected something else",
		`<html>`:          "answer 201 cannot be read: invalid character '<' looking for beginning of value",
	} {
		server := faketwilio.New(t)
		server.Garble(text)
		server.FailReads(1, 404)
		if _, err := sms.New(configFor(server)).Page(t.Context(), trigger()); err == nil || page.IsPermanent(err) || !strings.HasSuffix(err.Error(), says) {
			t.Errorf("%s: found %v", text, err)
		}
	}
}

func TestRepeatIsLookedUp(t *testing.T) {
	for _, row := range []struct {
		name    string
		prepare func(s *faketwilio.Server, first string, m *page.Message)
		want    int // messages
	}{
		{"arrived", func(*faketwilio.Server, string, *page.Message) {}, 1},
		{"carrier gave it up", func(s *faketwilio.Server, first string, _ *page.Message) { s.SetStatus(first, "undelivered") }, 2},
		{"another page of the incident", func(_ *faketwilio.Server, _ string, m *page.Message) { m.PageID = "01JINCIDENT.12" }, 2},
		{"page id begins the same", func(_ *faketwilio.Server, _ string, m *page.Message) { m.PageID = "01JINCIDENT." }, 2},
		{"another number", func(_ *faketwilio.Server, _ string, m *page.Message) {
			m.People = []page.Recipient{{Person: "bob", Address: "+4915187654321"}}
		}, 2},
		{"account may not look", func(s *faketwilio.Server, _ string, _ *page.Message) { s.FailReads(1, 403) }, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := faketwilio.New(t)
			p, m := sms.New(configFor(server)), trigger()
			first := mustPage(t, p, m)
			row.prepare(server, first, &m)
			m.Repeat = true
			again := mustPage(t, p, m)
			sent := server.Messages()
			if len(sent) != row.want || (again == first) != (row.want == 1) {
				t.Fatalf("ids %q and %q, %d messages, want %d", first, again, len(sent), row.want)
			}
			if last := sent[len(sent)-1].Body; strings.Contains(last, "(repeat)") != (row.want == 2) {
				t.Errorf("last body %q", last)
			}
		})
	}
}

func TestClassification(t *testing.T) {
	for _, row := range []struct {
		name      string
		misbehave func(*faketwilio.Server, *twilio.Config, *page.Message)
		permanent bool
		after     time.Duration
		says      string
	}{
		{"nobody", func(_ *faketwilio.Server, _ *twilio.Config, m *page.Message) { m.People = nil }, true, 0, "one person, found 0"},
		{"two people", func(_ *faketwilio.Server, _ *twilio.Config, m *page.Message) {
			m.People = append(m.People, m.People[0])
		}, true, 0, "found 2"},
		{"no number", func(_ *faketwilio.Server, _ *twilio.Config, m *page.Message) { m.People[0].Address = "" }, true, 0, "alice has no number"},
		{"wrong number", func(_ *faketwilio.Server, _ *twilio.Config, m *page.Message) { m.People[0].Address = "0151" }, true, 0, "code 21211"},
		{"unsubscribed", func(_ *faketwilio.Server, _ *twilio.Config, m *page.Message) {
			m.People[0].Address = faketwilio.Blocked
		}, true, 0, "code 21610"},
		{"wrong sender", func(_ *faketwilio.Server, c *twilio.Config, _ *page.Message) { c.From = "+1" }, true, 0, "code 21606"},
		{"wrong token", func(_ *faketwilio.Server, c *twilio.Config, _ *page.Message) { c.AuthToken = "wrong" }, true, 0, "code 20003"},
		{"wrong base URL", func(_ *faketwilio.Server, c *twilio.Config, _ *page.Message) { c.BaseURL = "http://bad host" }, true, 0, "base URL"},
		{"403", func(s *faketwilio.Server, _ *twilio.Config, _ *page.Message) { s.Fail(1, 403) }, true, 0, "answered 403"},
		{"redirect", func(s *faketwilio.Server, _ *twilio.Config, _ *page.Message) { s.Fail(1, 307) }, true, 0, "answered 307"},
		{"408", func(s *faketwilio.Server, _ *twilio.Config, _ *page.Message) { s.Fail(1, 408) }, false, 0, "answered 408"},
		{"500", func(s *faketwilio.Server, _ *twilio.Config, _ *page.Message) { s.Fail(1, 500) }, false, 0, "code 20500"},
		{"429 bare", func(s *faketwilio.Server, _ *twilio.Config, _ *page.Message) { s.Limit(1, nil) }, false, 0, "code 20429"},
		{"429 with Retry-After", func(s *faketwilio.Server, _ *twilio.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Retry-After": {"3"}})
		}, false, 3 * time.Second, "code 20429"},
		{"repeat, look-up fails", func(s *faketwilio.Server, _ *twilio.Config, m *page.Message) { m.Repeat = true; s.FailReads(1, 503) }, false, 0, "code 20503"},
		{"unreachable", func(_ *faketwilio.Server, c *twilio.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" }, false, 0, "refused"},
		{"hangs", func(s *faketwilio.Server, c *twilio.Config, _ *page.Message) { s.Hang(); c.Timeout = soon }, false, 0, "no answer within 1s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := faketwilio.New(t)
			config, m := configFor(server), trigger()
			row.misbehave(server, &config, &m)
			_, err := sms.New(config).Page(t.Context(), m)
			if err == nil || page.IsPermanent(err) != row.permanent || page.RetryAfter(err) != row.after {
				t.Fatalf("error %v: permanent %v, after %v; want %v, %v", err, page.IsPermanent(err), page.RetryAfter(err), row.permanent, row.after)
			}
			if _, ok := errors.AsType[*page.Error](err); !ok || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error %q (%T) does not say %q", err, err, row.says)
			}
			if got := server.Messages(); len(got) != 0 {
				t.Errorf("sent %+v", got)
			}
		})
	}
}

func TestNoSecretAndNoNumberInErrors(t *testing.T) {
	server := faketwilio.New(t)
	for name, misbehave := range map[string]func(*twilio.Config, *page.Message){
		"token repeated by the answer":  func(c *twilio.Config, _ *page.Message) { c.AuthToken = "wrong-token-which-is-secret" },
		"number repeated by the answer": func(_ *twilio.Config, m *page.Message) { m.People[0].Address = "0151-a-private-number" },
		"no answer":                     func(c *twilio.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" },
		"no answer to a look-up":        func(c *twilio.Config, m *page.Message) { c.BaseURL, m.Repeat = "http://127.0.0.1:1", true },
	} {
		t.Run(name, func(t *testing.T) {
			config, m := configFor(server), trigger()
			misbehave(&config, &m)
			_, err := sms.New(config).Page(t.Context(), m)
			if err == nil {
				t.Fatal("no error")
			}
			for _, secret := range []string{config.AuthToken, m.People[0].Address, alicesNumber[1:]} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error %q holds %q", err, secret)
				}
			}
		})
	}
}
