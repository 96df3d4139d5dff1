package page_test

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"nezuban/checks/check"
	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/packaging/testenv/fakeslack"
	"nezuban/packaging/testenv/fakesmtp"
	"nezuban/packaging/testenv/faketwilio"
	"nezuban/packaging/testenv/fakewebhook"
	"nezuban/packaging/testenv/hostile"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/call"
	"nezuban/router/internal/page/email"
	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/page/slack"
	"nezuban/router/internal/page/sms"
	"nezuban/router/internal/page/terminal"
	"nezuban/router/internal/page/twilio"
	"nezuban/router/internal/page/webhook"
)

const (
	patience = time.Minute // with each provider: no pause of the machine is taken for silence

	ackURL = "https://ack.example.org/a/01JINCIDENT-0/abc"
	answer = "https://ack.example.org/hooks/call/01JINCIDENT-0/abc"
)

// named is a page about something that a sender gave a name, in each place where one can stand.
func named(name string) page.Message {
	died := incident.Alert{
		Key: "k", Rule: name, Summary: "container " + name + " died", Severity: incident.SeverityPage, Reason: name,
		Labels: map[string]string{"host": name, "container_name": name, "team": name, name: name},
	}
	if address := "https://wiki.example.org/" + name; check.ValidRunbook(address) && utf8.ValidString(address) { // as alerts of Prometheus bring it
		died.Runbook, died.Source = address, address+"?g0.expr=1"
	}
	inc := incident.Incident{
		ID: "01JINCIDENT", Severity: incident.SeverityPage, OpenedAt: time.Date(2026, 11, 30, 3, 4, 5, 0, time.UTC),
		Alerts: map[string]incident.AlertState{"k": {Alert: died, First: time.Date(2026, 11, 30, 3, 4, 5, 0, time.UTC)}},
	}
	m, facts := page.Draft(inc, page.KindTrigger, "step 1 of policy "+name, "https://nezuban.example.org/incidents/01JINCIDENT")
	m.PageID, m.AckURL, m.Code = "01JINCIDENT-0", ackURL, "K7PQ2M"
	facts.AckURL = ackURL
	m.Title, m.Text = page.Words(facts)
	return m
}

// Whatever a sender calls a container: on each channel it is text, in its bounds, and neither calls, leads, speaks nor
// formats anything that is not ours. The fakes refuse verbs, headers and fields that a page does not have.
func TestHostileNamesThroughEveryChannel(t *testing.T) {
	type harm = func(t *testing.T, m page.Message) (text string)
	channels := map[string]struct {
		address string
		send    harm
	}{
		"pagerduty": {"PALICE", func(t *testing.T, m page.Message) string {
			server := fakepagerduty.New(t)
			server.AddUser("PALICE", "alice@example.com")
			deliver(t, pagerduty.New(pagerduty.Config{
				BaseURL: server.URL, Token: fakepagerduty.Token, From: fakepagerduty.Bot, ServiceID: fakepagerduty.Service, Timeout: patience,
			}), m)
			return server.Incidents()[0].Title + "\n" + server.Incidents()[0].Details
		}},
		"pagerduty, by an event": {"PALICE", func(t *testing.T, m page.Message) string {
			server, events := fakepagerduty.New(t), fakepagerduty.NewEvents(t)
			server.Limit(2, nil)
			m.Failing = time.Minute
			deliver(t, pagerduty.New(pagerduty.Config{
				BaseURL: server.URL, Token: fakepagerduty.Token, From: fakepagerduty.Bot, ServiceID: fakepagerduty.Service,
				EventsURL: events.URL, EventsKey: fakepagerduty.RoutingKey, Timeout: patience,
			}), m)
			return events.Taken()[0].Payload.Summary + "\n" + events.Taken()[0].Payload.Source
		}},
		"sms": {"+4915110000001", func(t *testing.T, m page.Message) string {
			server := faketwilio.New(t)
			deliver(t, sms.New(account(server)), m)
			body := server.Messages()[0].Body
			if !strings.HasSuffix(body, " "+ackURL+" Reply: ack K7PQ2M #01JINCIDENT-0") || utf8.RuneCountInString(body) > 3*153 {
				t.Errorf("a text message of %d characters: %q", utf8.RuneCountInString(body), body)
			}
			return body
		}},
		"call": {"+4915110000001", func(t *testing.T, m page.Message) string {
			server := faketwilio.New(t)
			deliver(t, call.New(call.Config{Config: account(server), Answer: func(page.Message) string { return answer }}), m)
			rung := server.Calls()[0]
			if rung.Action != answer {
				t.Errorf("keys are reported to %q", rung.Action)
			}
			return strings.Join(rung.Spoken, "\n")
		}},
		"email": {fakesmtp.Alice, func(t *testing.T, m page.Message) string {
			server := fakesmtp.New(t, fakesmtp.Options{})
			deliver(t, email.New(email.Config{Server: server.Addr, From: mail.Address{Address: "nezuban@example.org"}, Roots: server.Roots, Timeout: patience}), m)
			got := server.Mails()[0]
			if len(got.To) != 1 || strings.Count(got.HTML, "<a ") != 1 || strings.Count(got.HTML, "<") != strings.Count(got.HTML, ">") || strings.Contains(got.HTML, "<img") || strings.Contains(got.HTML, "<script") {
				t.Errorf("to %q:\n%s", got.To, got.HTML)
			}
			return got.Subject + "\n" + got.Text
		}},
		"slack": {fakeslack.Alice, func(t *testing.T, m page.Message) string {
			server := fakeslack.New(t)
			deliver(t, slack.New(slack.Config{BaseURL: server.URL, Token: fakeslack.Token, Timeout: patience}), m)
			got := server.Messages()[0]
			links := []string{ackURL}
			if m.Runbook != "" {
				links = append(links, m.Runbook, m.Source)
			}
			if got.Mentions != nil || !slices.Equal(got.Links, links) {
				t.Errorf("it calls %q and leads to %q", got.Mentions, got.Links)
			}
			return strings.Join(got.Shown, "\n")
		}},
		"webhook": {"", func(t *testing.T, m page.Message) string {
			server := fakewebhook.New(t, fakewebhook.Secret)
			secret, err := webhook.ParseSecret(fakewebhook.Secret)
			if err != nil {
				t.Fatal(err)
			}
			m.People[0].Address = server.URL
			deliver(t, webhook.New(webhook.Config{Secrets: []webhook.Secret{secret}, Timeout: patience}), m)
			got, err := server.WaitFor(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			data, _ := got[0].Said["data"].(map[string]any)
			if len(data) != 7 || data["repeat"] != false || data["person"] != "alice" {
				t.Errorf("it says %q", data)
			}
			return fmt.Sprint(data["title"], "\n", data["text"])
		}},
		"terminal": {"", func(t *testing.T, m page.Message) string {
			var out bytes.Buffer
			deliver(t, terminal.New(&out), m)
			line := strings.TrimSuffix(out.String(), "\n")
			if strings.Contains(line, "\n") {
				t.Errorf("more than a line: %q", line)
			}
			return line
		}},
	}
	for channel, c := range channels {
		for what, name := range hostile.Names() {
			t.Run(channel+"/"+what, func(t *testing.T) {
				m := named(name)
				m.People = []page.Recipient{{Person: "alice", Address: c.address}}
				text := c.send(t, m)
				if !strings.Contains(text, "container") || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
					t.Errorf("found %q", text)
				}
			})
		}
	}
}

func deliver(t *testing.T, p page.Pager, m page.Message) {
	t.Helper()
	if _, err := p.Page(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func account(server *faketwilio.Server) twilio.Config {
	return twilio.Config{
		BaseURL: server.URL, AccountSID: faketwilio.AccountSID, AuthToken: faketwilio.AuthToken, From: faketwilio.From, Timeout: patience,
	}
}
