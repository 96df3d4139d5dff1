package packaging

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/packaging/testenv/fakeslack"
	"nezuban/packaging/testenv/fakesmtp"
	"nezuban/packaging/testenv/faketwilio"
	"nezuban/packaging/testenv/fakewebhook"
)

// outside is the router's configuration for a public listener, and its URL.
func outside(t *testing.T) (url, config string) {
	t.Helper()
	address := testenv.FreeAddress(t)
	return "http://" + address, fmt.Sprintf("[public]\nlisten = %q\nurl = \"http://%s\"\n", address, address)
}

// shown is the only incident as the command line shows it.
func (s *stack) shown() string {
	s.t.Helper()
	return s.command("nezuban-router", "incidents", "-json", "-all", "-config="+s.path("router.toml"))
}

// becomes waits until the only incident is in a state, by somebody.
func (s *stack) becomes(state, by string) {
	s.t.Helper()
	eventually(s.t, 20*time.Second, "it is "+state+" by "+by, func() bool {
		now := s.shown()
		return strings.Contains(now, fmt.Sprintf(`"state":%q`, state)) && strings.Contains(now, fmt.Sprintf("%q", by))
	})
}

// everybody is a router that reaches alice on every channel at once, with a public listener, and the providers of all.
type everybody struct {
	*stack
	url       string // of the public listener
	pagerDuty *fakepagerduty.Server
	phone     *faketwilio.Server
	mailbox   *fakesmtp.Server
	workspace *fakeslack.Server
	receiver  *fakewebhook.Server
}

func reachEverybody(t *testing.T) *everybody {
	t.Helper()
	url, public := outside(t)
	pagerDuty, config := newPagerDuty(t)
	e := &everybody{
		url: url, pagerDuty: pagerDuty, phone: faketwilio.New(t), mailbox: fakesmtp.New(t, fakesmtp.Options{Mechanisms: []string{"LOGIN"}}),
		workspace: fakeslack.New(t), receiver: fakewebhook.New(t, fakewebhook.Secret),
	}
	e.stack = prepareStack(t, strings.Replace(oncallText, `alice = { page = ["terminal"] }`,
		`alice = { page = ["terminal", "pagerduty", "sms", "call", "email", "slack", "webhook"] }`, 1),
		public+config+twilioConfig(t, "sms", e.phone)+"replies = true\n"+twilioConfig(t, "call", e.phone)+mailConfig(t, e.mailbox)+
			fmt.Sprintf("[slack]\nbase_url = %q\ntoken_file = %q\n", e.workspace.URL, secretFile(t, fakeslack.Token))+
			fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret)))
	e.write("contacts.toml", fmt.Sprintf("[alice]\npagerduty = \"PALICE\"\nsms = \"+4915110000001\"\ncall = \"+4915110000001\"\nemail = %q\nslack = %q\nwebhook = %q\n",
		fakesmtp.Alice, fakeslack.Alice, e.receiver.URL), 0o600)
	e.startRouter()
	return e
}

// said waits until there are so many messages on each channel, but for calls, of which there is one, and returns the last of
// each, all that is in it.
func (e *everybody) said(n int, word string) map[string]string {
	e.t.Helper()
	ctx := within(e.t, 20*time.Second)
	all := map[string]string{"terminal": e.router.await(e.t, 20*time.Second, 0, "^PAGE alice "+word+" container-died")}
	incidents := await(e.t, e.pagerDuty, 20*time.Second, func(s fakepagerduty.Snapshot) bool { return len(s.Incidents) == 1 && len(s.Requests) >= n })
	all["pagerduty"] = fmt.Sprint(incidents.Incidents)
	sent, err := e.phone.WaitFor(ctx, func(s faketwilio.Snapshot) bool { return len(s.Messages) == n && len(s.Calls) == 1 })
	if err != nil {
		e.t.Fatal(err)
	}
	all["sms"], all["call"] = sent.Messages[n-1].Body, sent.Calls[0].Twiml
	mails, err := e.mailbox.WaitFor(ctx, n)
	if err != nil {
		e.t.Fatal(err)
	}
	all["email"] = mails[n-1].Text + " " + mails[n-1].HTML
	posted, err := e.workspace.WaitFor(ctx, n)
	if err != nil {
		e.t.Fatal(err)
	}
	all["slack"] = strings.Join(append(posted[n-1].Shown, posted[n-1].Links...), " ")
	taken, err := e.receiver.WaitFor(ctx, n)
	if err != nil {
		e.t.Fatal(err)
	}
	all["webhook"] = string(taken[n-1].Body)
	return all
}

// scanAll asks for each URL of each message, as scanners and previews do, and returns with what statuses that ended.
func (e *everybody) scanAll(messages map[string]string) map[string]bool {
	e.t.Helper()
	statuses := map[string]bool{}
	for channel, text := range messages {
		urls := urlText.FindAllString(text, -1)
		if len(urls) == 0 && channel != "terminal" {
			e.t.Errorf("%s: no link in %q", channel, text)
		}
		for _, address := range urls {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				statuses[scan(e.t, method, address)] = true
			}
		}
	}
	return statuses
}

var urlText = regexp.MustCompile(`https?://[^\s"'<>|\\\])}]+`)

// A scanner that asks for every URL of every message, by GET and by HEAD, acknowledges nothing; a person who presses the
// button does.
func TestAScannerAcknowledgesNothing(t *testing.T) {
	e := reachEverybody(t)
	at := time.Now()
	e.post(die(at))
	first := e.said(1, "TRIGGERED")
	for channel, text := range first {
		if channel != "terminal" && channel != "pagerduty" && !strings.Contains(text, e.url+"/") {
			t.Errorf("%s: no link to %s in %q", channel, e.url, text)
		}
	}
	statuses := e.scanAll(first)
	e.post(event("till", "die", at.Add(time.Second), ",exit_code=7i,requested=false")) // joins it, and all are told so
	maps.Copy(statuses, e.scanAll(e.said(2, "UPDATED")))
	if now := e.shown(); !statuses["200"] || !strings.Contains(now, `"state":"triggered"`) || strings.Contains(now, "acknowledged_at") {
		t.Fatalf("scanned with %v; it is %s", statuses, now)
	}
	pressTheButton(t, urlText.FindString(first["sms"]))
	e.becomes("acknowledged", "alice")
}

// scan asks for a URL as a scanner does, and returns the status that the last redirect came to.
func scan(t *testing.T, method, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return fmt.Sprint(answer.StatusCode)
}

func pressTheButton(t *testing.T, link string) {
	t.Helper()
	// Its folder is chromedp's own, which ends what still writes there before it removes it.
	ctx, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(testenv.Chromium(t)), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts the browser; a deadline here would end it later
		t.Fatalf("start chromium: %v", err)
	}
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(link), chromedp.Click(chromedp.CSS("#ack")), chromedp.WaitVisible(chromedp.CSS("main.acknowledged"))); err != nil {
		t.Fatalf("press the button at %s: %v", link, err)
	}
}

func TestAKeyPressedInACall(t *testing.T) {
	_, public := outside(t)
	account := faketwilio.New(t)
	s := newStack(t, pagedBy("call", "terminal", "10m"), public+twilioConfig(t, "call", account))
	s.post(die(time.Now()))
	rung := calls(t, account, 1)[0]
	if said := strings.Join(rung.Spoken, " "); !strings.Contains(said, "press 4") {
		t.Errorf("said %q", said)
	}
	account.Answer(rung.SID)
	for _, wrong := range [][2]string{{"1", ""}, {"4", "machine_start"}, {"", ""}} {
		said, err := account.Press(t.Context(), rung.SID, wrong[0], wrong[1])
		if err != nil || !strings.Contains(strings.Join(said, " "), "acknowledges nothing") {
			t.Errorf("key %q of %q: said %q, %v", wrong[0], wrong[1], said, err)
		}
	}
	if now := s.shown(); strings.Contains(now, "acknowledged_at") {
		t.Fatalf("a wrong key acknowledged: %s", now)
	}
	said, err := account.Press(t.Context(), rung.SID, "4", "")
	if err != nil || !strings.Contains(strings.Join(said, " "), "It is acknowledged") {
		t.Errorf("said %q, %v", said, err)
	}
	s.becomes("acknowledged", "alice")
	s.unsaid(faketwilio.AuthToken, "+4915110000001")
}

func TestAnAnswerToATextMessage(t *testing.T) {
	url, public := outside(t)
	account := faketwilio.New(t)
	s := newStack(t, pagedBy("sms", "terminal", "10m"), public+twilioConfig(t, "sms", account)+"replies = true\n")
	s.post(die(time.Now()))
	got, err := account.WaitFor(within(t, 10*time.Second), func(all faketwilio.Snapshot) bool { return len(all.Messages) == 1 })
	if err != nil {
		t.Fatal(err)
	}
	answer := regexp.MustCompile(`ack [A-Z0-9]{6}`).FindString(got.Messages[0].Body)
	if answer == "" {
		t.Fatalf("no code in %q", got.Messages[0].Body)
	}
	for from, want := range map[string]string{"+4915110000009": "[]", "+4915110000002": "[Nothing is acknowledged"} {
		said, err := account.Receive(t.Context(), url+"/hooks/sms", from, answer)
		if err != nil || !strings.HasPrefix(fmt.Sprint(said), want) {
			t.Errorf("from %s: answered %q, %v", from, said, err)
		}
	}
	if now := s.shown(); strings.Contains(now, "acknowledged_at") {
		t.Fatalf("another number acknowledged: %s", now)
	}
	for range 2 { // as when an answer is lost
		said, err := account.Receive(t.Context(), url+"/hooks/sms", "+4915110000001", answer)
		if err != nil || fmt.Sprint(said) != "[Acknowledged: container shop died with exit 7 on web1]" {
			t.Errorf("answered %q, %v", said, err)
		}
	}
	s.becomes("acknowledged", "alice")
	s.unsaid(faketwilio.AuthToken, "+4915110000001")
}

const hookSecret = "pagerduty-webhook-KEEP-IT-SECRET"

// What people do in PagerDuty's app happens here, whatever becomes of the webhooks.
func TestPagerDutysOwnApp(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(account *fakepagerduty.Server, id string)
		want [2]string
	}{
		{"acknowledged", func(a *fakepagerduty.Server, id string) { a.Acknowledge(id, "PALICE") }, [2]string{"acknowledged", "alice"}},
		{"acknowledged and told twice", func(a *fakepagerduty.Server, id string) { a.DoubleHooks(1); a.Acknowledge(id, "PALICE") }, [2]string{"acknowledged", "alice"}},
		{"resolved and told before it was acknowledged", func(a *fakepagerduty.Server, id string) {
			release := a.HoldHooks()
			a.Acknowledge(id, "PBOB")
			a.Resolve(id, "PALICE")
			release()
		}, [2]string{"resolved", "alice"}},
		{"reassigned and told twice", func(a *fakepagerduty.Server, id string) { a.DoubleHooks(1); a.Reassign(id, "PALICE", "PBOB") }, [2]string{"triggered", "bob"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, public := outside(t)
			account, config := newPagerDuty(t)
			s := newStack(t, strings.Replace(pagedBy("pagerduty", "pagerduty", "10m"), `bob   = { page = ["pagerduty"] }`, `bob = { page = ["pagerduty", "terminal"] }`, 1),
				public+config+fmt.Sprintf("webhook_secret_files = [%q]\n", secretFile(t, hookSecret)))
			account.Subscribe(t, url+"/hooks/pagerduty", fakepagerduty.HookOptions{}, "the secret before", hookSecret)
			s.post(die(time.Now()))
			opened := await(t, account, 20*time.Second, status("triggered")).Incidents[0]
			row.do(account, opened.ID)
			if row.want[0] == "triggered" {
				s.router.await(t, 20*time.Second, 0, "^PAGE bob TRIGGERED container-died.*alice has given it to you")
			} else {
				s.becomes(row.want[0], row.want[1])
			}
			await(t, account, 20*time.Second, func(fakepagerduty.Snapshot) bool {
				all := answers(account)
				return len(all) >= 2 && !slices.ContainsFunc(all, func(status int) bool { return status != http.StatusAccepted })
			})
			if account.Disabled() {
				t.Error("PagerDuty has disabled the webhooks")
			}
			if n := strings.Count(strings.Join(s.router.output(), "\n"), "PAGE bob"); row.want[0] == "triggered" && n != 1 {
				t.Errorf("bob was paged %d times", n)
			}
			s.unsaid(hookSecret)
		})
	}
}

// What people undo in PagerDuty's app is undone here: nobody has the incident any more, and it pages again.
func TestWhatIsUndoneInPagerDutysOwnApp(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(s *stack, account *fakepagerduty.Server, id string)
	}{
		{"acknowledged there and its snooze is over", func(s *stack, account *fakepagerduty.Server, id string) {
			account.Acknowledge(id, "PALICE")
			s.becomes("acknowledged", "alice")
			account.Expire(id)
		}},
		{"over and opened again", func(s *stack, account *fakepagerduty.Server, id string) {
			s.post(event("shop", "start", time.Now(), ""))
			await(s.t, account, 20*time.Second, status("resolved"))
			account.Reopen(id, "PALICE")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, public := outside(t)
			account, config := newPagerDuty(t)
			s := newStack(t, pagedBy("pagerduty", "pagerduty", "10m"), public+config+fmt.Sprintf("webhook_secret_files = [%q]\n", secretFile(t, hookSecret)))
			account.Subscribe(t, url+"/hooks/pagerduty", fakepagerduty.HookOptions{}, hookSecret)
			s.post(die(time.Now().Add(-time.Second)))
			id := await(t, account, 20*time.Second, status("triggered")).Incidents[0].ID
			row.do(s, account, id)
			again := await(t, account, 20*time.Second, func(all fakepagerduty.Snapshot) bool {
				history := all.Incidents[0].History
				last := history[len(history)-1]
				return last.Event == "incident.reassigned" && last.By == fakepagerduty.BotID && fmt.Sprint(last.Assignees) == "[PALICE]"
			})
			if len(again.Incidents) != 1 {
				t.Errorf("PagerDuty has %+v, want one incident", again.Incidents)
			}
			if now := s.shown(); !strings.Contains(now, `"state":"triggered"`) {
				t.Errorf("it is %s", now)
			}
		})
	}
}

// answers are with what each webhook was answered in the end. One that a router could not answer in time, or take in now, is sent again: a
// standstill of the machine excuses two.
func answers(account *fakepagerduty.Server) (statuses []int) {
	excused := 0
	for _, d := range account.Deliveries() {
		if excused < 2 && (d.Status == 0 || d.Status == http.StatusServiceUnavailable) {
			excused++
			continue
		}
		statuses = append(statuses, d.Status)
	}
	return statuses
}

// Webhooks that somebody else sends are dropped, which is PagerDuty's affair, and change nothing.
func TestAnUnsignedWebhookChangesNothing(t *testing.T) {
	url, public := outside(t)
	account, config := newPagerDuty(t)
	s := newStack(t, pagedBy("pagerduty", "terminal", "10m"), public+config+fmt.Sprintf("webhook_secret_files = [%q]\n", secretFile(t, hookSecret)))
	account.Subscribe(t, url+"/hooks/pagerduty", fakepagerduty.HookOptions{}, hookSecret)
	account.UnsignedHooks(2)
	s.post(die(time.Now()))
	opened := await(t, account, 20*time.Second, status("triggered")).Incidents[0]
	account.Resolve(opened.ID, "PALICE")
	await(t, account, 20*time.Second, func(fakepagerduty.Snapshot) bool { return len(answers(account)) == 2 })
	if all := answers(account); !slices.Equal(all, []int{http.StatusUnauthorized, http.StatusUnauthorized}) {
		t.Errorf("answered %d", all)
	}
	if now := s.shown(); strings.Contains(now, "resolved_at") {
		t.Errorf("it is %s", now)
	}
}

// certify writes a certificate for 127.0.0.1 and its key, and returns the pool that trusts it.
func (s *stack) certify(serial int64) *x509.CertPool {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s.write("router.crt", string(text), 0o600)
	s.write("router.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), 0o600)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// Both listeners speak TLS, by HTTP/2 too, and take a new certificate over while they run.
func TestTLS(t *testing.T) {
	address := testenv.FreeAddress(t)
	files := "tls_cert = \"router.crt\"\ntls_key = \"router.key\"\n"
	s := prepareStack(t, oncallText, files+fmt.Sprintf("[public]\nlisten = %q\nurl = \"https://%s\"\n", address, address)+files)
	trusted := s.certify(1)
	s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
	get := func(address string) (serial int64, status int, proto string) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			return 0, 0, ""
		}
		_ = answer.Body.Close()
		return answer.TLS.PeerCertificates[0].SerialNumber.Int64(), answer.StatusCode, answer.Proto
	}
	for _, want := range []int64{1, 2} {
		for listener, wanted := range map[string]int{s.addr: 200, address: 404} {
			eventually(t, 20*time.Second, fmt.Sprintf("certificate %d on %s", want, listener), func() bool {
				serial, status, proto := get(listener)
				return serial == want && status == wanted && proto == "HTTP/2.0"
			})
		}
		trusted = s.certify(2)
	}
}
