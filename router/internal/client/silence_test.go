package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/access"
	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
	"nezuban/router/internal/web"
)

// shelfOfSilences keeps them in a book.
type shelfOfSilences struct{ book *incident.Book }

func (q shelfOfSilences) env() incident.Env {
	return incident.Env{Now: time.Now(), NewID: func(time.Time) string { return fmt.Sprint("S", len(q.book.Silences())+1) }}
}

func (q shelfOfSilences) Silences() []incident.Silence { return q.book.Silences() }

func (q shelfOfSilences) Silence(_ context.Context, s incident.Silence) (incident.Silence, error) {
	c, s, err := q.book.Silence(q.env(), s)
	q.book.Accept(c)
	return s, err
}

func (q shelfOfSilences) EndSilence(_ context.Context, id, by string) error {
	c, err := q.book.EndSilence(q.env(), id, by)
	q.book.Accept(c)
	return err
}

func TestSilences(t *testing.T) {
	d := &desk{}
	gate := access.New(access.Options{Tokens: []access.Token{{Name: "cli", Kind: access.Act, Hash: access.HashOf("act")}}, Store: &access.Memory{}, Now: time.Now})
	server := httptest.NewServer(web.New(web.Options{
		Board: d, Actor: d, Silences: shelfOfSilences{incident.NewBook(nil, nil, nil)}, Gate: gate, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	c := dial(t, server.URL, "act")
	until := time.Now().Add(48 * time.Hour)
	first, err := c.Silence(t.Context(), []string{"host=web1", "rule!~slo-.*"}, time.Time{}, until, "kernel\x1b[31m update", "alice")
	if err != nil || first.Silence.ID != "S1" || !first.Silence.Until.Equal(until) {
		t.Fatalf("added %+v, %v", first, err)
	}
	second, err := c.Silence(t.Context(), []string{"host=web2"}, time.Now().Add(time.Hour), until, "later", "alice")
	if err != nil || second.Silence.InForce(time.Now()) {
		t.Fatalf("added %+v, %v", second, err)
	}
	if _, err := c.Silence(t.Context(), []string{"host=~.*"}, time.Time{}, until, "all", "alice"); err == nil || !strings.Contains(err.Error(), "needs a label to be there") {
		t.Errorf("everything: %v", err)
	}
	if _, err := c.EndSilence(t.Context(), "S1", "bob"); err != nil {
		t.Error(err)
	}
	if _, err := c.EndSilence(t.Context(), "S1", "bob"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("ended twice: %v", err)
	}
	list, err := c.Silences(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("found %+v, %v", list, err)
	}
	var out bytes.Buffer
	if err := client.WriteSilences(&out, list, time.Now(), time.UTC); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"S1  ended by bob", `host="web1", rule!~"slo-.*"`, "kernel [31m update", "S2  to come"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestWhatIsSaidOfASilence(t *testing.T) {
	at := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	silence := incident.Silence{ID: "S1", From: at, Until: at.Add(time.Hour)}
	const head = "S1: from 2026-03-04 10:00 UTC until 2026-03-04 11:00 UTC\n"
	one := []web.Named{{ID: "I1", Summary: "shop\ndied"}}
	for _, row := range []struct {
		name    string
		matched web.Matched
		want    string
	}{
		{"nothing", web.Matched{}, "it matches no open incident now\n"},
		{"one", web.Matched{Matches: 1, Incidents: one}, "it matches 1 open incident now:\n  I1  shop died\n"},
		{"many", web.Matched{Matches: 7, Incidents: one}, "it matches 7 open incidents now:\n  I1  shop died\n  and 6 more\n"},
		{"parts", web.Matched{Partly: 2}, "it matches no open incident now\nincidents that go on paging, as only some of their alerts match: 2\n"},
	} {
		var out bytes.Buffer
		if err := client.WriteSilenced(&out, web.Silenced{Silence: silence, Matched: row.matched}, time.UTC); err != nil || out.String() != head+row.want {
			t.Errorf("%s: found %q, want %q, %v", row.name, out.String(), head+row.want, err)
		}
	}
	var out bytes.Buffer
	if err := client.WriteSilencedJSON(&out, web.Silenced{Silence: silence, Matched: web.Matched{Matches: 7, Incidents: one}}); err != nil || !strings.Contains(out.String(), `"id":"S1","matchers":`) || !strings.Contains(out.String(), `"matches":7,"partly":0,"incidents":[{"id":"I1",`) {
		t.Errorf("as JSON: %s, %v", out.String(), err)
	}
}

func TestAStoryOfAnIncident(t *testing.T) {
	at := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	alert := incident.Alert{
		Key: "k", Rule: "died", Kind: incident.KindOccurrence, Firing: true, Severity: incident.SeverityPage, Summary: "shop died", At: at,
		Labels: map[string]string{"host": "web1", "container": `shop "1"`}, Reason: "exit\n137", Runbook: "https://wiki/shop", Source: "https://graphs/shop",
		Before: []incident.Mark{{At: at.Add(-time.Minute), Text: "container shop was replaced"}},
	}
	inc := incident.Incident{
		ID: "I1", State: incident.Acknowledged, AcknowledgedBy: "alice", Severity: incident.SeverityPage, OpenedAt: at, Suppressed: "silence S1 by bob: moved",
		Flapping: true, Flaps: 3, More: 975, Alerts: map[string]incident.AlertState{"k": {Alert: alert, Count: 2, First: at}},
	}
	tta := 90.0
	reached := reach.Reach{Reached: []reach.Receipt{{Person: "alice", Channel: "sms"}, {Person: "bob\n", Channel: "call"}}}
	story := client.Story{Record: client.Record{Listed: reach.Listed{Incident: inc, Reach: reached}, TTD: 0.12, TTA: &tta, AckedBy: "bob"}, Timeline: []incident.Entry{{At: at.Add(120 * time.Millisecond), Text: "opened\nby died"}}}
	var out bytes.Buffer
	if err := client.WriteStory(&out, story, time.UTC); err != nil {
		t.Fatal(err)
	}
	want := `I1: shop died (and 975 more)
acknowledged by alice, suppressed, page, opened at 2026-03-04 10:00:00.000 UTC
detected after 120ms, acknowledged after 1m30s by bob
reached: alice by sms, bob  by call
suppressed: silence S1 by bob: moved
flapping: it came back 3 times
  fires, page, 2 times since 2026-03-04 10:00:00 UTC: shop died
    rule died container="shop \"1\"" host="web1"
    why: exit 137
    runbook: https://wiki/shop
    source: https://graphs/shop
    before: 2026-03-04 09:59:00 UTC  container shop was replaced
  and 975 more alerts, in incidents of their own

2026-03-04 10:00:00.120 UTC  opened by died
`
	if out.String() != want {
		t.Errorf("found\n%s\nwant\n%s", out.String(), want)
	}
	inc.State, inc.Suppressed, inc.Policy, inc.Progress.Next = incident.Triggered, "", &escalation.Policy{Name: "api"}, at.Add(5*time.Minute)
	ttr := 3600.4
	open := client.Story{Record: client.Record{Listed: reach.Listed{Incident: inc, Reach: reach.Reach{NobodyReached: true}}, TTR: &ttr}}
	out.Reset()
	if err := client.WriteStory(&out, open, time.FixedZone("CET", 3600)); err != nil || !strings.Contains(out.String(), "\npolicy api, next step at 2026-03-04 11:05:00 CET\n") || !strings.Contains(out.String(), "resolved after 1h0m0s\n") ||
		!strings.Contains(out.String(), "\ntriggered, nobody reached yet, page, ") {
		t.Errorf("found %s, %v", out.String(), err)
	}
	out.Reset()
	if err := client.WriteStoryJSON(&out, story); err != nil || !strings.Contains(out.String(), `"timeline":[{`) || !strings.Contains(out.String(), `"suppressed":"silence`) {
		t.Errorf("found %s, %v", out.String(), err)
	}
}
