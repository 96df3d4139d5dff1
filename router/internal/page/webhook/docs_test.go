package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/docs"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/webhook"
)

// TestDocsShowTheBody compares the example of the documentation with the body of the message it speaks of.
func TestDocsShowTheBody(t *testing.T) {
	text, err := docs.Page("router.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(text, "```json\n")
	example, _, closed := strings.Cut(example, "```")
	body, err := webhook.Body(page.Message{
		Kind: page.KindTrigger, IncidentID: "01JDN4Z3V0", PageID: "01JDN4Z3V0-0", People: []page.Recipient{{Person: "carol"}},
		Title: "container shop died with exit 137", Text: "container shop died with exit 137\nwhere: host=web1 container=shop",
		Rule: "container-died", Severity: incident.SeverityPage, Labels: map[string]string{"host": "web1", "container_name": "shop"},
		Why: "step 1 of policy standard", URL: "https://nezuban.example.org/incidents/01JDN4Z3V0",
		Runbook: "https://wiki.example.org/shop", Source: "https://prometheus.example.org/graph?g0.expr=up",
	}, time.Date(2026, 11, 27, 3, 4, 5, 6, time.UTC))
	if err != nil || !found || !closed {
		t.Fatalf("example found: %v, %v; %v", found, closed, err)
	}
	var want, got map[string]any
	for text, into := range map[string]*map[string]any{example: &want, string(body): &got} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/router.md (-documented +sent):\n%s", diff)
	}
}
