package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"nezuban/packaging/testenv/fakewebhook"
	"nezuban/packaging/testenv/hostile"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/webhook"
)

// A second secret, which no receiver knows yet.
const nextSecret = "whsec_bmV4dC1uZXh0LW5leHQtbmV4dC1uZXh0LW5leHQ="

func secrets(t *testing.T, texts ...string) (all []webhook.Secret) {
	t.Helper()
	for _, text := range texts {
		s, err := webhook.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// soon is the timeout where nothing is ever answered. Elsewhere it is a minute: no pause of the machine is taken for silence.
const soon = time.Second

func pager(t *testing.T, texts ...string) *webhook.Pager {
	t.Helper()
	return webhook.New(configFor(t, texts...))
}

func configFor(t *testing.T, texts ...string) webhook.Config {
	t.Helper()
	return webhook.Config{Secrets: secrets(t, texts...), Timeout: time.Minute}
}

func message(kind page.Kind, address string) page.Message {
	return page.Message{
		Kind: kind, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT-" + string(kind),
		People: []page.Recipient{{Person: "carol", Address: address}},
		Title:  "container shop died with exit 137", Text: "container shop died with exit 137\nwhere: host=web1 container=shop",
		Rule: "container-died", Severity: incident.SeverityPage,
		Labels: map[string]string{"host": "web1", "container_name": "shop"},
		Why:    "step 1 of policy api: on call for api", URL: "https://nezuban.example/incidents/01JINCIDENT",
	}
}

func mustPage(t *testing.T, p page.Pager, m page.Message) {
	t.Helper()
	if id, err := p.Page(t.Context(), m); err != nil || id != "" {
		t.Fatalf("Page(%s): id %q, %v", m.Kind, id, err)
	}
}

func TestEveryKindIsDelivered(t *testing.T) {
	server := fakewebhook.New(t, fakewebhook.Secret)
	p := pager(t, fakewebhook.Secret)
	kinds := []page.Kind{page.KindTrigger, page.KindUpdate, page.KindAcknowledge, page.KindResolve}
	for _, kind := range kinds {
		mustPage(t, p, message(kind, server.URL+"/carol?key=x"))
	}
	taken := server.Messages()
	if len(taken) != len(kinds) || server.Requests()[0].Query.Get("key") != "x" {
		t.Fatalf("taken %+v", taken)
	}
	for i, kind := range kinds {
		got := taken[i].Said
		at, err := time.Parse(time.RFC3339, fmt.Sprint(got["timestamp"]))
		if err != nil || time.Since(at) > time.Minute {
			t.Errorf("timestamp %v: %v", got["timestamp"], err)
		}
		delete(got, "timestamp")
		want := map[string]any{
			"version": 1.0, "type": "page." + string(kind),
			"data": map[string]any{
				"page": "01JINCIDENT-" + string(kind), "repeat": false, "person": "carol",
				"title": "container shop died with exit 137", "text": "container shop died with exit 137\nwhere: host=web1 container=shop",
				"why": "step 1 of policy api: on call for api",
				"incident": map[string]any{
					"id": "01JINCIDENT", "rule": "container-died", "severity": "page", "url": "https://nezuban.example/incidents/01JINCIDENT",
					"labels": map[string]any{"host": "web1", "container_name": "shop"},
				},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" || taken[i].ID != "01JINCIDENT-"+string(kind) {
			t.Errorf("%s, id %q (-want +got):\n%s", kind, taken[i].ID, diff)
		}
	}
}

func TestRepeatHasTheSameId(t *testing.T) {
	for _, row := range []struct {
		name      string
		misbehave func(*fakewebhook.Server, *webhook.Config)
		doubled   int
	}{
		{"500 then 204", func(s *fakewebhook.Server, _ *webhook.Config) { s.Fail(1, 500) }, 0},
		{"taken, not answered", func(s *fakewebhook.Server, c *webhook.Config) { s.Swallow(1); c.HTTPClient = s.Impatient() }, 1},
		{"429", func(s *fakewebhook.Server, _ *webhook.Config) { s.Limit(1, nil) }, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakewebhook.New(t, fakewebhook.Secret)
			config, m := configFor(t, fakewebhook.Secret), message(page.KindTrigger, server.URL)
			row.misbehave(server, &config)
			p := webhook.New(config)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Fatalf("first try: %v, want an error worth another try", err)
			}
			m.Repeat = true
			mustPage(t, p, m)
			if taken := server.Messages(); len(taken) != 1 || server.Doubled() != row.doubled {
				t.Errorf("taken %+v, %d doubled, want one and %d", taken, server.Doubled(), row.doubled)
			}
			var said struct{ Data struct{ Repeat bool } }
			requests := server.Requests()
			if err := json.Unmarshal(requests[len(requests)-1].Body, &said); err != nil || !said.Data.Repeat {
				t.Errorf("the repeat does not say so: %v", err)
			}
		})
	}
}

// While a secret is replaced, receivers that know the old one and those that know the new one take the same message.
func TestEachSecretSigns(t *testing.T) {
	p := pager(t, fakewebhook.Secret, nextSecret)
	for _, secret := range []string{fakewebhook.Secret, nextSecret} {
		server := fakewebhook.New(t, secret)
		mustPage(t, p, message(page.KindTrigger, server.URL))
	}
}

func TestClassification(t *testing.T) {
	for _, row := range []struct {
		name      string
		misbehave func(*fakewebhook.Server, *webhook.Config, *page.Message)
		permanent bool
		after     time.Duration
		says      string
	}{
		{"nobody", func(_ *fakewebhook.Server, _ *webhook.Config, m *page.Message) { m.People = nil }, true, 0, "one person, found 0"},
		{"no URL", func(_ *fakewebhook.Server, _ *webhook.Config, m *page.Message) { m.People[0].Address = "" }, true, 0, "carol has no URL"},
		{"no host", func(_ *fakewebhook.Server, _ *webhook.Config, m *page.Message) { m.People[0].Address = "https://" }, true, 0, "URL cannot be used"},
		{"another scheme", func(_ *fakewebhook.Server, _ *webhook.Config, m *page.Message) {
			m.People[0].Address = "file:///etc/passwd"
		}, true, 0, "URL cannot be used"},
		{"not a URL", func(_ *fakewebhook.Server, _ *webhook.Config, m *page.Message) { m.People[0].Address = "http://a b/" }, true, 0, "URL cannot be used"},
		{"redirect", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) { s.Fail(1, 307) }, true, 0, "answered 307"},
		{"400", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) { s.Fail(1, 400) }, true, 0, "answered 400"},
		{"410", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) { s.Fail(1, 410) }, true, 0, "answered 410"},
		{"408", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) { s.Fail(1, 408) }, false, 0, "answered 408"},
		{"502", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) { s.Fail(1, 502) }, false, 0, "answered 502"},
		{"429 with Retry-After", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Retry-After": {"7"}})
		}, false, 7 * time.Second, "answered 429"},
		{"429 with an absurd Retry-After", func(s *fakewebhook.Server, _ *webhook.Config, _ *page.Message) {
			s.Limit(1, http.Header{"Retry-After": {"999999999"}})
		}, false, 5 * time.Minute, "answered 429"},
		{"unreachable", func(_ *fakewebhook.Server, _ *webhook.Config, m *page.Message) {
			m.People[0].Address = "http://127.0.0.1:1/"
		}, false, 0, "refused"},
		{"hangs", func(s *fakewebhook.Server, c *webhook.Config, _ *page.Message) { s.Hang(); c.Timeout = soon }, false, 0, "no answer in time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakewebhook.New(t, fakewebhook.Secret)
			config, m := configFor(t, fakewebhook.Secret), message(page.KindTrigger, server.URL)
			row.misbehave(server, &config, &m)
			_, err := webhook.New(config).Page(t.Context(), m)
			if err == nil || page.IsPermanent(err) != row.permanent || page.RetryAfter(err) != row.after {
				t.Fatalf("error %v: permanent %v, after %v; want %v, %v", err, page.IsPermanent(err), page.RetryAfter(err), row.permanent, row.after)
			}
			if _, ok := errors.AsType[*page.Error](err); !ok || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error %q (%T) does not say %q", err, err, row.says)
			}
			if got := server.Messages(); len(got) != 0 {
				t.Errorf("taken %+v", got)
			}
		})
	}
}

func TestAnUnknownCertificateIsRefused(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	_, err := pager(t, fakewebhook.Secret).Page(t.Context(), message(page.KindTrigger, server.URL))
	if err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "not to be trusted") || asked {
		t.Errorf("found %v, asked: %v", err, asked)
	}
}

// What the network says of a failure names the host; what is passed on of it does not.
func TestTheHostIsNotNamed(t *testing.T) {
	for says, cause := range map[string]error{
		"the name of its host cannot be looked up": &net.DNSError{Err: "no such host", Name: "hooks.carol.example", IsNotFound: true},
		"connection reset by peer":                 syscall.ECONNRESET,
		"the request failed":                       errors.New("proxy: hooks.carol.example is not allowed"),
	} {
		failing := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}, Err: cause}
		}}
		p := webhook.New(webhook.Config{Secrets: secrets(t, fakewebhook.Secret), HTTPClient: &http.Client{Transport: failing}})
		_, err := p.Page(t.Context(), message(page.KindTrigger, "https://hooks.carol.example/x"))
		if err == nil || page.IsPermanent(err) || err.Error() != "webhook to carol: "+says {
			t.Errorf("found %v, want %q", err, says)
		}
	}
}

func TestNoSecretAndNoURLInErrors(t *testing.T) {
	refusing := fakewebhook.New(t, nextSecret) // answers 401 and repeats the URL
	loose := httptest.NewTLSServer(http.NotFoundHandler())
	defer loose.Close()
	hanging := fakewebhook.New(t, fakewebhook.Secret)
	hanging.Hang()
	for name, base := range map[string]string{
		"refused and repeated": refusing.URL, "closed": "http://127.0.0.1:1", "not trusted": loose.URL, "hangs": hanging.URL,
		"not HTTP": "https" + strings.TrimPrefix(refusing.URL, "http"), "broken": "http://hooks of carol",
	} {
		t.Run(name, func(t *testing.T) {
			address := base + "/T0/private-path?token=private-token"
			config := configFor(t, fakewebhook.Secret)
			if base == hanging.URL {
				config.Timeout = soon
			}
			_, err := webhook.New(config).Page(t.Context(), message(page.KindTrigger, address))
			if err == nil {
				t.Fatal("no error")
			}
			hidden := []string{"private", "hooks", fakewebhook.Secret, strings.TrimPrefix(fakewebhook.Secret, "whsec_"), "127.0.0.1"}
			if u, err := url.Parse(base); err == nil {
				hidden = append(hidden, u.Host, u.Port())
			}
			for _, secret := range hidden {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("error %q holds %q", err, secret)
				}
			}
		})
	}
}

func TestParseSecret(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no prefix": "S0VFUC1JVC1TRUNSRVQta2VlcC1pdC1zZWNyZXQ=", "not base64": "whsec_%%%%", "too short": "whsec_c2hvcnQ=",
		"too long": "whsec_" + strings.Repeat("AAAA", 22),
	} {
		if _, err := webhook.ParseSecret(text); err == nil || (text != "" && strings.Contains(err.Error(), text)) {
			t.Errorf("%s: found %v", name, err)
		}
	}
	config := webhook.Config{Secrets: secrets(t, fakewebhook.Secret)}
	for _, printed := range []string{fmt.Sprint(config), fmt.Sprintf("%+v", config), fmt.Sprintf("%#v", config.Secrets[0])} {
		if strings.Contains(printed, "75") || !strings.Contains(printed, "[hidden]") {
			t.Errorf("printed as %s", printed)
		}
	}
}

func TestHostileNamesStayText(t *testing.T) {
	for what, name := range hostile.Names() {
		t.Run(what, func(t *testing.T) {
			server := fakewebhook.New(t, fakewebhook.Secret)
			m := message(page.KindTrigger, server.URL)
			m.Title, m.Text, m.Why, m.Rule, m.IncidentID, m.Labels = name, name, name, name, name, map[string]string{name: name}
			m.People[0].Person = name
			mustPage(t, pager(t, fakewebhook.Secret), m)
			got, _ := server.Messages()[0].Said["data"].(map[string]any)
			if got["title"] != page.Line(name, page.TitleMax) || got["repeat"] != false || len(got) != 7 {
				t.Errorf("found %q", got)
			}
		})
	}
}

func FuzzBody(f *testing.F) {
	f.Add("container shop died", "web1", "team", "step 1", true)
	f.Add("\",\"repeat\":true", "\xff\x00", "\u2028", "</script>\n", false)
	f.Add(strings.Repeat("夜", 5000), strings.Repeat("\\", 5000), "", strings.Repeat("\n", 5000), false)
	f.Fuzz(func(t *testing.T, title, value, name, why string, repeat bool) {
		m := page.Message{Kind: page.KindTrigger, Title: title, Text: title, Why: why, Rule: value, Labels: map[string]string{name: value}, Repeat: repeat}
		text, err := webhook.Body(m, time.Unix(1764201600, 0))
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			Version   int
			Type      string
			Timestamp time.Time
			Data      struct {
				Page, Person, Title, Text, Why string
				Repeat                         bool
				Incident                       struct {
					ID, Rule, Severity, URL string
					Labels                  map[string]string
				}
			}
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&said); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if said.Data.Title != page.Line(title, page.TitleMax) || said.Data.Repeat != repeat || said.Data.Incident.Labels[page.Line(name, 100)] != page.Line(value, 300) {
			t.Errorf("found %+v", said)
		}
		if strings.ContainsFunc(strings.ReplaceAll(said.Data.Text, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > 64<<10 {
			t.Errorf("%d bytes, text %q", len(text), said.Data.Text)
		}
	})
}

func TestManyLabelsAreBounded(t *testing.T) {
	m := page.Message{Labels: map[string]string{}}
	for i := range 1000 {
		m.Labels[fmt.Sprintf("%04d%s", i, strings.Repeat("x", 1000))] = strings.Repeat("夜", 1000)
	}
	text, err := webhook.Body(m, time.Now())
	if err != nil || len(text) > 100<<10 || !strings.Contains(string(text), `"0049x`) || strings.Contains(string(text), `"0050x`) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
