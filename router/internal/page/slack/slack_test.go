package slack_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"nezuban/packaging/testenv/fakeslack"
	"nezuban/packaging/testenv/hostile"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/slack"
)

// soon is the timeout where nothing is ever answered. Elsewhere it is a minute: no pause of the machine is taken for silence.
const soon = time.Second

func configFor(server *fakeslack.Server) slack.Config {
	return slack.Config{BaseURL: server.URL + "/", Token: fakeslack.Token, Timeout: time.Minute}
}

func message(kind page.Kind) page.Message {
	return page.Message{
		Kind: kind, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT-" + string(kind),
		People: []page.Recipient{{Person: "alice", Address: fakeslack.Alice}},
		Title:  "container shop died with exit 137", Text: "container shop died with exit 137\nwhere: host=web1 container=shop",
		Rule: "container-died", Severity: incident.SeverityPage,
		Labels: map[string]string{"host": "web1", "container_name": "shop"},
		Why:    "step 1 of policy api: on call for api", URL: "https://nezuban.example/incidents/01JINCIDENT?a=1&b=2",
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

func TestPost(t *testing.T) {
	server := fakeslack.New(t)
	id := mustPage(t, slack.New(configFor(server)), message(page.KindTrigger))
	sent := server.Messages()
	if len(sent) != 1 || sent[0].Channel+"/"+sent[0].TS != id || sent[0].Channel != fakeslack.AliceDM || sent[0].Thread != "" {
		t.Fatalf("sent %+v, want one, to alice, with id %q", sent, id)
	}
	got := sent[0]
	if got.Text != "TRIGGERED container-died: container shop died with exit 137, host=web1 container=shop #01JINCIDENT-trigger" {
		t.Errorf("text %q", got.Text)
	}
	want := []string{
		"TRIGGERED container-died", "container shop died with exit 137\nwhere: host=web1 container=shop",
		"Open the incident to acknowledge it", "#01JINCIDENT-trigger",
	}
	if !slices.Equal(got.Shown, want) || !slices.Equal(got.Links, []string{"https://nezuban.example/incidents/01JINCIDENT?a=1&b=2"}) || got.Mentions != nil {
		t.Errorf("shown %q, links %q, mentions %q", got.Shown, got.Links, got.Mentions)
	}
}

func TestWhatFollowsGoesToTheThread(t *testing.T) {
	server := fakeslack.New(t)
	p := slack.New(configFor(server))
	id := mustPage(t, p, message(page.KindTrigger))
	for _, kind := range []page.Kind{page.KindUpdate, page.KindAcknowledge, page.KindResolve, page.KindTrigger} {
		m := message(kind)
		m.ProviderID = id
		if got := mustPage(t, p, m); got != id {
			t.Errorf("%s: id %q, want that of the first message %q", kind, got, id)
		}
	}
	for i, m := range server.Messages()[1:] {
		if m.Thread != server.Messages()[0].TS || m.Broadcast != (i == 3) {
			t.Errorf("%q: thread %q, shown beside it: %v", m.Text, m.Thread, m.Broadcast)
		}
	}
}

func TestThreadThatIsNoMore(t *testing.T) {
	for name, prepare := range map[string]func(*fakeslack.Server, *page.Message){
		"gone": func(_ *fakeslack.Server, m *page.Message) { m.ProviderID = fakeslack.AliceDM + "/1.2" },
		"locked": func(s *fakeslack.Server, _ *page.Message) {
			s.Refuse("chat.postMessage", "restricted_action_thread_locked")
		},
		"no such id":            func(_ *fakeslack.Server, m *page.Message) { m.ProviderID = "nonsense" },
		"channel changed since": func(_ *fakeslack.Server, m *page.Message) { m.People[0].Address = fakeslack.Channel },
	} {
		t.Run(name, func(t *testing.T) {
			server := fakeslack.New(t)
			p := slack.New(configFor(server))
			m := message(page.KindResolve)
			m.ProviderID = mustPage(t, p, message(page.KindTrigger))
			prepare(server, &m)
			id := mustPage(t, p, m)
			if sent := server.Messages(); len(sent) != 2 || sent[1].Thread != "" || sent[1].Channel+"/"+sent[1].TS != id {
				t.Errorf("id %q, sent %+v", id, sent)
			}
		})
	}
}

func TestFailureThenSuccessIsOneMessage(t *testing.T) {
	for name, misbehave := range map[string]func(*fakeslack.Server, *slack.Config){
		"500 then 200":    func(s *fakeslack.Server, _ *slack.Config) { s.Fail(1, 500) },
		"refused for now": func(s *fakeslack.Server, _ *slack.Config) { s.Refuse("chat.postMessage", "service_unavailable") },
		"broken there":    func(s *fakeslack.Server, _ *slack.Config) { s.Refuse("chat.postMessage", "fatal_error") },
		"sent, never answered, look-up fails": func(s *fakeslack.Server, c *slack.Config) {
			s.Swallow(1)
			s.FailReads(1, 503)
			c.HTTPClient = s.Impatient()
		},
		"429": func(s *fakeslack.Server, _ *slack.Config) { s.Limit(1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			server := fakeslack.New(t)
			config, m := configFor(server), message(page.KindTrigger)
			misbehave(server, &config)
			p := slack.New(config)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Fatalf("first try: %v, want an error worth another try", err)
			}
			m.Repeat = true
			id := mustPage(t, p, m)
			if sent := server.Messages(); len(sent) != 1 || sent[0].Channel+"/"+sent[0].TS != id {
				t.Errorf("id %q, sent %+v, want one", id, sent)
			}
		})
	}
}

func TestSentButNeverAnsweredIsFoundAtOnce(t *testing.T) {
	server := fakeslack.New(t)
	server.Swallow(1)
	config := configFor(server)
	config.HTTPClient = server.Impatient()
	id := mustPage(t, slack.New(config), message(page.KindTrigger))
	if sent := server.Messages(); len(sent) != 1 || sent[0].Channel+"/"+sent[0].TS != id {
		t.Errorf("id %q, sent %+v, want one", id, sent)
	}
}

func TestRepeatIsLookedUp(t *testing.T) {
	for _, row := range []struct {
		name    string
		address string
		first   page.Kind // of the messages that are repeated; a resolve stands in a thread
		prepare func(s *fakeslack.Server, m *page.Message)
		want    int // further messages
	}{
		{"to a member", fakeslack.Alice, page.KindTrigger, func(*fakeslack.Server, *page.Message) {}, 0},
		{"to a channel", fakeslack.Channel, page.KindTrigger, func(*fakeslack.Server, *page.Message) {}, 0},
		{"in a thread", fakeslack.Channel, page.KindResolve, func(*fakeslack.Server, *page.Message) {}, 0},
		{"another page", fakeslack.Channel, page.KindTrigger, func(_ *fakeslack.Server, m *page.Message) { m.PageID += "2" }, 1},
		{"page id begins the same", fakeslack.Channel, page.KindTrigger, func(_ *fakeslack.Server, m *page.Message) { m.PageID = m.PageID[:5] }, 1},
		{"only quoted", fakeslack.Channel, page.KindTrigger, func(s *fakeslack.Server, m *page.Message) {
			m.PageID = "01JOTHER-1"
			s.Say(fakeslack.Channel, "what is #01JOTHER-1 ?")
		}, 1},
		{"may not read", fakeslack.Channel, page.KindTrigger, func(s *fakeslack.Server, _ *page.Message) { s.Refuse("conversations.history", "missing_scope") }, 1},
		{"may not open", fakeslack.Alice, page.KindTrigger, func(s *fakeslack.Server, _ *page.Message) { s.Refuse("conversations.open", "missing_scope") }, 1},
		{"may not read threads", fakeslack.Channel, page.KindResolve, func(s *fakeslack.Server, _ *page.Message) {
			s.Refuse("conversations.replies", "not_allowed_token_type")
		}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakeslack.New(t)
			p := slack.New(configFor(server))
			m := message(page.KindTrigger)
			m.People[0].Address = row.address
			first := mustPage(t, p, m)
			if row.first != page.KindTrigger {
				m = message(row.first)
				m.People[0].Address, m.ProviderID = row.address, first
				mustPage(t, p, m)
			}
			row.prepare(server, &m)
			before := len(server.Messages())
			m.Repeat = true
			mustPage(t, p, m)
			sent := server.Messages()
			if got := len(sent) - before; got != row.want {
				t.Fatalf("%d further messages, want %d", got, row.want)
			}
			if last := sent[len(sent)-1]; row.want == 1 && (!strings.Contains(last.Text, "(repeat)") || !strings.Contains(last.Shown[3], "(repeat)")) {
				t.Errorf("last text %q", last.Text)
			}
		})
	}
}

func TestClassification(t *testing.T) {
	refuse := func(name string) func(*fakeslack.Server, *slack.Config, *page.Message) {
		return func(s *fakeslack.Server, _ *slack.Config, _ *page.Message) { s.Refuse("chat.postMessage", name) }
	}
	for _, row := range []struct {
		name      string
		misbehave func(*fakeslack.Server, *slack.Config, *page.Message)
		permanent bool
		after     time.Duration
		says      string
	}{
		{"nobody", func(_ *fakeslack.Server, _ *slack.Config, m *page.Message) { m.People = nil }, true, 0, "one person, found 0"},
		{"no id", func(_ *fakeslack.Server, _ *slack.Config, m *page.Message) { m.People[0].Address = "" }, true, 0, "alice has no member"},
		{"unknown channel", func(_ *fakeslack.Server, _ *slack.Config, m *page.Message) { m.People[0].Address = "C0UNKNOWN" }, true, 0, "channel_not_found"},
		{"archived channel", func(_ *fakeslack.Server, _ *slack.Config, m *page.Message) { m.People[0].Address = fakeslack.Archived }, true, 0, "is_archived"},
		{"wrong token", func(_ *fakeslack.Server, c *slack.Config, _ *page.Message) { c.Token = "xoxb-wrong" }, true, 0, "invalid_auth"},
		{"account inactive", refuse("account_inactive"), true, 0, "account_inactive"},
		{"missing scope", refuse("missing_scope"), true, 0, `needed: "im:history"`},
		{"too long", refuse("msg_too_long"), true, 0, "msg_too_long"},
		{"not known to us", refuse("something_new"), true, 0, "something_new"},
		{"ratelimited", refuse("ratelimited"), false, 0, "ratelimited"},
		{"internal_error", refuse("internal_error"), false, 0, "internal_error"},
		{"503", func(s *fakeslack.Server, _ *slack.Config, _ *page.Message) { s.Fail(1, 503) }, false, 0, "answered 503"},
		{"redirect", func(s *fakeslack.Server, _ *slack.Config, _ *page.Message) { s.Fail(1, 302) }, true, 0, "answered 302"},
		{"429 with Retry-After", func(s *fakeslack.Server, _ *slack.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Retry-After": {"30"}})
		}, false, 30 * time.Second, "ratelimited"},
		{"repeat, look-up fails", func(s *fakeslack.Server, _ *slack.Config, m *page.Message) { m.Repeat = true; s.FailReads(1, 503) }, false, 0, "conversations.history: answered 503"},
		{"unreachable", func(_ *fakeslack.Server, c *slack.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" }, false, 0, "refused"},
		{"wrong base URL", func(_ *fakeslack.Server, c *slack.Config, _ *page.Message) { c.BaseURL = "http://bad host" }, true, 0, "base URL"},
		{"hangs", func(s *fakeslack.Server, c *slack.Config, _ *page.Message) { s.Hang(); c.Timeout = soon }, false, 0, "no answer within 1s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakeslack.New(t)
			config, m := configFor(server), message(page.KindTrigger)
			row.misbehave(server, &config, &m)
			_, err := slack.New(config).Page(t.Context(), m)
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

// An answer that is no JSON, from something between, does not say whether the message was posted.
func TestAnswerThatCannotBeRead(t *testing.T) {
	server := fakeslack.New(t)
	config := configFor(server)
	config.HTTPClient = &http.Client{Transport: broken{http.MethodPost}}
	_, err := slack.New(config).Page(t.Context(), message(page.KindTrigger))
	if err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("found %v", err)
	}
}

// One that is JSON and names no message says as little: it is looked for, and tried again.
func TestAnswerThatNamesNoMessage(t *testing.T) {
	for _, text := range []string{`{"ok":true}`, `{"ok":true,"channel":"D1","ts":null}`} {
		server := fakeslack.New(t)
		p, m := slack.New(configFor(server)), message(page.KindTrigger)
		server.Garble(text)
		id := mustPage(t, p, m)
		if sent := server.Messages(); len(sent) != 1 || !strings.HasSuffix(id, sent[0].TS) || sent[0].TS == "" {
			t.Errorf("%s: id %q, sent %+v, want the one that was found", text, id, sent)
		}
		server.Garble(text)
		server.FailReads(1, 404)
		m.PageID += "2"
		if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "names no message: found no channel or no ts") {
			t.Errorf("%s: found %v", text, err)
		}
	}
}

// A conversation that is too long to be read must not keep a page back for ever.
func TestLookUpThatCannotBeReadDoesNotHoldUpThePage(t *testing.T) {
	server := fakeslack.New(t)
	config, m := configFor(server), message(page.KindTrigger)
	config.HTTPClient = &http.Client{Transport: broken{http.MethodGet}}
	m.Repeat = true
	mustPage(t, slack.New(config), m)
	if sent := server.Messages(); len(sent) != 1 || !strings.Contains(sent[0].Text, "(repeat)") {
		t.Errorf("sent %+v, want one that may be a repeat", sent)
	}
}

// broken answers the requests of one method with 200 and nothing that Slack would say.
type broken struct{ method string }

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == b.method {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestNoSecretAndNoAddressInErrors(t *testing.T) {
	server := fakeslack.New(t)
	for name, misbehave := range map[string]func(*slack.Config, *page.Message){
		"wrong token": func(c *slack.Config, _ *page.Message) { c.Token = "xoxb-wrong-token-which-is-secret" },
		"both repeated by the answer": func(c *slack.Config, m *page.Message) {
			server.Refuse("chat.postMessage", "no "+m.People[0].Address+" for "+c.Token)
		},
		"unknown member":         func(_ *slack.Config, m *page.Message) { m.People[0].Address = "U0PRIVATE" },
		"no answer":              func(c *slack.Config, _ *page.Message) { c.BaseURL = "http://127.0.0.1:1" },
		"no answer to a look-up": func(c *slack.Config, m *page.Message) { c.BaseURL, m.Repeat = "http://127.0.0.1:1", true },
	} {
		t.Run(name, func(t *testing.T) {
			config, m := configFor(server), message(page.KindTrigger)
			misbehave(&config, &m)
			_, err := slack.New(config).Page(t.Context(), m)
			if err == nil {
				t.Fatal("no error")
			}
			for _, secret := range []string{config.Token, m.People[0].Address} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error %q holds %q", err, secret)
				}
			}
		})
	}
}

func TestHostileNamesStayText(t *testing.T) {
	for what, name := range hostile.Names() {
		t.Run(what, func(t *testing.T) {
			server := fakeslack.New(t)
			m := message(page.KindTrigger)
			m.Title, m.Text, m.Why, m.Rule, m.Labels["container_name"] = name, name, name, name, name
			mustPage(t, slack.New(configFor(server)), m)
			got := server.Messages()[0]
			if got.Mentions != nil || !slices.Equal(got.Links, []string{m.URL}) || len(got.Shown) != 4 {
				t.Errorf("mentions %q, links %q", got.Mentions, got.Links)
			}
			if got.Shown[1] != page.Lines(name, page.TextMax) {
				t.Errorf("shown %q, want %q", got.Shown[1], page.Lines(name, page.TextMax))
			}
			if strings.ContainsFunc(got.Text, func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.HasSuffix(got.Text, " #01JINCIDENT-trigger") {
				t.Errorf("text %q", got.Text)
			}
		})
	}
}

// A hostile address of the console, which the operator wrote, breaks no link either.
func TestLinkLeadsNowhereElse(t *testing.T) {
	for _, address := range []string{"", "javascript:alert(1)", "https://x.example/a>b|c <d", "https://x.example/" + strings.Repeat("a", 5000)} {
		server := fakeslack.New(t)
		m := message(page.KindTrigger)
		m.URL = address
		mustPage(t, slack.New(configFor(server)), m)
		for _, to := range server.Messages()[0].Links {
			if !strings.HasPrefix(to, "https://x.example/") || strings.ContainsAny(to, "<>| ") {
				t.Errorf("%q leads to %q", address, to)
			}
		}
	}
}
