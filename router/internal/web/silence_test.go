package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/web"
)

// quiet keeps silences in a book.
type quiet struct{ book *incident.Book }

func (q quiet) env() incident.Env {
	return incident.Env{Now: time.Now(), NewID: func(time.Time) string { return fmt.Sprint("S", len(q.book.Silences())+1) }}
}

func (q quiet) Silences() []incident.Silence { return q.book.Silences() }

func (q quiet) Silence(_ context.Context, s incident.Silence) (incident.Silence, error) {
	c, s, err := q.book.Silence(q.env(), s)
	q.book.Accept(c)
	return s, err
}

func (q quiet) EndSilence(_ context.Context, id, by string) error {
	c, err := q.book.EndSilence(q.env(), id, by)
	q.book.Accept(c)
	return err
}

func TestAPISilences(t *testing.T) {
	s := newSite(t)
	q := quiet{incident.NewBook(nil, nil, nil)}
	server := httptest.NewServer(web.New(web.Options{Board: s.house, Actor: s.house, Silences: q, Gate: s.gate, Now: time.Now, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	s.Server = server
	if got := s.call(t, "GET", "/api/v1/silences", "read", ""); strings.TrimSpace(got.body) != `{"silences":[]}` {
		t.Errorf("none: got %s", got.body)
	}
	got := s.call(t, "POST", "/api/v1/silences", "act", `{"matchers":["host=web1","severity!=page"],"for":"2h","reason":"kernel update","by":"alice"}`)
	var reply struct{ Silence incident.Silence }
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil || got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	one := reply.Silence
	if one.ID != "S1" || one.By != "alice" || one.Reason != "kernel update" || one.Matchers.String() != `host="web1", severity!="page"` || one.Until.Sub(one.From) > 2*time.Hour {
		t.Errorf("got %+v", one)
	}
	if got := s.call(t, "GET", "/api/v1/silences", "read", ""); !strings.Contains(got.body, `"id":"S1"`) {
		t.Errorf("got %s", got.body)
	}
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	for _, row := range []struct {
		name, path, token, body string
		want                    int
		says                    string
	}{
		{"end by a token that may only read", "/S1/end", "read", `{}`, 401, ""},
		{"end", "/S1/end", "act", `{"by":"bob"}`, 200, ""},
		{"end again", "/S1/end", "act", `{"by":"bob"}`, 404, ""},
		{"end an unknown one", "/S9/end", "act", `{}`, 404, ""},
		{"add by a token that may only read", "", "read", `{"matchers":["host=web1"],"for":"2h","reason":"x"}`, 401, ""},
		{"no matchers", "", "act", `{"for":"2h","reason":"x"}`, 400, "expected 1 to 20 such as host=web1"},
		{"no matcher", "", "act", `{"matchers":["host"],"for":"2h","reason":"x"}`, 400, `found \"host\", expected a matcher`},
		{"a bad expression", "", "act", `{"matchers":["host=~("],"for":"2h","reason":"x"}`, 400, "a regular expression"},
		{"everything", "", "act", `{"matchers":["host=~.*"],"for":"2h","reason":"x"}`, 400, "needs a label to be there"},
		{"no end", "", "act", `{"matchers":["host=web1"],"reason":"x"}`, 400, `expected \"until\", a time, or \"for\", a length`},
		{"two ends", "", "act", `{"matchers":["host=web1"],"for":"1h","until":"2099-01-01T00:00:00Z","reason":"x"}`, 400, `found \"until\" and \"for\"`},
		{"no length", "", "act", `{"matchers":["host=web1"],"for":"2 hours","reason":"x"}`, 400, `for: found \"2 hours\", expected a length such as`},
		{"over already", "", "act", `{"matchers":["host=web1"],"until":"2020-01-01T00:00:00Z","reason":"x"}`, 400, `until: found 2020-01-01T00:00:00Z, expected a time after`},
		{"over before it begins", "", "act", `{"matchers":["host=web1"],"from":"` + tomorrow + `","until":"2026-01-01T00:00:00Z","reason":"x"}`, 400, `until: found 2026-01-01T00:00:00Z, expected a time after`},
		{"a distant begin", "", "act", `{"matchers":["host=web1"],"from":"2099-01-02T00:00:00Z","for":"1h","reason":"x"}`, 400, `from: found 2099-01-02T00:00:00Z, expected a time within the next 366 days`},
		{"a begin that is no time", "", "act", `{"matchers":["host=web1"],"from":"soon","for":"1h","reason":"x"}`, 400, `from: found \"soon\", expected a time like`},
		{"too long", "", "act", `{"matchers":["host=web1"],"for":"60w","reason":"x"}`, 400, `for: found \"60w\", expected at most 366d`},
		{"over at once", "", "act", `{"matchers":["host=web1"],"for":"1ns","reason":"x"}`, 400, `for: found \"1ns\", expected a length of at least 1s`},
		{"a reason of blanks", "", "act", `{"matchers":["host=web1"],"for":"1h","reason":" \n "}`, 400, "reason: expected why"},
		{"matchers that are none", "", "act", `{"matchers":"host=web1","for":"1h","reason":"x"}`, 400, "matchers: found a JSON string, expected a list of texts"},
		{"a matcher that is null", "", "act", `{"matchers":["host=web1",null],"for":"1h","reason":"x"}`, 400, "matchers: found a JSON null, expected a text"},
		{"a field that nobody knows", "", "act", `{"matcher":["host=web1"],"for":"1h","reason":"x"}`, 400, `did you mean \"matchers\"?`},
		{"a huge body", "", "act", `{"reason":"` + strings.Repeat("x", 1<<17), 413, "more than 65536 bytes"},
		{"no reason", "", "act", `{"matchers":["host=web1"],"for":"1h"}`, 400, "expected why"},
		{"no JSON", "", "act", `host=web1`, 400, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := s.call(t, "POST", "/api/v1/silences"+row.path, row.token, row.body); got.status != row.want || !strings.Contains(got.body, row.says) {
				t.Errorf("got %d, want %d: %s", got.status, row.want, got.body)
			}
		})
	}
}

// crowd is a board with these incidents open.
type crowd struct {
	*house
	open []incident.Incident
}

func (c crowd) Incidents(int, string) []incident.Incident { return c.open }

// TestAPISaysWhatASilenceMatches adds silences while six incidents of web1 are open and one that is half of web2.
func TestAPISaysWhatASilenceMatches(t *testing.T) {
	s := newSite(t)
	c := crowd{house: s.house}
	holding := func(id string, hosts ...string) incident.Incident {
		inc := incident.Incident{ID: id, State: incident.Triggered, Severity: incident.SeverityPage, Alerts: map[string]incident.AlertState{}}
		for _, host := range hosts {
			inc.Alerts[host] = incident.AlertState{Alert: incident.Alert{Key: host, Firing: true, Summary: "trouble on " + host, Labels: map[string]string{"host": host}}}
		}
		return inc
	}
	for n := range 6 {
		c.open = append(c.open, holding(fmt.Sprint("I", n+1), "web1"))
	}
	c.open = append(c.open, holding("I7", "web1", "web2"), holding("I8", "web3"), holding("I9", "web4"))
	part := holding("I90", "web5")
	part.PartOf = "I9"
	c.open = append(c.open, part)
	server := httptest.NewServer(web.New(web.Options{
		Board: c, Actor: s.house, Silences: quiet{incident.NewBook(nil, nil, nil)}, Gate: s.gate, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	s.Server = server
	for _, row := range []struct{ name, matcher, want string }{
		{"many, and a part of one", "host=web1", `"matches":6,"partly":1,"incidents":[{"id":"I1","summary":"trouble on web1"},{"id":"I2",`},
		{"one", "host=web3", `"matches":1,"partly":0,"incidents":[{"id":"I8","summary":"trouble on web3"}]}`},
		{"all that one lists, and not a part of it", "host=web4", `"matches":0,"partly":1,"incidents":[]}`},
		{"with a part", "host=~web[45]", `"matches":1,"partly":0,"incidents":[{"id":"I9","summary":"trouble on web4"}]}`},
		{"none", "host=web9", `"matches":0,"partly":0,"incidents":[]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := s.call(t, "POST", "/api/v1/silences", "act", `{"matchers":["`+row.matcher+`"],"for":"2h","reason":"x","by":"alice"}`)
			if got.status != 200 || !strings.Contains(got.body, row.want) || strings.Contains(got.body, `"id":"I6"`) {
				t.Errorf("got %d, want %s: %s", got.status, row.want, got.body)
			}
		})
	}
}

func TestASuppressedIncidentSaysWhy(t *testing.T) {
	s := newSite(t)
	s.incident.Suppressed = "silence S1 by alice: " + hostile
	for _, path := range []string{"/", "/incidents/2026-1"} {
		got := do(t, s.signIn(t), "GET", s.URL+path, nil, nil)
		if !strings.Contains(got.body, "nobody is paged: <bdi>silence S1 by alice: &lt;/td&gt;") {
			t.Errorf("%s does not say why:\n%s", path, got.body)
		}
	}
}
