package wording_test

import (
	"strings"
	"testing"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
)

// What a preview shows is what the channel sends: a text message is cut, and a call says no text.
func TestPreviewShowsWhatAChannelSends(t *testing.T) {
	m := page.Message{
		IncidentID: "01J", Rule: "container-died", Title: strings.Repeat("very ", 40) + "long", Text: "the text", Why: "step 1 of policy api",
		Labels: map[string]string{"host": "web1"}, URL: "https://n.example.org/incidents/01J", People: []page.Recipient{{Person: "alice"}},
	}
	for _, row := range []struct {
		channel string
		kind    page.Kind
		says    []string
		never   string
	}{
		{"email", page.KindTrigger, []string{"text:\n  the text\n"}, "message:"},
		{"sms", page.KindTrigger, []string{"message:\n  TRIGGERED container-died: very", "..., host=web1. step 1 of policy api https://n.example.org/incidents/01J #01J-0\n"}, "the text"},
		{"sms", page.KindResolve, []string{"message:\n  RESOLVED container-died: very"}, "the text"},
		{"call", page.KindTrigger, []string{"said:\n  Nezuban has a page for alice. very", "host web1. step 1 of policy api.\n"}, "the text"},
		{"call", page.KindResolve, []string{"nobody is called: calls are for triggers alone"}, "the text"},
	} {
		t.Run(row.channel+" "+string(row.kind), func(t *testing.T) {
			m := m
			m.Kind = row.kind
			if row.channel == "sms" {
				m.Title = strings.Repeat(m.Title, 3)
			}
			var b strings.Builder
			if err := wording.Preview(&b, "sample x", row.channel, m, page.Facts{Kind: row.kind}); err != nil {
				t.Fatal(err)
			}
			for _, want := range row.says {
				if !strings.Contains(b.String(), want) {
					t.Errorf("found\n%s\nwant %q in it", b.String(), want)
				}
			}
			if strings.Contains(b.String(), row.never) {
				t.Errorf("found\n%s\nwant no %q in it", b.String(), row.never)
			}
		})
	}
}
