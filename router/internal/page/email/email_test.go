package email_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"nezuban/packaging/testenv/fakesmtp"
	"nezuban/packaging/testenv/hostile"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/email"
)

func configFor(server *fakesmtp.Server) email.Config {
	return email.Config{
		Server: server.Addr, From: mail.Address{Name: "Nezuban", Address: "nezuban@example.org"}, Roots: server.Roots, Timeout: time.Minute,
	}
}

func message(kind page.Kind) page.Message {
	return page.Message{
		Kind: kind, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT-" + string(kind),
		People: []page.Recipient{{Person: "alice", Address: fakesmtp.Alice}},
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

func TestSend(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{})
	id := mustPage(t, email.New(configFor(server)), message(page.KindTrigger))
	mails := server.Mails()
	if len(mails) != 1 || !mails[0].TLS || mails[0].UTF8 || mails[0].From != "nezuban@example.org" || !slices.Equal(mails[0].To, []string{fakesmtp.Alice}) {
		t.Fatalf("sent %+v, want one, to alice, over TLS", mails)
	}
	got := mails[0]
	if id != "01JINCIDENT-trigger@example.org" {
		t.Errorf("id %q", id)
	}
	if want := "TRIGGERED container-died: container shop died with exit 137, host=web1 container=shop"; got.Subject != want {
		t.Errorf("subject %q, want %q", got.Subject, want)
	}
	if want := got.Subject + "\n\ncontainer shop died with exit 137\nwhere: host=web1 container=shop\n\npage 01JINCIDENT-trigger\n"; got.Text != want {
		t.Errorf("text %q, want %q", got.Text, want)
	}
	for name, want := range map[string]string{
		"From": `"Nezuban" <nezuban@example.org>`, "To": "<" + fakesmtp.Alice + ">", "Message-Id": "<" + id + ">", "References": "<01JINCIDENT@example.org>",
		"In-Reply-To": "", "Auto-Submitted": "auto-generated", "Precedence": "bulk", "Importance": "high",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(got.HTML, `<a href="https://nezuban.example/incidents/01JINCIDENT?a=1&amp;b=2">Open the incident</a>`) {
		t.Errorf("HTML %s", got.HTML)
	}
}

func TestMessagesOfAnIncidentStandInOneThread(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{})
	p := email.New(configFor(server))
	first := mustPage(t, p, message(page.KindTrigger))
	for _, kind := range []page.Kind{page.KindUpdate, page.KindAcknowledge, page.KindResolve} {
		m := message(kind)
		m.ProviderID = first
		if id := mustPage(t, p, m); id != first {
			t.Errorf("%s: id %q, want that of the first mail %q", kind, id, first)
		}
		mails := server.Mails()
		got := mails[len(mails)-1]
		if got.Header.Get("In-Reply-To") != "<"+first+">" || got.Header.Get("References") != "<01JINCIDENT@example.org> <"+first+">" {
			t.Errorf("%s: in reply to %q, references %q", kind, got.Header.Get("In-Reply-To"), got.Header.Get("References"))
		}
		if !strings.HasPrefix(got.Subject, kind.Word()+" ") || got.Header.Get("Importance") != "" {
			t.Errorf("%s: subject %q, importance %q", kind, got.Subject, got.Header.Get("Importance"))
		}
	}
	m := message(page.KindResolve)
	m.ProviderID = "x>\r\nBcc: <mallory@evil.example"
	if id := mustPage(t, p, m); id != "01JINCIDENT-resolve@example.org" {
		t.Errorf("after an id of another kind: %q", id)
	}
}

func TestRepeatSaysSoUnderTheSameId(t *testing.T) {
	for _, row := range []struct {
		name      string
		misbehave func(*fakesmtp.Server)
		mails     int
	}{
		{"greylisted", func(s *fakesmtp.Server) { s.Refuse(fakesmtp.Rcpt, 450, "4.7.1 Greylisted, try again") }, 1},
		{"connection lost after the mail", func(s *fakesmtp.Server) { s.Drop(fakesmtp.Data) }, 2},
		{"connection lost before it", func(s *fakesmtp.Server) { s.Drop(fakesmtp.Rcpt) }, 1},
		{"shutting down", func(s *fakesmtp.Server) { s.Refuse(fakesmtp.Mail, 421, "4.3.2 shutting down") }, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakesmtp.New(t, fakesmtp.Options{})
			p, m := email.New(configFor(server)), message(page.KindTrigger)
			row.misbehave(server)
			if _, err := p.Page(t.Context(), m); err == nil || page.IsPermanent(err) {
				t.Fatalf("first try: %v, want an error worth another try", err)
			}
			m.Repeat = true
			id := mustPage(t, p, m)
			mails, err := server.WaitFor(t.Context(), row.mails)
			if err != nil || len(mails) != row.mails {
				t.Fatalf("%d mails, want %d; %v", len(mails), row.mails, err)
			}
			for _, mail := range mails {
				if mail.Header.Get("Message-Id") != "<"+id+">" {
					t.Errorf("Message-ID %q, want %q", mail.Header.Get("Message-Id"), id)
				}
			}
			if last := mails[len(mails)-1]; !strings.HasPrefix(last.Subject, "TRIGGERED (repeat) ") || !strings.Contains(last.Text, "may have arrived already") {
				t.Errorf("the repeat's subject is %q", last.Subject)
			}
		})
	}
}

func TestWaysToTheServer(t *testing.T) {
	for _, row := range []struct {
		name    string
		options fakesmtp.Options
		how     email.TLS
		user    bool
	}{
		{"STARTTLS", fakesmtp.Options{}, email.STARTTLS, false},
		{"TLS from the beginning", fakesmtp.Options{Implicit: true}, email.Implicit, false},
		{"none, on this machine", fakesmtp.Options{Plain: true}, email.NoTLS, false},
		{"PLAIN over STARTTLS", fakesmtp.Options{Mechanisms: []string{"LOGIN", "PLAIN"}}, email.STARTTLS, true},
		{"LOGIN over STARTTLS", fakesmtp.Options{Mechanisms: []string{"CRAM-MD5", "LOGIN"}}, email.STARTTLS, true},
		{"LOGIN over TLS", fakesmtp.Options{Implicit: true, Mechanisms: []string{"LOGIN"}}, email.Implicit, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakesmtp.New(t, row.options)
			config := configFor(server)
			config.TLS = row.how
			if row.user {
				config.Username, config.Password = fakesmtp.Username, fakesmtp.Password
			}
			mustPage(t, email.New(config), message(page.KindTrigger))
			if got := server.Mails()[0]; got.TLS == (row.how == email.NoTLS) || (got.User == fakesmtp.Username) != row.user {
				t.Errorf("came over TLS: %v, signed in as %q", got.TLS, got.User)
			}
		})
	}
}

func TestClassification(t *testing.T) {
	refuse := func(phase fakesmtp.Phase, code int, text string) func(*fakesmtp.Server, *email.Config, *page.Message) {
		return func(s *fakesmtp.Server, _ *email.Config, _ *page.Message) { s.Refuse(phase, code, text) }
	}
	drop := func(phase fakesmtp.Phase) func(*fakesmtp.Server, *email.Config, *page.Message) {
		return func(s *fakesmtp.Server, _ *email.Config, _ *page.Message) { s.Drop(phase) }
	}
	for _, row := range []struct {
		name      string
		options   fakesmtp.Options
		misbehave func(*fakesmtp.Server, *email.Config, *page.Message)
		permanent bool
		says      string
	}{
		{"nobody", fakesmtp.Options{}, func(_ *fakesmtp.Server, _ *email.Config, m *page.Message) { m.People = nil }, true, "one person, found 0"},
		{"no address", fakesmtp.Options{}, func(_ *fakesmtp.Server, _ *email.Config, m *page.Message) { m.People[0].Address = "" }, true, "alice has no mail address"},
		{"no real address", fakesmtp.Options{}, func(_ *fakesmtp.Server, _ *email.Config, m *page.Message) { m.People[0].Address = "a@b> NOTIFY=NEVER" }, true, "cannot be written"},
		{"line break in the address", fakesmtp.Options{}, func(_ *fakesmtp.Server, _ *email.Config, m *page.Message) {
			m.People[0].Address = "a@b.example\r\nDATA"
		}, true, "cannot be written"},
		{"no mailbox", fakesmtp.Options{}, func(_ *fakesmtp.Server, _ *email.Config, m *page.Message) { m.People[0].Address = "nobody@example.org" }, true, "RCPT TO: answered 550"},
		{"greylisted", fakesmtp.Options{}, refuse(fakesmtp.Rcpt, 451, "4.7.1 Greylisted"), false, `RCPT TO: answered 451: "4.7.1 Greylisted"`},
		{"not welcome", fakesmtp.Options{}, refuse(fakesmtp.Greeting, 554, "5.7.1 not you"), true, "greeting: answered 554"},
		{"too busy to greet", fakesmtp.Options{}, refuse(fakesmtp.Greeting, 421, "4.7.0 too many connections"), false, "greeting: answered 421"},
		{"hello refused", fakesmtp.Options{}, func(s *fakesmtp.Server, _ *email.Config, _ *page.Message) {
			s.Refuse(fakesmtp.Hello, 550, "5.7.1 bad name")
			s.Refuse(fakesmtp.Hello, 550, "5.7.1 bad name") // HELO, which the client tries after EHLO
		}, true, "EHLO: answered 550"},
		{"sender refused for now", fakesmtp.Options{}, refuse(fakesmtp.Mail, 452, "4.3.1 no space"), false, "MAIL FROM: answered 452"},
		{"sender refused", fakesmtp.Options{}, refuse(fakesmtp.Mail, 553, "5.7.1 not yours"), true, "MAIL FROM: answered 553"},
		{"mail refused for now", fakesmtp.Options{}, refuse(fakesmtp.Data, 451, "4.7.1 later"), false, "DATA: answered 451"},
		{"mail refused", fakesmtp.Options{}, refuse(fakesmtp.Data, 554, "5.7.1 spam"), true, "DATA: answered 554"},
		{"too large", fakesmtp.Options{MaxBytes: 100}, func(*fakesmtp.Server, *email.Config, *page.Message) {}, true, "DATA: answered 552"},
		{"wrong password", fakesmtp.Options{Mechanisms: []string{"PLAIN"}}, func(_ *fakesmtp.Server, c *email.Config, _ *page.Message) {
			c.Username, c.Password = fakesmtp.Username, "wrong"
		}, true, "sign in: answered 535"},
		{"signing in fails for now", fakesmtp.Options{Mechanisms: []string{"LOGIN"}}, func(s *fakesmtp.Server, c *email.Config, _ *page.Message) {
			c.Username, c.Password = fakesmtp.Username, fakesmtp.Password
			s.Refuse(fakesmtp.Auth, 454, "4.7.0 Temporary failure")
		}, false, "sign in: answered 454"},
		{"must sign in", fakesmtp.Options{Mechanisms: []string{"PLAIN"}}, func(*fakesmtp.Server, *email.Config, *page.Message) {}, true, "MAIL FROM: answered 530"},
		{"no way to sign in", fakesmtp.Options{Mechanisms: []string{"CRAM-MD5"}}, func(_ *fakesmtp.Server, c *email.Config, _ *page.Message) {
			c.Username, c.Password = fakesmtp.Username, fakesmtp.Password
		}, false, "neither PLAIN nor LOGIN"},
		{"no STARTTLS", fakesmtp.Options{Plain: true}, func(*fakesmtp.Server, *email.Config, *page.Message) {}, false, "STARTTLS: the server does not offer it"},
		{"certificate not trusted", fakesmtp.Options{}, func(_ *fakesmtp.Server, c *email.Config, _ *page.Message) { c.Roots = x509.NewCertPool() }, false, "STARTTLS: tls: failed to verify"},
		{"certificate not trusted, from the beginning", fakesmtp.Options{Implicit: true}, func(_ *fakesmtp.Server, c *email.Config, _ *page.Message) {
			c.TLS, c.Roots = email.Implicit, x509.NewCertPool()
		}, false, "connect: TLS: tls: failed to verify"},
		{"unreachable", fakesmtp.Options{}, func(_ *fakesmtp.Server, c *email.Config, _ *page.Message) { c.Server = "127.0.0.1:1" }, false, "connect: dial tcp 127.0.0.1:1"},
		{"connection lost at EHLO", fakesmtp.Options{}, drop(fakesmtp.Hello), false, "EHLO: "},
		{"connection lost at the recipient", fakesmtp.Options{}, drop(fakesmtp.Rcpt), false, "RCPT TO: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := fakesmtp.New(t, row.options)
			config, m := configFor(server), message(page.KindTrigger)
			row.misbehave(server, &config, &m)
			_, err := email.New(config).Page(t.Context(), m)
			if err == nil || page.IsPermanent(err) != row.permanent {
				t.Fatalf("error %v: permanent %v, want %v", err, page.IsPermanent(err), row.permanent)
			}
			if _, ok := errors.AsType[*page.Error](err); !ok || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error %q (%T) does not say %q", err, err, row.says)
			}
			if got := server.Mails(); len(got) != 0 {
				t.Errorf("sent %+v", got)
			}
		})
	}
}

// A server that says nothing more is left, and the mail is sent again, also when the server may have taken it. Each step before
// must be answered in as short a time: where a pause of the machine was taken for silence there, it is tried with more patience.
func TestAServerThatHangsIsLeft(t *testing.T) {
	for _, row := range []struct {
		name string
		at   fakesmtp.Phase
		how  email.TLS
		step string
	}{
		{"before the greeting", fakesmtp.Greeting, email.STARTTLS, "greeting"},
		{"before TLS", fakesmtp.Greeting, email.Implicit, "connect"},
		{"at EHLO", fakesmtp.Hello, email.STARTTLS, "EHLO"},
		{"at the sender", fakesmtp.Mail, email.STARTTLS, "MAIL FROM"},
		{"at the recipient", fakesmtp.Rcpt, email.STARTTLS, "RCPT TO"},
		{"at the mail", fakesmtp.Data, email.STARTTLS, "DATA"},
	} {
		t.Run(row.name, func(t *testing.T) {
			said := ""
			for timeout := time.Second; !strings.Contains(said, " "+row.step+": "); timeout *= 2 {
				if timeout > 30*time.Second {
					t.Fatalf("found %q, want no answer at %s", said, row.step)
				}
				server := fakesmtp.New(t, fakesmtp.Options{})
				server.Hang(row.at)
				config := configFor(server)
				config.TLS, config.Timeout = row.how, timeout
				_, err := email.New(config).Page(t.Context(), message(page.KindTrigger))
				if _, ok := errors.AsType[*page.Error](err); !ok || page.IsPermanent(err) || !strings.HasSuffix(err.Error(), ": no answer within "+timeout.String()) {
					t.Fatalf("found %v (%T), want no answer within %s", err, err, timeout)
				}
				if got := server.Mails(); len(got) != 0 {
					t.Errorf("sent %+v", got)
				}
				said = err.Error()
			}
		})
	}
}

func TestAServerThatTalksWithoutEndIsLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return // the test is over
		}
		defer conn.Close()
		for err == nil {
			_, err = io.WriteString(conn, "220-"+strings.Repeat("welcome ", 1000)+"\r\n")
		}
	}()
	config := email.Config{Server: listener.Addr().String(), From: mail.Address{Address: "nezuban@example.org"}, Timeout: time.Minute}
	_, err = email.New(config).Page(t.Context(), message(page.KindTrigger))
	if err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "greeting: the server says too much") {
		t.Errorf("found %v", err)
	}
}

func TestCallersEndIsKept(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{})
	server.Hang(fakesmtp.Rcpt)
	config := configFor(server)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := email.New(config).Page(ctx, message(page.KindTrigger))
		ended <- err
	}()
	for !slices.Contains(server.Seen(), fakesmtp.Rcpt) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("found %v, want the caller's cancellation", err)
	}
}

// Nothing that a connection without TLS would show goes over one: no mail, no password.
func TestWithoutTLSNothingIsSaid(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{Plain: true, Mechanisms: []string{"PLAIN"}})
	config := configFor(server)
	config.Username, config.Password = fakesmtp.Username, fakesmtp.Password
	if _, err := email.New(config).Page(t.Context(), message(page.KindTrigger)); err == nil {
		t.Error("no error")
	}
	if seen := server.Seen(); !slices.Equal(seen, []fakesmtp.Phase{fakesmtp.Greeting, fakesmtp.Hello}) {
		t.Errorf("the client went through %v", seen)
	}
}

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		server   string
		how      email.TLS
		username string
		want     []email.Mistake // with the beginning of what was expected
	}{
		{"mail.example.org:587", "", "", nil},
		{"mail.example.org:465", email.Implicit, "u", nil},
		{"127.0.0.1:25", email.NoTLS, "", nil},
		{"[::1]:25", email.NoTLS, "", nil},
		{"localhost:25", email.NoTLS, "", nil},
		{"mail.example.org", "", "", []email.Mistake{{"server", "host and port"}}},
		{":587", "", "", []email.Mistake{{"server", "host and port"}}},
		{"mail.example.org:587", "ssl", "", []email.Mistake{{"tls", `"starttls"`}}},
		{"mail.example.org:25", email.NoTLS, "", []email.Mistake{{"tls", "TLS: only a server on this machine"}}},
		{"10.0.0.1:25", email.NoTLS, "", []email.Mistake{{"tls", "TLS: only a server on this machine"}}},
		{"localhost:25", email.NoTLS, "u", []email.Mistake{{"tls", "TLS: nobody signs in"}}},
		{"x", "no", "", []email.Mistake{{"server", "host and port"}, {"tls", `"starttls"`}}},
		{"", email.NoTLS, "u", []email.Mistake{{"server", "host and port"}, {"tls", "TLS: nobody signs in"}}},
	} {
		same := func(found, want email.Mistake) bool {
			return found.Key == want.Key && strings.HasPrefix(found.Expected, want.Expected)
		}
		if found := email.Check(row.server, row.how, row.username); !slices.EqualFunc(found, row.want, same) {
			t.Errorf("Check(%q, %q, %q): found %q, want %q", row.server, row.how, row.username, found, row.want)
		}
	}
}

func TestNoSecretAndNoAddressInErrors(t *testing.T) {
	for name, row := range map[string]struct {
		address   string
		misbehave func(*fakesmtp.Server)
	}{
		"the server repeats user and password": {fakesmtp.Alice, func(*fakesmtp.Server) {}},
		"the server repeats the address":       {"mallory.private@example.org", func(*fakesmtp.Server) {}},
		"in other letters": {fakesmtp.Alice, func(s *fakesmtp.Server) {
			s.Refuse(fakesmtp.Rcpt, 550, "ALICE.PRIVATE@Example.ORG has moved to other.private@example.net")
		}},
		"without its domain": {fakesmtp.Alice, func(s *fakesmtp.Server) { s.Refuse(fakesmtp.Rcpt, 550, "unknown user: Alice.Private") }},
		"no address at all":  {"alice.private", func(*fakesmtp.Server) {}},
	} {
		t.Run(name, func(t *testing.T) {
			server := fakesmtp.New(t, fakesmtp.Options{Mechanisms: []string{"PLAIN"}})
			row.misbehave(server)
			config, m := configFor(server), message(page.KindTrigger)
			config.Username, config.Password = fakesmtp.Username, fakesmtp.Password
			if strings.HasPrefix(name, "the server repeats user") {
				config.Password = "another-password-which-is-secret"
			}
			m.People[0].Address = row.address
			_, err := email.New(config).Page(t.Context(), m)
			if err == nil {
				t.Fatal("no error")
			}
			for _, secret := range []string{config.Username, config.Password, "private", "example.net"} {
				if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(secret)) {
					t.Errorf("error %q holds %q", err, secret)
				}
			}
		})
	}
}

// The fake reads each mail strictly, and knows the only headers that it may have.
func TestHostileNamesStayText(t *testing.T) {
	for what, name := range hostile.Names() {
		t.Run(what, func(t *testing.T) {
			server := fakesmtp.New(t, fakesmtp.Options{})
			m := message(page.KindTrigger)
			m.Title, m.Text, m.Why, m.Rule, m.IncidentID, m.Labels["container_name"] = name, name, name, name, name, name
			mustPage(t, email.New(configFor(server)), m)
			mails := server.Mails()
			if len(mails) != 1 || len(mails[0].To) != 1 {
				t.Fatalf("sent %+v, want one, to one", mails)
			}
			got := mails[0]
			want := page.Line("TRIGGERED "+page.Line(name, 100)+": "+page.Line(name, page.TitleMax)+", "+page.Where(m.Labels), 300)
			if got.Subject != want {
				t.Errorf("subject %q, want %q", got.Subject, want)
			}
			if strings.ContainsFunc(got.Subject, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("subject %q", got.Subject)
			}
			if !strings.Contains(got.Text, "\n\n"+page.Lines(name, page.TextMax)+"\n\npage 01JINCIDENT-trigger\n") {
				t.Errorf("text %q", got.Text)
			}
			for _, markup := range []string{"<script", "<img", "<a href=\"javascript", "evil.example\">", "</body></html><"} {
				if strings.Contains(got.HTML, markup) {
					t.Errorf("the HTML has %s:\n%s", markup, got.HTML)
				}
			}
			if strings.Count(got.HTML, "<a ") != 1 || strings.Count(got.HTML, "</html>") != 1 {
				t.Errorf("HTML\n%s", got.HTML)
			}
		})
	}
}
