package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

func (s *site) call(t *testing.T, method, path, token, body string) answer {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func TestAPINeedsTheRightToken(t *testing.T) {
	s := newSite(t)
	signedIn := s.signIn(t)
	look, act := map[string]bool{"read": true, "act": true}, map[string]bool{"act": true}
	for _, row := range []struct {
		method, path, body string
		opens              map[string]bool
	}{
		{"GET", "/api/v1/incidents", "", look},
		{"GET", "/api/v1/incidents/2026-1", "", look},
		{"GET", "/api/v1/oncall", "", look},
		{"GET", "/api/v1/checks", "", look},
		{"POST", "/api/v1/incidents/2026-1/ack", `{"by":"bob"}`, act},
		{"POST", "/api/v1/incidents/2026-1/snooze", `{"by":"bob","for":"1h"}`, act},
		{"POST", "/api/v1/incidents/2026-1/reassign", `{"by":"bob","to":"carol"}`, act},
		{"POST", "/api/v1/incidents/2026-1/note", `{"by":"bob","note":"hm"}`, act},
		{"POST", "/api/v1/incidents", `{"by":"bob","summary":"slow","key":"k"}`, act},
		{"POST", "/api/v1/hosts/h1/forget", "", act},
		{"POST", "/api/v1/signin", `{"person":"bob"}`, act},
		{"POST", "/api/v1/incidents/2026-1/resolve", `{"by":"bob"}`, act},
	} {
		refusals := map[string]bool{}
		for _, token := range []string{"", "guess", "ingest", "read", "act"} {
			got := s.call(t, row.method, row.path, token, row.body)
			if row.opens[token] != (got.status == 200) || (!row.opens[token] && got.status != 401) {
				t.Errorf("%s %s with token %q: got %d: %s", row.method, row.path, token, got.status, got.body)
			}
			if got.status == 401 {
				refusals[got.body] = true
			}
		}
		if len(refusals) != 1 {
			t.Errorf("%s %s: refusals differ: %v", row.method, row.path, refusals)
		}
		if got := do(t, signedIn, row.method, s.URL+row.path, url.Values{}, nil); got.status != 401 {
			t.Errorf("%s %s: a browser's cookie opened the API: %d", row.method, row.path, got.status)
		}
	}
}

func TestAPIIncidents(t *testing.T) {
	s := newSite(t)
	var reply struct {
		Incidents []reach.Listed
		Incident  reach.Listed
		Timeline  []incident.Entry
	}
	get := func(path string) {
		t.Helper()
		reply.Incidents = nil
		got := s.call(t, "GET", path, "read", "")
		if err := json.Unmarshal([]byte(got.body), &reply); err != nil || got.status != 200 {
			t.Fatalf("got %d, %v: %s", got.status, err, got.body)
		}
	}
	get("/api/v1/incidents")
	if len(reply.Incidents) != 1 || reply.Incidents[0].Alerts["k"].Rule != "died" || reply.Incidents[0].LeadKey != "k" {
		t.Errorf("got %+v", reply.Incidents)
	}
	get("/api/v1/incidents/2026-1")
	if reply.Incident.ID != "2026-1" || reply.Incident.LeadKey != "k" || len(reply.Timeline) != 1 {
		t.Errorf("got %+v", reply)
	}
	if got := s.call(t, "POST", "/api/v1/incidents/2026-1/resolve", "act", `{"note":"done"}`); got.status != 200 || s.incident.ResolvedBy != "cli" {
		t.Errorf("got %d, resolved by %q, want the token's name", got.status, s.incident.ResolvedBy)
	}
	if got := s.call(t, "GET", "/api/v1/incidents", "read", ""); strings.TrimSpace(got.body) != `{"incidents":[]}` {
		t.Errorf("none open: got %s", got.body)
	}
	for _, query := range []string{"all=1", "closed=1"} {
		get("/api/v1/incidents?" + query)
		if len(reply.Incidents) != 1 {
			t.Errorf("%s: got %+v", query, reply.Incidents)
		}
	}
}

// TestAPIRefusals asks in every way that will not do: nothing happens, and the answer says what was found, and what was
// expected.
func TestAPIRefusals(t *testing.T) {
	s := newSite(t)
	one := "/api/v1/incidents/2026-1"
	huge := `{"by":"` + strings.Repeat("x", 1<<20)
	for _, row := range []struct {
		name, method, path, body string
		want                     int
		says                     string
	}{
		{"unknown incident", "GET", "/api/v1/incidents/x", "", 404, "not known here, or over already"},
		{"before what is no id", "GET", "/api/v1/incidents?closed=1&before=zzz", "", 400, `before: found "zzz", expected the id of an incident`},
		{"before, without how many", "GET", "/api/v1/incidents?before=01KCBEMJ80X3H5TQ", "", 400, `before: found an id without closed, expected closed=N`},
		{"before one that nobody knows any more", "GET", "/api/v1/incidents?closed=1&before=01KCBEMJ80X3H5TQ", "", 200, ""},
		{"too many closed ones", "GET", "/api/v1/incidents?closed=1001", "", 400, `closed: found "1001", expected a number from 0 to 1000`},
		{"no number of closed ones", "GET", "/api/v1/incidents?closed=all", "", 400, `closed: found "all", expected a number from 0 to 1000`},
		{"acknowledge an unknown one", "POST", "/api/v1/incidents/x/ack", `{"by":"bob"}`, 404, "not known here, or over already"},
		{"resolve an unknown one", "POST", "/api/v1/incidents/x/resolve", `{"by":"bob"}`, 404, "not known here, or over already"},
		{"snooze an unknown one", "POST", "/api/v1/incidents/x/snooze", `{"for":"1h"}`, 404, "not known here, or over already"},
		{"reassign an unknown one", "POST", "/api/v1/incidents/x/reassign", `{"to":"carol"}`, 404, "not known here, or over already"},
		{"note on an unknown one", "POST", "/api/v1/incidents/x/note", `{"note":"hm"}`, 404, "not known here, or over already"},
		{"an id that is a path", "POST", "/api/v1/incidents/..%2F2026-1/ack", `{}`, 404, "not known here, or over already"},
		{"acting by GET", "GET", one + "/ack", "", 405, ""},

		{"no JSON", "POST", one + "/ack", "by=bob", 400, "the body: invalid character 'b' looking for beginning of value at byte 1, expected a JSON object with by, note"},
		{"no body", "POST", one + "/ack", "", 400, "the body: found nothing, expected a JSON object with by, note"},
		{"a list", "POST", one + "/ack", "[]", 400, "the body: found a JSON array, expected a JSON object with by, note"},
		{"null", "POST", one + "/ack", " null ", 400, "the body: found a JSON null, expected a JSON object with by, note"},
		{"two objects", "POST", one + "/ack", `{"by":"bob"}{"by":"carol"}`, 400, "behind the JSON object, expected nothing"},
		{"an object cut short", "POST", one + "/ack", `{"by":"bob"`, 400, "the body: found an end in the middle, expected a JSON object with by, note"},
		{"a field of another type", "POST", one + "/ack", `{"by":7}`, 400, "by: found a JSON number, expected a text"},
		{"a field that nobody knows", "POST", one + "/ack", `{"nota":"hm"}`, 400, `found the field "nota", expected only by, note (did you mean "note"?)`},
		{"a field that is null is none", "POST", one + "/note", `{"by":"bob","note":null}`, 400, "note: expected a text"},
		{"a huge body", "POST", one + "/ack", huge, 413, "the body has more than 65536 bytes"},
		{"a huge body that is no JSON", "POST", one + "/ack", strings.Repeat("a", 70_000), 413, "the body has more than 65536 bytes"},
		{"a huge body to resolve", "POST", one + "/resolve", huge, 413, "the body has more than 65536 bytes"},
		{"a huge body to snooze", "POST", one + "/snooze", huge, 413, "the body has more than 65536 bytes"},
		{"a huge body to reassign", "POST", one + "/reassign", huge, 413, "the body has more than 65536 bytes"},
		{"a huge note", "POST", one + "/note", huge, 413, "the body has more than 65536 bytes"},
		{"a huge page", "POST", "/api/v1/incidents", huge, 413, "the body has more than 65536 bytes"},

		{"snooze without an end", "POST", one + "/snooze", `{}`, 400, `expected "until", a time, or "for", a length`},
		{"snooze with two ends", "POST", one + "/snooze", `{"for":"1h","until":"2099-01-01T00:00:00Z"}`, 400, `found "until" and "for", expected one of them`},
		{"snooze backwards", "POST", one + "/snooze", `{"for":"-1h"}`, 400, `for: found "-1h", expected a length such as 90m, 2h, 3d or 1w`},
		{"snooze for no length", "POST", one + "/snooze", `{"for":"5x"}`, 400, `for: found "5x", expected a length such as 90m, 2h, 3d or 1w`},
		{"snooze for a number", "POST", one + "/snooze", `{"for":3600}`, 400, "for: found a JSON number, expected a text"},
		{"snooze until no time", "POST", one + "/snooze", `{"until":"tomorrow"}`, 400, `until: found "tomorrow", expected a time like 2026-11-30T08:00:00+01:00`},
		{"snooze until a time without a zone", "POST", one + "/snooze", `{"until":"2099-01-01T08:00:00"}`, 400, `until: found "2099-01-01T08:00:00", expected a time like`},
		{"reassign to nobody", "POST", one + "/reassign", `{"to":"nobody"}`, 400, `expected somebody`},
		{"note nothing", "POST", one + "/note", `{"note":" "}`, 400, "note: expected a text"},
		{"page with labels that are none", "POST", "/api/v1/incidents", `{"key":"k","summary":"x","labels":["team"]}`, 400, "labels: found a JSON array, expected an object of texts"},
		{"page with a label that is none", "POST", "/api/v1/incidents", `{"key":"k","summary":"x","labels":{"team":7}}`, 400, "found a JSON number, expected a text"},
		{"page with a label that is null", "POST", "/api/v1/incidents", `{"key":"k","summary":"x","labels":{"a":"b","team":null}}`, 400, "labels.team: found a JSON null, expected a text"},
		{"forget an unknown host", "POST", "/api/v1/hosts/h9/forget", "", 404, "not known here, or over already"},
		{"link for nobody", "POST", "/api/v1/signin", `{}`, 400, "who will sign in?"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := s.call(t, row.method, row.path, "act", row.body)
			var refused struct{ Code, Message string }
			if err := json.Unmarshal([]byte(got.body), &refused); err != nil && row.says != "" {
				t.Errorf("the answer is no JSON: %v", err)
			}
			if got.status != row.want || !strings.Contains(refused.Message, row.says) || len(got.body) > 1500 {
				t.Errorf("got %d, want %d %s: %s", got.status, row.want, row.says, got.body)
			}
			if s.state() != incident.Triggered || len(s.said) > 0 || len(s.notes) > 0 {
				t.Errorf("it was done all the same: %s, %q, %q", s.state(), s.said, s.notes)
			}
		})
	}
}

func TestAPIActs(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct{ path, body string }{
		{"/2026-1/snooze", `{"until":"2099-01-01T08:00:00+01:00","by":"bob","note":"later"}`},
		{"/2026-1/reassign", `{"to":"carol","note":"yours"}`},
		{"/2026-1/note", `{"note":"the switch","by":"bob"}`},
		{"", `{"key":"k1","summary":"the shop is slow","labels":{"team":"web"},"by":"bob"}`},
	} {
		if got := s.call(t, "POST", "/api/v1/incidents"+row.path, "act", row.body); got.status != 200 || (row.path == "" && strings.TrimSpace(got.body) != `{"id":"I1"}`) {
			t.Errorf("%s: got %d: %s", row.path, got.status, got.body)
		}
	}
	if s.incident.State != incident.Snoozed || s.incident.AcknowledgedBy != "bob" || s.incident.SnoozedUntil.UTC().Format(time.RFC3339) != "2099-01-01T07:00:00Z" {
		t.Errorf("snoozed: %+v", s.incident)
	}
	want := []string{"cli gives it to carol", "bob notes the switch", `bob pages "the shop is slow" as page with map[team:web] under "k1"`}
	if !slices.Equal(s.said, want) {
		t.Errorf("got %q, want %q", s.said, want)
	}
	if got := s.call(t, "POST", "/api/v1/incidents/2026-1/snooze", "act", `{"for":"2h"}`); got.status != 200 || !s.incident.SnoozedUntil.Equal(s.now.Add(2*time.Hour)) {
		t.Errorf("for two hours: got %d, until %s", got.status, s.incident.SnoozedUntil)
	}
}

func TestAPIOnCall(t *testing.T) {
	got := newSite(t).call(t, "GET", "/api/v1/oncall", "read", "")
	var reply struct {
		Schedules []struct {
			Schedule string
			People   []string
		}
	}
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil || len(reply.Schedules) != 2 || reply.Schedules[0].People[0] != "alice" {
		t.Fatalf("got %s, %v", got.body, err)
	}
	if !strings.Contains(got.body, `"people":[]`) {
		t.Errorf("nobody on call is an empty list: %s", got.body)
	}
}

func TestAPIChecksETag(t *testing.T) {
	s := newSite(t)
	first := s.call(t, "GET", "/api/v1/checks", "read", "")
	etag := first.header.Get("ETag")
	if first.status != 200 || first.body != "[[check]]\n" || etag == "" {
		t.Fatalf("got %d, ETag %q: %s", first.status, etag, first.body)
	}
	headers := map[string]string{"Authorization": "Bearer read", "If-None-Match": etag}
	if got := do(t, http.DefaultClient, "GET", s.URL+"/api/v1/checks", nil, headers); got.status != 304 || got.body != "" {
		t.Errorf("unchanged: got %d: %s", got.status, got.body)
	}
	headers["If-None-Match"] = `"other"`
	if got := do(t, http.DefaultClient, "GET", s.URL+"/api/v1/checks", nil, headers); got.status != 200 {
		t.Errorf("changed: got %d", got.status)
	}
}

func TestAPISignInLink(t *testing.T) {
	s := newSite(t)
	got := s.call(t, "POST", "/api/v1/signin", "act", `{"person":"bob"}`)
	var reply struct{ Path string }
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil {
		t.Fatal(err)
	}
	link, err := url.Parse(reply.Path)
	if err != nil {
		t.Fatal(err)
	}
	b := browser(t)
	if got := do(t, b, "POST", s.URL+link.Path, link.Query(), nil); got.status != http.StatusSeeOther {
		t.Fatalf("got %d: %s", got.status, got.body)
	}
	if page := do(t, b, "GET", s.URL+"/", nil, nil).body; !strings.Contains(page, "signed in as <bdi>bob</bdi>") {
		t.Error("signed in as somebody else")
	}
}
