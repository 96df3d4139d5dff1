package call_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"nezuban/packaging/testenv/faketwilio"
	"nezuban/packaging/testenv/hostile"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/call"
	"nezuban/router/internal/page/twilio"
)

const alicesNumber = "+4915112345678"

// soon is the timeout where nothing is ever answered. Elsewhere it is a minute: no pause of the machine is taken for silence.
const soon = time.Second

func configFor(server *faketwilio.Server) call.Config {
	return call.Config{Config: twilio.Config{
		BaseURL: server.URL + "/", AccountSID: faketwilio.AccountSID, AuthToken: faketwilio.AuthToken, From: faketwilio.From,
		Timeout: time.Minute,
	}}
}

// withKey adds where a pressed key is reported.
func withKey(c call.Config) call.Config {
	c.Answer = func(m page.Message) string { return "https://nezuban.example/call?page=" + m.PageID + "&sign=x" }
	return c
}

func message(kind page.Kind) page.Message {
	return page.Message{
		Kind: kind, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT-1",
		People: []page.Recipient{{Person: "alice", Address: alicesNumber}},
		Title:  "container shop died with exit 137", Rule: "container-died", Severity: incident.SeverityPage,
		Labels: map[string]string{"host": "web1", "container_name": "shop"},
		Why:    "step 1 of policy api: on call for api", URL: "https://nezuban.example/incidents/01JINCIDENT",
	}
}

// mustPage pages and returns the call's id.
func mustPage(t *testing.T, p page.Pager, m page.Message) string {
	t.Helper()
	id, err := p.Page(t.Context(), m)
	if err != nil {
		t.Fatalf("Page(%s): %v", m.Kind, err)
	}
	return id
}

const words = "Nezuban has a page for alice. container shop died with exit 137. host web1 container shop. step 1 of policy api: on call for api."

func TestCall(t *testing.T) {
	server := faketwilio.New(t)
	id := mustPage(t, call.New(configFor(server)), message(page.KindTrigger))
	calls := server.Calls()
	if len(calls) != 1 || calls[0].SID != id || calls[0].To != alicesNumber || calls[0].From != faketwilio.From {
		t.Fatalf("called %+v, want once, alice, with id %q", calls, id)
	}
	const how = "To acknowledge, open the incident in Nezuban. No key acknowledges it, and nor does hanging up."
	if got := calls[0]; !slices.Equal(got.Spoken, []string{words, how, words, how}) || got.Action != "" {
		t.Errorf("says %q, awaits a key for %q", got.Spoken, got.Action)
	}
}

func TestCallThatAKeyAcknowledges(t *testing.T) {
	server := faketwilio.New(t)
	mustPage(t, call.New(withKey(configFor(server))), message(page.KindTrigger))
	const how = "To acknowledge, press 4. Hanging up acknowledges nothing."
	got := server.Calls()[0]
	if !slices.Equal(got.Spoken, []string{words, how, words, how, "No key was pressed. It is not acknowledged."}) {
		t.Errorf("says %q", got.Spoken)
	}
	if got.Action != "https://nezuban.example/call?page=01JINCIDENT-1&sign=x" {
		t.Errorf("the key is reported to %q", got.Action)
	}
}

func TestRepeatSaysSo(t *testing.T) {
	for name, misbehave := range map[string]func(*faketwilio.Server, *call.Config){
		"500 then 201":       func(s *faketwilio.Server, _ *call.Config) { s.Fail(1, 500) },
		"made, not answered": func(s *faketwilio.Server, c *call.Config) { s.Swallow(1); c.HTTPClient = s.Impatient() },
		"429":                func(s *faketwilio.Server, _ *call.Config) { s.Limit(1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			server := faketwilio.New(t)
			config, m := configFor(server), message(page.KindTrigger)
			misbehave(server, &config)
			p := call.New(config)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Fatalf("first try: %v, want an error worth another try", err)
			}
			m.Repeat = true
			mustPage(t, p, m)
			calls := server.Calls()
			if last := calls[len(calls)-1].Spoken[0]; !strings.Contains(last, "You may have been called about it already") {
				t.Errorf("the repeat says %q", last)
			}
		})
	}
}

func TestNobodyIsCalledToHearThatItIsOver(t *testing.T) {
	for _, row := range []struct {
		name    string
		kind    page.Kind
		prepare func(s *faketwilio.Server, sid string, m *page.Message)
		status  string // of alice's call
	}{
		{"resolved while it rings", page.KindResolve, func(*faketwilio.Server, string, *page.Message) {}, "canceled"},
		{"acknowledged while it rings", page.KindAcknowledge, func(*faketwilio.Server, string, *page.Message) {}, "canceled"},
		{"resolved while she listens", page.KindResolve, func(s *faketwilio.Server, sid string, _ *page.Message) { s.Answer(sid) }, "in-progress"},
		{"more is known", page.KindUpdate, func(*faketwilio.Server, string, *page.Message) {}, "queued"},
		{"call not known", page.KindResolve, func(_ *faketwilio.Server, _ string, m *page.Message) { m.ProviderID = "" }, "queued"},
		{"call gone there", page.KindResolve, func(_ *faketwilio.Server, _ string, m *page.Message) { m.ProviderID = "CAgone" }, "queued"},
		{"nobody named", page.KindAcknowledge, func(_ *faketwilio.Server, _ string, m *page.Message) { m.People = nil }, "canceled"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := faketwilio.New(t)
			p := call.New(configFor(server))
			sid := mustPage(t, p, message(page.KindTrigger))
			m := message(row.kind)
			m.ProviderID = sid
			row.prepare(server, sid, &m)
			for range 2 { // the second is the repeat
				if got := mustPage(t, p, m); got != m.ProviderID {
					t.Errorf("id %q, want %q", got, m.ProviderID)
				}
			}
			if calls := server.Calls(); len(calls) != 1 || calls[0].Status != row.status {
				t.Errorf("calls %+v, want one that is %s", calls, row.status)
			}
		})
	}
}

// The timeline does not say of such a message alone that it was sent.
func TestATimelineSaysThatNobodyIsCalled(t *testing.T) {
	var p page.Explainer = call.New(configFor(faketwilio.New(t)))
	for kind, want := range map[page.Kind]string{
		page.KindTrigger: "", page.KindResolve: "nobody is called for that, and a phone that still rings stops",
	} {
		if got := p.Explain(message(kind), "CA1"); got != want {
			t.Errorf("%s: found %q, want %q", kind, got, want)
		}
	}
}

func TestClassification(t *testing.T) {
	for _, row := range []struct {
		name      string
		misbehave func(*faketwilio.Server, *call.Config, *page.Message)
		permanent bool
		after     time.Duration
		says      string
	}{
		{"nobody", func(_ *faketwilio.Server, _ *call.Config, m *page.Message) { m.People = nil }, true, 0, "one person, found 0"},
		{"no number", func(_ *faketwilio.Server, _ *call.Config, m *page.Message) { m.People[0].Address = "" }, true, 0, "alice has no number"},
		{"wrong number", func(_ *faketwilio.Server, _ *call.Config, m *page.Message) { m.People[0].Address = "0151" }, true, 0, "code 21211"},
		{"may not be called", func(_ *faketwilio.Server, _ *call.Config, m *page.Message) { m.People[0].Address = faketwilio.Blocked }, true, 0, "code 21215"},
		{"wrong sender", func(_ *faketwilio.Server, c *call.Config, _ *page.Message) { c.From = "+1" }, true, 0, "code 21210"},
		{"wrong token", func(_ *faketwilio.Server, c *call.Config, _ *page.Message) { c.AuthToken = "wrong" }, true, 0, "code 20003"},
		{"unknown kind", func(_ *faketwilio.Server, _ *call.Config, m *page.Message) { m.Kind = "snooze" }, true, 0, `"snooze"`},
		{"redirect", func(s *faketwilio.Server, _ *call.Config, _ *page.Message) { s.Fail(1, 307) }, true, 0, "answered 307"},
		{"500", func(s *faketwilio.Server, _ *call.Config, _ *page.Message) { s.Fail(1, 500) }, false, 0, "code 20500"},
		{"429 with Retry-After", func(s *faketwilio.Server, _ *call.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Retry-After": {"3"}})
		}, false, 3 * time.Second, "code 20429"},
		{"resolve, 503", func(s *faketwilio.Server, _ *call.Config, m *page.Message) {
			m.Kind, m.ProviderID = page.KindResolve, "CA1"
			s.Fail(1, 503)
		}, false, 0, "code 20503"},
		{"unreachable", func(_ *faketwilio.Server, c *call.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" }, false, 0, "refused"},
		{"hangs", func(s *faketwilio.Server, c *call.Config, _ *page.Message) { s.Hang(); c.Timeout = soon }, false, 0, "no answer within 1s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := faketwilio.New(t)
			config, m := configFor(server), message(page.KindTrigger)
			row.misbehave(server, &config, &m)
			_, err := call.New(config).Page(t.Context(), m)
			if err == nil || page.IsPermanent(err) != row.permanent || page.RetryAfter(err) != row.after {
				t.Fatalf("error %v: permanent %v, after %v; want %v, %v", err, page.IsPermanent(err), page.RetryAfter(err), row.permanent, row.after)
			}
			if _, ok := errors.AsType[*page.Error](err); !ok || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error %q (%T) does not say %q", err, err, row.says)
			}
			if got := server.Calls(); len(got) != 0 {
				t.Errorf("called %+v", got)
			}
		})
	}
}

func TestNoSecretAndNoNumberInErrors(t *testing.T) {
	server := faketwilio.New(t)
	for name, misbehave := range map[string]func(*call.Config, *page.Message){
		"token repeated by the answer":  func(c *call.Config, _ *page.Message) { c.AuthToken = "wrong-token-which-is-secret" },
		"number repeated by the answer": func(_ *call.Config, m *page.Message) { m.People[0].Address = "0151-a-private-number" },
		"no answer":                     func(c *call.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" },
		"no answer to a resolve": func(c *call.Config, m *page.Message) {
			c.BaseURL, m.Kind, m.ProviderID = "http://127.0.0.1:1", page.KindResolve, "CA1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, m := configFor(server), message(page.KindTrigger)
			misbehave(&config, &m)
			_, err := call.New(config).Page(t.Context(), m)
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

// The fake refuses every verb but those that speak.
func TestHostileNamesAreOnlySpoken(t *testing.T) {
	for what, name := range hostile.Names() {
		t.Run(what, func(t *testing.T) {
			server := faketwilio.New(t)
			m := message(page.KindTrigger)
			m.Title, m.Why, m.Labels["container_name"], m.People[0].Person = name, name, name, name
			mustPage(t, call.New(withKey(configFor(server))), m)
			got := server.Calls()[0]
			if len(got.Spoken) != 5 || !strings.Contains(got.Spoken[0], page.Line(name, page.TitleMax)) || !strings.HasPrefix(got.Action, "https://nezuban.example/") {
				t.Errorf("says %q, key to %q", got.Spoken, got.Action)
			}
			if strings.ContainsFunc(got.Spoken[0], func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("unprintable: %q", got.Spoken[0])
			}
		})
	}
}

// An answer that is JSON and names no call does not say that anybody is called.
func TestAnswerThatNamesNoCall(t *testing.T) {
	server := faketwilio.New(t)
	server.Garble(`{"ok":true}`)
	_, err := call.New(configFor(server)).Page(t.Context(), message(page.KindTrigger))
	if err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "call to alice: POST: the answer names no call: found no sid") {
		t.Errorf("found %v", err)
	}
}
