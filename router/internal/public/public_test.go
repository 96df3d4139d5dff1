package public_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/page/twilio"
	"nezuban/router/internal/public"
)

const (
	callToken = "call-token"
	smsToken  = "sms-token"
	secret    = "pd-secret"
	oldSecret = "pd-secret-before"
	number    = "+4915110000001"
)

// desk holds one incident, about which alice was called and sent a text message.
type desk struct {
	mu     sync.Mutex
	inc    incident.Incident
	others []incident.Incident // that its messages speak for too
	notes  []string
	heard  []pagerduty.Event
	failed error
	held   chan struct{} // what changes something waits for its end; nil: it does not
}

func (d *desk) sent(id, channel string) public.Sent {
	return public.Sent{Incident: d.inc, PageID: id, Person: "alice", Channel: channel, Others: d.others}
}

func (d *desk) Sent(id string) (public.Sent, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch id {
	case "I1-0":
		return d.sent(id, "sms"), true
	case "I1-1":
		return d.sent(id, "call"), true
	}
	return public.Sent{}, false
}

func (d *desk) Texted(from string) ([]public.Sent, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if from != number {
		return nil, false
	}
	return []public.Sent{d.sent("I1-0", "sms")}, true
}

func (d *desk) Acknowledge(_ context.Context, s public.Sent, note string) error {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.failed != nil:
		return d.failed
	case d.inc.State == incident.Resolved && len(d.others) > 0: // those are taken
		return nil
	case s.Incident.ID != "I1" || d.inc.State == incident.Resolved:
		return incident.ErrUnknown
	}
	d.inc.State, d.inc.AcknowledgedBy = incident.Acknowledged, s.Person
	d.notes = append(d.notes, note)
	return nil
}

func (d *desk) Heed(_ context.Context, e pagerduty.Event) error {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.heard = append(d.heard, e)
	}
	return d.failed
}

func (d *desk) wait() {
	if d.held != nil {
		<-d.held
	}
}

func (d *desk) state() (incident.State, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inc.State, d.inc.AcknowledgedBy
}

var links = access.NewLinks(bytes.Repeat([]byte{7}, 32))

const hostileName = `<script>document.title="owned"</script> </Say><Dial>+1900</Dial> &amp; "'`

// newDesk holds one triggered incident.
func newDesk() *desk {
	at := time.Date(2026, 11, 30, 3, 4, 5, 0, time.UTC)
	alert := incident.AlertState{Alert: incident.Alert{Key: "k", Rule: "container-died", Summary: "container " + hostileName + " died", Labels: map[string]string{"host": "web1"}}, First: at}
	return &desk{inc: incident.Incident{ID: "I1", State: incident.Triggered, Severity: incident.SeverityPage, OpenedAt: at, Alerts: map[string]incident.AlertState{"k": alert}}}
}

func handler(d *desk, address string) http.Handler {
	return public.New(public.Options{
		Desk: d, Links: links, URL: address, ConsoleURL: "https://nezuban.example.org", Log: slog.New(slog.DiscardHandler),
		Gate:             access.New(access.Options{Hosts: []string{"ack.example.org"}, Now: time.Now}),
		PagerDutySecrets: []string{oldSecret, secret}, CallToken: callToken, SMSToken: smsToken,
	})
}

// newSite serves a desk on a loopback port.
func newSite(t *testing.T) (*desk, *httptest.Server) {
	t.Helper()
	d, server := newDesk(), httptest.NewUnstartedServer(nil)
	server.Config.Handler = handler(d, "http://"+server.Listener.Addr().String())
	server.Start()
	t.Cleanup(server.Close)
	return d, server
}

// ask makes a request and returns the status and the body; redirects are not followed.
func ask(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func request(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signed is a request as the provider of calls and text messages makes it.
func signed(t *testing.T, address, token string, form url.Values) *http.Request {
	t.Helper()
	r := request(t, http.MethodPost, address, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(twilio.SignatureHeader, twilio.Sign(token, address, form))
	return r
}

func TestTheLinkChangesNothingAndItsButtonAcknowledges(t *testing.T) {
	good := public.Link(links, "I1-0", "alice")
	for _, row := range []struct {
		name, method, path string
		prepare            func(*http.Request)
		desk               func(*desk)
		status             int
		acknowledged       bool
		says               string
	}{
		{"opened", http.MethodGet, good, nil, nil, 200, false, "Acknowledge"},
		{"looked at", http.MethodHead, good, nil, nil, 200, false, ""},
		{"a browser that looks ahead", http.MethodGet, good + "?x=1", func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch") }, nil, 200, false, ""},
		{"the button", http.MethodPost, good, nil, nil, 303, true, ""},
		{"the button, from another site", http.MethodPost, good, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, nil, 403, false, ""},
		{"the button, as a browser says it from another site", http.MethodPost, good, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, nil, 403, false, ""},
		{"the button, under another name", http.MethodPost, good, func(r *http.Request) { r.Host = "evil.example" }, nil, 403, false, ""},
		{"opened under another name", http.MethodGet, good, func(r *http.Request) { r.Host = "evil.example" }, nil, 403, false, ""},
		{"under its own name", http.MethodPost, good, func(r *http.Request) { r.Host = "ack.example.org:443" }, nil, 303, true, ""},
		{"another person's token", http.MethodPost, public.Link(links, "I1-0", "bob"), nil, nil, 404, false, ""},
		{"another page's token", http.MethodPost, "/a/I1-1/" + links.Token(access.ActLink, "I1-0", "alice"), nil, nil, 404, false, ""},
		{"the token of a call's key", http.MethodPost, "/a/I1-0/" + links.Token(access.ActKey, "I1-0", "alice"), nil, nil, 404, false, ""},
		{"a page that nobody has", http.MethodPost, public.Link(links, "I2-0", ""), nil, nil, 404, false, ""},
		{"no token", http.MethodPost, "/a/I1-0/", nil, nil, 404, false, ""},
		{"PUT", http.MethodPut, good, nil, nil, 404, false, ""},
		{"it is over", http.MethodPost, good, nil, func(d *desk) { d.inc.State = incident.Resolved }, 303, false, ""},
		{"it is over, opened", http.MethodGet, good, nil, func(d *desk) { d.inc.State, d.inc.ResolvedBy = incident.Resolved, "bob" }, 200, false, "resolved</span> by <bdi>bob"},
		{"bob has it", http.MethodGet, good, nil, func(d *desk) { d.inc.State, d.inc.AcknowledgedBy = incident.Acknowledged, "bob" }, 200, false, "Take it over"},
		{"it cannot be stored", http.MethodPost, good, nil, func(d *desk) { d.failed = errors.New("full") }, 503, false, "NOT acknowledged"},
		{"the console", http.MethodGet, "/", nil, nil, 404, false, ""},
		{"an incident of the console", http.MethodGet, "/incidents/I1", nil, nil, 404, false, ""},
		{"the API", http.MethodGet, "/api/v1/incidents", nil, nil, 404, false, ""},
		{"line protocol", http.MethodPost, "/api/v2/write", nil, nil, 404, false, ""},
		{"health", http.MethodGet, "/healthz", nil, nil, 404, false, ""},
		{"figures", http.MethodGet, "/metrics", nil, nil, 404, false, ""},
		{"a webhook, opened", http.MethodGet, public.PagerDutyPath, nil, nil, 404, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, server := newSite(t)
			if row.desk != nil {
				row.desk(d)
			}
			before, _ := d.state()
			r := request(t, row.method, server.URL+row.path, "")
			if row.prepare != nil {
				row.prepare(r)
			}
			status, body := ask(t, r)
			if status != row.status || !strings.Contains(body, row.says) {
				t.Errorf("answered %d, want %d with %q: %s", status, row.status, row.says, body)
			}
			if strings.Contains(body, "<script") || strings.Contains(body, "<Dial") {
				t.Errorf("a sender's markup is in %s", body)
			}
			want := before
			if row.acknowledged {
				want = incident.Acknowledged
			}
			if state, by := d.state(); state != want || (row.acknowledged && by != "alice") {
				t.Errorf("it is %s by %q, want %s", state, by, want)
			}
		})
	}
}

// Whoever guesses must not learn whether there is such a page.
func TestAWrongLinkIsAnsweredLikeOneThatIsOver(t *testing.T) {
	_, server := newSite(t)
	_, wrong := ask(t, request(t, http.MethodGet, server.URL+public.Link(links, "I1-0", "mallory"), ""))
	_, none := ask(t, request(t, http.MethodGet, server.URL+public.Link(links, "I9-0", ""), ""))
	if wrong != none {
		t.Errorf("%s\nis not\n%s", wrong, none)
	}
}

func TestAKeyInACall(t *testing.T) {
	good := public.KeyAddress(links, "I1-1", "alice")
	pressed := func(digits string, more ...string) url.Values {
		form := url.Values{"Digits": {digits}, "CallSid": {"CA1"}, "To": {number}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	for _, row := range []struct {
		name, path, token string
		form              url.Values
		desk              func(*desk)
		status            int
		acknowledged      bool
		says              string
	}{
		{"the key", good, callToken, pressed("4"), nil, 200, true, "It is acknowledged"},
		{"another key", good, callToken, pressed("1"), nil, 200, false, "press 4"},
		{"the key twice", good, callToken, pressed("44"), nil, 200, false, "press 4"},
		{"no key", good, callToken, pressed(""), nil, 200, false, "press 4"},
		{"an answering machine", good, callToken, pressed("4", "AnsweredBy", "machine_end_beep"), nil, 200, false, "press 4"},
		{"a fax", good, callToken, pressed("4", "AnsweredBy", "fax"), nil, 200, false, "press 4"},
		{"a person, says the provider", good, callToken, pressed("4", "AnsweredBy", "human"), nil, 200, true, "It is acknowledged"},
		{"signed by somebody else", good, "another", pressed("4"), nil, 403, false, ""},
		{"signed by the account for text messages", good, smsToken, pressed("4"), nil, 403, false, ""},
		{"another person's address", public.KeyAddress(links, "I1-1", "bob"), callToken, pressed("4"), nil, 404, false, ""},
		{"a link's token", "/hooks/call/I1-1/" + links.Token(access.ActLink, "I1-1", "alice"), callToken, pressed("4"), nil, 404, false, ""},
		{"somebody else has it", good, callToken, pressed("4"), func(d *desk) { d.inc.State, d.inc.AcknowledgedBy = incident.Acknowledged, "bob" }, 200, true, "It is yours now. It was acknowledged by bob."},
		{"it is theirs already", good, callToken, pressed("4"), func(d *desk) { d.inc.State, d.inc.AcknowledgedBy = incident.Snoozed, "alice" }, 200, true, "It is acknowledged"},
		{"it is over", good, callToken, pressed("4"), func(d *desk) { d.inc.State = incident.Resolved }, 200, false, "It is over already"},
		{"it cannot be stored", good, callToken, pressed("4"), func(d *desk) { d.failed = errors.New("full") }, 200, false, "is not acknowledged. "},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, server := newSite(t)
			if row.desk != nil {
				row.desk(d)
			}
			status, body := ask(t, signed(t, server.URL+row.path, row.token, row.form))
			if status != row.status || !strings.Contains(strings.ReplaceAll(body, "</Say>", " "), row.says) {
				t.Errorf("answered %d, want %d with %q: %s", status, row.status, row.says, body)
			}
			if state, by := d.state(); (state == incident.Acknowledged) != row.acknowledged || (row.acknowledged && by != "alice") {
				t.Errorf("it is %s by %q", state, by)
			}
		})
	}
	t.Run("not signed", func(t *testing.T) {
		d, server := newSite(t)
		r := signed(t, server.URL+good, callToken, pressed("4"))
		r.Header.Del(twilio.SignatureHeader)
		status, _ := ask(t, r)
		if state, _ := d.state(); status != 403 || state != incident.Triggered {
			t.Errorf("answered %d, it is %s", status, state)
		}
	})
}

func TestAnAnswerToATextMessage(t *testing.T) {
	code := links.Code("I1-0", "alice")
	for _, row := range []struct {
		name, from, body, token string
		status                  int
		acknowledged            bool
		says                    string
	}{
		{"the code", number, "ack " + code, smsToken, 200, true, "<Message>Acknowledged: container &lt;script&gt;"},
		{"in small letters, with a full stop", number, " Ack  " + strings.ToLower(code) + ". ", smsToken, 200, true, "Acknowledged"},
		{"the code, and more", number, "Ack: #" + strings.ToLower(code) + ", on my way", smsToken, 200, true, "<Message>Acknowledged: container &lt;script&gt;"},
		{"the code in other words", number, "what is " + code, smsToken, 200, false, "Nothing is acknowledged"},
		{"another code", number, "ack AAAAAA", smsToken, 200, false, "Nothing is acknowledged"},
		{"no code", number, "ack", smsToken, 200, false, "Nothing is acknowledged"},
		{"the code alone", number, code, smsToken, 200, false, "Nothing is acknowledged"},
		{"not to be acknowledged", number, "do not ack " + code, smsToken, 200, false, "Nothing is acknowledged"},
		{"another number", "+4915110000009", "ack " + code, smsToken, 200, false, "<Response></Response>"},
		{"signed by somebody else", number, "ack " + code, callToken, 403, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, server := newSite(t)
			form := url.Values{"From": {row.from}, "Body": {row.body}, "MessageSid": {"SM1"}}
			for range 2 { // the provider asks again when an answer is lost
				status, body := ask(t, signed(t, server.URL+public.SMSPath, row.token, form))
				if status != row.status || !strings.Contains(body, row.says) {
					t.Errorf("answered %d, want %d with %q: %s", status, row.status, row.says, body)
				}
			}
			if state, by := d.state(); (state == incident.Acknowledged) != row.acknowledged || (row.acknowledged && by != "alice") {
				t.Errorf("it is %s by %q", state, by)
			}
		})
	}
}

func TestAnAnswerToATextMessageSaysWhoHadIt(t *testing.T) {
	d, server := newSite(t)
	d.inc.State, d.inc.AcknowledgedBy = incident.Acknowledged, "bob"
	form := url.Values{"From": {number}, "Body": {"ack " + links.Code("I1-0", "alice")}, "MessageSid": {"SM1"}}
	for _, says := range []string{"<Message>Taken over from bob: container", "<Message>Acknowledged: container"} {
		if _, body := ask(t, signed(t, server.URL+public.SMSPath, smsToken, form)); !strings.Contains(body, says) {
			t.Errorf("found %s, want %q", body, says)
		}
	}
}

// A message that speaks for several incidents acknowledges them all, and nothing that is over.
func TestAnAnswerSaysWhatElseItAcknowledges(t *testing.T) {
	other := func(summary string) incident.Incident {
		return incident.Incident{Alerts: map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Firing: true, Summary: summary}}}}
	}
	for _, row := range []struct {
		name            string
		over            bool
		others          []incident.Incident
		texted, pressed string
	}{
		{"alone", false, nil, "<Message>Acknowledged: container", "It is acknowledged. Thank you. Good bye."},
		{"with others", false, []incident.Incident{other("one"), other("two")}, "<Message>Acknowledged, and 2 more: container", "It is acknowledged. Thank you. Also acknowledged: 2 more. Good bye."},
		{"over, with others", true, []incident.Incident{other("one"), other("two")}, "<Message>Acknowledged, and 1 more: one", "It is over already. Also acknowledged: 2 more. Good bye."},
		{"over, with another", true, []incident.Incident{other("one")}, "<Message>Acknowledged: one", "It is over already. Also acknowledged: 1 more. Good bye."},
		{"over", true, nil, "<Message>It is over already: container", "It is over already. Good bye."},
	} {
		t.Run(row.name, func(t *testing.T) {
			for path, says := range map[string]string{public.SMSPath: row.texted, public.KeyAddress(links, "I1-1", "alice"): row.pressed} {
				d, server := newSite(t)
				d.others = row.others
				if row.over {
					d.inc.State = incident.Resolved
				}
				form, token := url.Values{"CallSid": {"CA1"}, "Digits": {"4"}}, callToken
				if path == public.SMSPath {
					form, token = url.Values{"From": {number}, "Body": {"ack " + links.Code("I1-0", "alice")}, "MessageSid": {"SM1"}}, smsToken
				}
				if _, body := ask(t, signed(t, server.URL+path, token, form)); !strings.Contains(body, says) {
					t.Errorf("found %s, want %q", body, says)
				}
			}
		})
	}
}
