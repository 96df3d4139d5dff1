package web_test

import (
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"nezuban/docs"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/web"
)

// TestDocsRequests makes each request below /api/v1 that docs/router.md shows with a JSON body, and compares what the page
// names with what is served.
func TestDocsRequests(t *testing.T) {
	text, err := docs.Page("router.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	q := quiet{incident.NewBook(nil, nil, nil)}
	server := httptest.NewServer(web.New(web.Options{Board: s.house, Actor: s.house, Silences: q, Gate: s.gate, Now: time.Now, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	s.Server = server
	row := regexp.MustCompile("(?m)^\\| `POST (/api/v1/[^`]+)`(, `…/resolve`)? \\| act \\| .*?`(\\{[^`]*\\})`")
	var made []string
	for _, found := range row.FindAllStringSubmatch(text, -1) {
		path, body := found[1], strings.ReplaceAll(found[3], "2026-11-30T08:00:00Z", "2099-11-30T08:00:00Z")
		if strings.HasPrefix(path, "/api/v1/silences/") {
			path = strings.Replace(path, "ID", "S1", 1)
		}
		path = strings.Replace(path, "ID", "2026-1", 1)
		if got := s.call(t, "POST", path, "act", body); got.status != 200 {
			t.Errorf("%s %s is answered %d %s", path, body, got.status, got.body)
		}
		made = append(made, path)
	}
	want := "/api/v1/incidents/2026-1/ack /api/v1/incidents/2026-1/snooze /api/v1/incidents/2026-1/reassign /api/v1/incidents/2026-1/note " +
		"/api/v1/incidents /api/v1/silences /api/v1/silences/S1/end /api/v1/signin"
	if got := strings.Join(made, " "); got != want {
		t.Errorf("the page shows requests to\n%s\nwant\n%s", got, want)
	}
}
