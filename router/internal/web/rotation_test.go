package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
	"nezuban/router/internal/web"
)

const onCallText = `zone = "Europe/Berlin"
[people]
alice = { page = ["terminal"] }
[schedule.api]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]
[schedule.night]
layers = [{ name = "base", from = "2026-01-05 09:00", to = "2026-12-01 09:00", who = ["alice"] }]
`

// shelf is two versions of a rotation file, the text of the second is onCallText, and what was handed in since.
type shelf struct {
	fail   error
	given  []string // name, by, text
	refuse *web.RefusedError
}

var (
	firstSince  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	secondSince = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

func (s *shelf) Versions() []web.Version {
	return []web.Version{{Hash: "aaaa", Since: firstSince, Name: "oncall.toml"}, {Hash: "bbbb", Since: secondSince, Name: "oncall.toml", By: "ci"}}
}

func (s *shelf) Apply(_ context.Context, name, by string, text []byte) (web.Applied, error) {
	s.given = []string{name, by, string(text)}
	switch {
	case s.fail != nil:
		return web.Applied{}, s.fail
	case len(text) > schedule.MaxBytes:
		return web.Applied{}, &web.RefusedError{TooLarge: true}
	case s.refuse != nil:
		return web.Applied{}, s.refuse
	}
	return web.Applied{Version: s.Versions()[1], Already: true, Warnings: []string{"a warning"}}, nil
}

func (s *shelf) TextAt(_ context.Context, at time.Time) (web.Version, []byte, error) {
	v, _, err := s.FileAt(context.Background(), at)
	return v, []byte(onCallText), err
}

func (s *shelf) FileAt(_ context.Context, at time.Time) (web.Version, *schedule.File, error) {
	if s.fail != nil {
		return web.Version{}, nil, s.fail
	}
	if at.Before(firstSince) {
		return web.Version{}, nil, fmt.Errorf("%w: the first that is known came in force at …", web.ErrNoVersion)
	}
	i := 0
	if !at.Before(secondSince) {
		i = 1
	}
	f, err := schedule.Parse("oncall.toml", []byte(onCallText))
	return s.Versions()[i], f, err
}

// withShelf serves the API over a shelf.
func withShelf(t *testing.T) (*shelf, *site) {
	kept, h := &shelf{}, newHouse()
	gate := access.New(access.Options{
		Tokens: []access.Token{
			{Name: "wall", Kind: access.Read, Hash: access.HashOf("read")},
			{Name: "cli", Kind: access.Act, Hash: access.HashOf("act")},
			{Name: "agents", Kind: access.Ingest, Hash: access.HashOf("ingest")},
		},
		Store: &access.Memory{}, Now: time.Now,
	})
	server := httptest.NewServer(web.New(web.Options{
		Board: h, Actor: h, Rotations: kept, Gate: gate, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return secondSince.Add(time.Hour) },
	}))
	t.Cleanup(server.Close)
	return kept, &site{h, server, gate}
}

func TestRotationNeedsTheRightToken(t *testing.T) {
	_, s := withShelf(t)
	for _, row := range []struct {
		method, path string
		opens        map[string]bool
	}{
		{"PUT", "/api/v1/rotation", map[string]bool{"act": true}},
		{"GET", "/api/v1/rotation", map[string]bool{"read": true, "act": true}},
		{"GET", "/api/v1/rotations", map[string]bool{"read": true, "act": true}},
		{"GET", "/api/v1/who", map[string]bool{"read": true, "act": true}},
	} {
		for _, token := range []string{"", "guess", "ingest", "read", "act"} {
			got := s.call(t, row.method, row.path, token, "")
			if row.opens[token] != (got.status == 200) || (!row.opens[token] && got.status != 401) {
				t.Errorf("%s %s with token %q: got %d: %s", row.method, row.path, token, got.status, got.body)
			}
		}
	}
}

func TestAPIApply(t *testing.T) {
	kept, s := withShelf(t)
	many := make([]string, 1500)
	for i := range many {
		many[i] = fmt.Sprintf("oncall.toml:%d: no", i)
	}
	for _, row := range []struct {
		name, query, body string
		prepare           func()
		status            int
		want              []string // parts of the answer
	}{
		{"good", "?name=ops/oncall.toml&by=alice", onCallText, func() {}, 200, []string{`"hash":"bbbb"`, `"since":"2026-03-02T12:00:00Z"`, `"already":true`, `"warnings":["a warning"]`}},
		{"refused", "", "x", func() { kept.refuse = &web.RefusedError{Problems: []string{"oncall.toml:1: a", "oncall.toml:2: b"}} }, 422, []string{`"code":"refused"`, `"problems":["oncall.toml:1: a","oncall.toml:2: b"]`}},
		{"refused for very much", "", "x", func() { kept.refuse = &web.RefusedError{Problems: many} }, 422, []string{`"oncall.toml:999: no","and 500 more"]`}},
		{"as large as may be", "", strings.Repeat("#", schedule.MaxBytes), func() { kept.refuse = nil }, 200, nil},
		{"a byte too large", "", strings.Repeat("#", schedule.MaxBytes+1), func() {}, 413, []string{"found more than 524288 bytes"}},
		{"much too large", "", strings.Repeat("#", 10<<20), func() {}, 413, nil},
		{"file on disk", "", "x", func() { kept.fail = web.ErrLocalFile }, 409, []string{`oncall_source = \"apply\"`}},
		{"store away", "", "x", func() { kept.fail = errors.New("etcd: top secret") }, 503, []string{"try again later"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.prepare()
			got := s.call(t, "PUT", "/api/v1/rotation"+row.query, "act", row.body)
			if got.status != row.status || strings.Contains(got.body, "secret") || (got.status == 503) != (got.header.Get("Retry-After") != "") {
				t.Fatalf("got %d %v: %s", got.status, got.header, got.body)
			}
			for _, want := range row.want {
				if !strings.Contains(got.body, want) {
					t.Errorf("not said: %s\nsaid: %s", want, got.body)
				}
			}
			if len(kept.given[2]) > schedule.MaxBytes+1 {
				t.Errorf("%d bytes were read", len(kept.given[2]))
			}
		})
	}
}

func TestAPIApplyTakesNamesAsData(t *testing.T) {
	kept, s := withShelf(t)
	for _, row := range []struct {
		query    string
		name, by string
	}{
		{"", "oncall.toml", "cli"},
		{"?name=ops/oncall.toml&by=alice", "ops/oncall.toml", "alice"},
		{"?name=a%0Ab%1B%5B31m&by=+bob+", "ab[31m", "bob"},
		{"?name=" + strings.Repeat("x", 500), strings.Repeat("x", 200), "cli"},
	} {
		if got := s.call(t, "PUT", "/api/v1/rotation"+row.query, "act", "text"); got.status != 200 || !reflect.DeepEqual(kept.given, []string{row.name, row.by, "text"}) {
			t.Errorf("%s: got %d, handed in as %q", row.query, got.status, kept.given)
		}
	}
	kept.given = nil
	for _, by := range []string{"%00bob", "%E2%80%AEbob", "%FF", strings.Repeat("x", 201)} {
		if got := s.call(t, "PUT", "/api/v1/rotation?by="+by, "act", "text"); got.status != 400 || kept.given != nil || !strings.Contains(got.body, `"message":"by: found `) {
			t.Errorf("by %s: got %d %s, handed in as %q", by, got.status, got.body, kept.given)
		}
	}
}

// A sender that hangs up in the middle has handed in nothing.
func TestHalfABodyIsNotApplied(t *testing.T) {
	kept, s := withShelf(t)
	body, end := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/api/v1/rotation", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer act")
	go func() {
		_, _ = io.WriteString(end, "zone = ")
		_ = end.CloseWithError(errors.New("hung up"))
	}()
	if resp, err := http.DefaultClient.Do(r); err == nil {
		_ = resp.Body.Close()
		t.Errorf("got %d", resp.StatusCode)
	}
	s.Close() // waits for the handler
	if kept.given != nil {
		t.Errorf("handed in: %q", kept.given)
	}
}

func TestAPIRotation(t *testing.T) {
	kept, s := withShelf(t)
	var reply struct {
		Version  web.Version
		Versions []web.Version
		Text     string
	}
	for _, row := range []struct {
		path string
		hash string
	}{{"/api/v1/rotation", "bbbb"}, {"/api/v1/rotation?at=2026-03-01T13:00:00%2B01:00", "aaaa"}} {
		got := s.call(t, "GET", row.path, "read", "")
		if err := json.Unmarshal([]byte(got.body), &reply); err != nil || got.status != 200 || reply.Version.Hash != row.hash || reply.Text != onCallText {
			t.Errorf("%s: got %d %s, %v", row.path, got.status, got.body, err)
		}
	}
	got := s.call(t, "GET", "/api/v1/rotations", "read", "")
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil || len(reply.Versions) != 2 || reply.Versions[0].Hash != "bbbb" {
		t.Errorf("versions: got %s, %v, want the one in force first", got.body, err)
	}
	for _, path := range []string{"/api/v1/rotation", "/api/v1/who"} {
		for query, want := range map[string]int{"?at=2026-03-01T11:59:59Z": 404, "?at=yesterday": 400, "?at=2026-03-01": 400} {
			if got := s.call(t, "GET", path+query, "read", ""); got.status != want || !strings.Contains(got.body, `"message":`) {
				t.Errorf("%s%s: got %d %s, want %d", path, query, got.status, got.body, want)
			}
		}
	}
	if got := s.call(t, "GET", "/api/v1/rotation?at=2026-03-01T11:59:59Z", "read", ""); !strings.Contains(got.body, "the first that is known came in force at") {
		t.Errorf("before the first version: %s", got.body)
	}
	kept.fail = errors.New("etcd is away")
	if got := s.call(t, "GET", "/api/v1/who", "read", ""); got.status != 503 {
		t.Errorf("store away: got %d", got.status)
	}
}

func TestAPIWho(t *testing.T) {
	_, s := withShelf(t)
	var reply struct {
		Version web.Version
		Answers []map[string]any
		Lines   []string
	}
	get := func(query string) {
		t.Helper()
		got := s.call(t, "GET", "/api/v1/who"+query, "read", "")
		if err := json.Unmarshal([]byte(got.body), &reply); err != nil || got.status != 200 {
			t.Fatalf("got %d %s, %v", got.status, got.body, err)
		}
	}
	get("?at=2026-03-01T12:00:00.50%2B00:00&schedule=night")
	if len(reply.Answers) != 1 || reply.Version.Hash != "aaaa" || reply.Lines[0] != "on call: alice (night, until 2026-12-01 09:00 CET)" {
		t.Fatalf("got %+v", reply)
	}
	f, err := schedule.Parse("oncall.toml", []byte(onCallText))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.Who("night", firstSince.Add(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	text, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	want["at"], want["version"], want["version_since"] = "2026-03-01T12:00:00.50+00:00", "aaaa", "2026-03-01T12:00:00Z"
	if err != nil || !reflect.DeepEqual(reply.Answers[0], want) {
		t.Errorf("got %v, want the answer of who --json and its version: %v, %v", reply.Answers[0], want, err)
	}
	get("")
	if len(reply.Answers) != 2 || reply.Version.Hash != "bbbb" || reply.Answers[0]["at"] != "2026-03-02T14:00:00+01:00" {
		t.Errorf("now, all schedules: got %+v", reply)
	}
	got := s.call(t, "GET", "/api/v1/who?schedule=web", "read", "")
	if got.status != 400 || !strings.Contains(got.body, `found \"web\", expected one of api, night`) {
		t.Errorf("no such schedule: got %d %s", got.status, got.body)
	}
}

func TestAPIOnCallBeforeTheFirstFile(t *testing.T) {
	h := newHouse()
	gate := access.New(access.Options{
		Tokens: []access.Token{{Name: "wall", Kind: access.Read, Hash: access.HashOf("read")}}, Store: &access.Memory{}, Now: time.Now,
	})
	server := httptest.NewServer(web.New(web.Options{Board: noSchedule{h}, Actor: h, Gate: gate, Now: time.Now, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	s := &site{h, server, gate}
	if got := s.call(t, "GET", "/api/v1/oncall", "read", ""); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, want 503: nobody on call is not the same as not known", got.status, got.body)
	}
}

type noSchedule struct{ *house }

func (noSchedule) OnCall(time.Time) []schedule.Answer { return nil }
