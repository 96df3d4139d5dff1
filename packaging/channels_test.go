package packaging

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/packaging/testenv/fakeslack"
	"nezuban/packaging/testenv/fakesmtp"
	"nezuban/packaging/testenv/faketwilio"
	"nezuban/packaging/testenv/fakewebhook"
	"nezuban/packaging/testenv/hostile"
)

// secretFile is a file that holds a secret.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// within bounds what a test awaits.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := patiently(t, d)
	t.Cleanup(cancel)
	return ctx
}

// unsaid looks for what may stand in no line that the router has printed or logged.
func (s *stack) unsaid(secrets ...string) {
	s.t.Helper()
	printed := strings.Join(s.router.output(), "\n")
	printed += s.router.logged()
	for _, secret := range secrets {
		if strings.Contains(printed, secret) {
			s.t.Errorf("%q is in\n%s", secret, printed)
		}
	}
}

// twilioConfig is the router's configuration for an account; the table is sms or call.
func twilioConfig(t *testing.T, table string, account *faketwilio.Server) string {
	t.Helper()
	return fmt.Sprintf("[%s]\nbase_url = %q\naccount_sid = %q\nauth_token_file = %q\nfrom = %q\n",
		table, account.URL, faketwilio.AccountSID, secretFile(t, faketwilio.AuthToken), faketwilio.From)
}

// calls waits until so many calls were made.
func calls(t *testing.T, account *faketwilio.Server, n int) []faketwilio.Call {
	t.Helper()
	got, err := account.WaitFor(within(t, 10*time.Second), func(all faketwilio.Snapshot) bool { return len(all.Calls) == n })
	if err != nil {
		t.Fatal(err)
	}
	return got.Calls
}

func TestCalls(t *testing.T) {
	account := faketwilio.New(t)
	s := newStack(t, pagedBy("call", "terminal", "2s"), twilioConfig(t, "call", account))
	at := time.Now()
	s.post(die(at))
	rung := calls(t, account, 1)[0]
	if rung.To != "+4915110000001" || !strings.Contains(rung.Spoken[0], "container shop died") {
		t.Errorf("found %+v", rung)
	}
	account.Answer(rung.SID) // a voice mailbox, say: it acknowledges nothing
	s.router.await(t, 10*time.Second, 0, "^PAGE bob TRIGGERED container-died")
	s.post(event("shop", "start", at.Add(time.Second), ""))
	s.router.await(t, 10*time.Second, 0, "^PAGE bob RESOLVED container-died")
	s.unsaid(faketwilio.AuthToken, "+4915110000001")
	if all := account.Calls(); len(all) != 1 {
		t.Errorf("found %d calls, want none to say that it is over", len(all))
	}
}

// TestTheRateOfAProviderIsKept lets one more container die than the provider takes messages of in a minute: the last text
// message waits for its turn, which comes when a sixth of a minute is over.
func TestTheRateOfAProviderIsKept(t *testing.T) {
	account := faketwilio.New(t)
	s := newStack(t, pagedBy("sms", "terminal", "10m"), twilioConfig(t, "sms", account)+"messages_per_minute = 6\n"+apart)
	reported := time.Now()
	if code := s.deaths(0, 7); code != http.StatusNoContent {
		t.Fatalf("found %d", code)
	}
	got, err := account.WaitFor(within(t, 30*time.Second), func(all faketwilio.Snapshot) bool { return len(all.Messages) == 7 })
	if err != nil {
		t.Fatal(err)
	}
	// Its turn comes by when the first ones went, of which the fake may have heard late.
	if took := got.Messages[6].At.Sub(reported); took < 10*time.Second {
		t.Errorf("the seventh message came %s after the deaths, want 10 s or more", took)
	}
}

// prepareStackFor writes a router's files with contacts of its own for alice; bob is reached in the terminal.
func prepareStackFor(t *testing.T, channel, address, config string) *stack {
	t.Helper()
	s := prepareStack(t, pagedBy(channel, "terminal", "10m"), config)
	s.write("contacts.toml", fmt.Sprintf("[alice]\n%s = %q\n", channel, address), 0o600)
	return s
}

func TestWebhooks(t *testing.T) {
	receiver := fakewebhook.New(t, fakewebhook.Secret)
	config := fmt.Sprintf("public_url = \"https://nezuban.example/\"\n[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret))
	s := prepareStackFor(t, "webhook", receiver.URL+"/alice", config)
	s.startRouter()
	receiver.Swallow(1) // taken and never answered: sent again with the same id
	at := time.Now()
	s.post(die(at))
	first, err := receiver.WaitFor(within(t, 10*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Await(within(t, 20*time.Second), func() bool { return receiver.Doubled() == 1 }); err != nil {
		t.Fatalf("the page was not sent again with its id: %v", err)
	}
	s.post(event("shop", "start", at.Add(time.Second), ""))
	over, err := receiver.WaitFor(within(t, 10*time.Second), 2)
	if err != nil {
		t.Fatal(err)
	}
	s.unsaid(fakewebhook.Secret, receiver.URL)
	if first[0].Said["type"] != "page.trigger" || over[1].Said["type"] != "page.resolve" || !strings.Contains(string(first[0].Body), "container shop died") {
		t.Errorf("found %s and %s", first[0].Body, over[1].Body)
	}
	if !strings.Contains(string(first[0].Body), `"https://nezuban.example/incidents/`) {
		t.Errorf("no link to public_url in %s", first[0].Body)
	}
}

func TestSlack(t *testing.T) {
	workspace := fakeslack.New(t)
	config := fmt.Sprintf("[slack]\nbase_url = %q\ntoken_file = %q\n", workspace.URL, secretFile(t, fakeslack.Token))
	s := prepareStackFor(t, "slack", fakeslack.Alice, config)
	s.startRouter()
	workspace.Swallow(1) // posted and never answered: it is looked for, and not posted again
	at := time.Now()
	s.post(die(at))
	if _, err := workspace.WaitFor(within(t, 10*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	s.post(event("shop", "start", at.Add(time.Second), ""))
	over, err := workspace.WaitFor(within(t, 20*time.Second), 2)
	if err != nil {
		t.Fatal(err)
	}
	if first := over[0]; first.Channel != fakeslack.AliceDM || !strings.Contains(first.Text, "container shop died") || len(first.Links) != 1 {
		t.Errorf("found %+v", first)
	}
	s.unsaid(fakeslack.Token, fakeslack.Alice)
	if last := over[1]; !strings.HasPrefix(last.Text, "RESOLVED") || last.Thread != over[0].TS || len(over) != 2 {
		t.Errorf("found %+v", over)
	}
}

// mailConfig is the router's configuration for a server, whose certificate the router is made to trust.
func mailConfig(t *testing.T, server *fakesmtp.Server) string {
	t.Helper()
	t.Setenv("SSL_CERT_FILE", server.CAFile)
	return fmt.Sprintf("[email]\nserver = %q\nfrom = \"Nezuban <nezuban@example.org>\"\nusername = %q\npassword_file = %q\n",
		server.Addr, fakesmtp.Username, secretFile(t, fakesmtp.Password))
}

func TestMail(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{Mechanisms: []string{"PLAIN"}})
	s := prepareStackFor(t, "email", fakesmtp.Alice, mailConfig(t, server))
	s.startRouter()
	server.Refuse(fakesmtp.Rcpt, 450, "4.7.1 <"+fakesmtp.Alice+"> is greylisted for "+fakesmtp.Username+", come again")
	at := time.Now()
	s.post(die(at))
	if _, err := server.WaitFor(within(t, 10*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	s.post(event("shop", "start", at.Add(time.Second), ""))
	mails, err := server.WaitFor(within(t, 10*time.Second), 2)
	if err != nil {
		t.Fatal(err)
	}
	first, last := mails[0], mails[1]
	if !first.TLS || first.User != fakesmtp.Username || !strings.HasPrefix(first.Subject, "TRIGGERED (repeat) container-died: container shop died") {
		t.Errorf("found %+v", first)
	}
	s.unsaid(fakesmtp.Alice, fakesmtp.Username, fakesmtp.Password)
	if !strings.HasPrefix(last.Subject, "RESOLVED ") || last.Header.Get("In-Reply-To") != first.Header.Get("Message-Id") {
		t.Errorf("found %+v", last)
	}
}

// What a sender calls a container reaches each person as text and does nothing on the way.
func TestOneHostileContainerNameGoesThroughEveryChannelHarmlessly(t *testing.T) {
	pagerDuty, pagerDutyConfig := newPagerDuty(t)
	phone, workspace, receiver := faketwilio.New(t), fakeslack.New(t), fakewebhook.New(t, fakewebhook.Secret)
	mailbox := fakesmtp.New(t, fakesmtp.Options{Mechanisms: []string{"LOGIN"}})
	s := prepareStack(t, strings.Replace(oncallText, `alice = { page = ["terminal"] }`,
		`alice = { page = ["terminal", "pagerduty", "sms", "call", "email", "slack", "webhook"] }`, 1),
		pagerDutyConfig+twilioConfig(t, "sms", phone)+twilioConfig(t, "call", phone)+mailConfig(t, mailbox)+
			fmt.Sprintf("[slack]\nbase_url = %q\ntoken_file = %q\n", workspace.URL, secretFile(t, fakeslack.Token))+
			fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret)))
	s.write("contacts.toml", fmt.Sprintf("[alice]\npagerduty = \"PALICE\"\nsms = \"+4915110000001\"\ncall = \"+4915110000001\"\nemail = %q\nslack = %q\nwebhook = %q\n",
		fakesmtp.Alice, fakeslack.Alice, receiver.URL), 0o600)
	s.startRouter()
	name := strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `).Replace(hostile.Container)
	if code, body := s.post(event(name, "die", time.Now(), ",exit_code=7i,requested=false")); code != 204 {
		t.Fatalf("found %d %s", code, body)
	}

	ctx := within(t, 20*time.Second)
	texts := map[string]string{"terminal": s.router.await(t, 20*time.Second, 0, "^PAGE alice TRIGGERED container-died")}
	open := await(t, pagerDuty, 20*time.Second, func(s fakepagerduty.Snapshot) bool { return len(s.Incidents) == 1 })
	texts["pagerduty"] = open.Incidents[0].Title
	sent, err := phone.WaitFor(ctx, func(s faketwilio.Snapshot) bool { return len(s.Messages) == 1 && len(s.Calls) == 1 })
	if err != nil {
		t.Fatal(err)
	}
	texts["sms"], texts["call"] = sent.Messages[0].Body, sent.Calls[0].Spoken[0] // the fake knows no verb but those that speak
	mails, err := mailbox.WaitFor(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	texts["email"] = mails[0].Subject // the fake knows no header but a page's
	if mail := mails[0]; len(mail.To) != 1 || strings.Contains(mail.HTML, "<img") || strings.Count(mail.HTML, "<a ") != 1 {
		t.Errorf("the mail to %q has the HTML\n%s", mail.To, mail.HTML)
	}
	posted, err := workspace.WaitFor(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	texts["slack"] = strings.ReplaceAll(posted[0].Shown[1], "\n", " ")
	if post := posted[0]; post.Mentions != nil || len(post.Links) != 1 || !strings.HasPrefix(post.Links[0], "http://"+s.addr+"/incidents/") {
		t.Errorf("in Slack it calls %q and leads to %q", post.Mentions, post.Links)
	}
	taken, err := receiver.WaitFor(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := taken[0].Said["data"].(map[string]any)
	texts["webhook"] = fmt.Sprint(data["title"])
	if len(data) != 7 || data["repeat"] != false {
		t.Errorf("the webhook says %q", data)
	}

	for channel, text := range texts {
		if !strings.Contains(text, `<!channel> <@U024BE7LH`) { // a text message has no room for more
			t.Errorf("%s: the name is another in %q", channel, text)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: unprintable: %q", channel, text)
		}
	}
}

// Contacts are those of the moment: whoever has a new address gets the next page there, without a restart.
func TestTheNextPageGoesToTheAddressOfTheMoment(t *testing.T) {
	before, after := fakewebhook.New(t, fakewebhook.Secret), fakewebhook.New(t, fakewebhook.Secret)
	s := prepareStackFor(t, "webhook", before.URL, fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret)))
	s.startRouter()
	page := func(n int) {
		s.command("nezuban-router", "page", "-config="+s.path("router.toml"), "-by=test", fmt.Sprintf("page %d", n))
	}
	page(0)
	if _, err := before.WaitFor(within(t, 10*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	s.write("contacts.toml", fmt.Sprintf("[alice]\nwebhook = %q\n", after.URL), 0o600)
	for n := 1; ; n++ { // the router looks at the file every second
		page(n)
		if _, err := after.WaitFor(within(t, time.Second), 1); err == nil {
			return
		}
		if n == 10 {
			t.Fatalf("%d pages after the address changed none has gone there", n)
		}
	}
}
