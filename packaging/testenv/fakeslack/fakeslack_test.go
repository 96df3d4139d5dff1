package fakeslack_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"nezuban/packaging/testenv/fakeslack"
)

// post posts a message with these arguments beside the usual ones, and returns the error that Slack names.
func post(t *testing.T, server *fakeslack.Server, token string, arguments map[string]any) string {
	t.Helper()
	all := map[string]any{
		"channel": fakeslack.Channel, "text": "x", "mrkdwn": false, "parse": "none", "unfurl_links": false, "unfurl_media": false,
	}
	maps.Copy(all, arguments)
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/chat.postMessage", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var said struct{ Error string }
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	return said.Error
}

func section(kind, text string) []any {
	words := map[string]any{"type": kind, "text": text}
	if kind == "plain_text" {
		words["emoji"] = false
	}
	return []any{map[string]any{"type": "section", "text": words}}
}

func TestRefusals(t *testing.T) {
	server := fakeslack.New(t)
	for _, row := range []struct {
		name      string
		token     string
		arguments map[string]any
		says      string
	}{
		{"posted", fakeslack.Token, nil, ""},
		{"wrong token", "xoxb-1", nil, "invalid_auth"},
		{"unknown channel", fakeslack.Token, map[string]any{"channel": "C0"}, "channel_not_found"},
		{"archived", fakeslack.Token, map[string]any{"channel": fakeslack.Archived}, "is_archived"},
		{"unknown thread", fakeslack.Token, map[string]any{"thread_ts": "1.2"}, "thread_not_found"},
		{"no text", fakeslack.Token, map[string]any{"text": ""}, "no_text"},
		{"long section", fakeslack.Token, map[string]any{"blocks": section("plain_text", strings.Repeat("x", 3001))}, "invalid_blocks"},
		{"unfurled", fakeslack.Token, map[string]any{"unfurl_links": true}, "the_text_would_be_parsed_or_unfurled"},
		{"planned", fakeslack.Token, nil, "account_inactive"},
	} {
		if row.name == "planned" {
			server.Refuse("chat.postMessage", "account_inactive")
		}
		if got := post(t, server, row.token, row.arguments); got != row.says {
			t.Errorf("%s: found %q, want %q", row.name, got, row.says)
		}
	}
	if n := len(server.Messages()); n != 1 {
		t.Errorf("%d messages, want one", n)
	}
}

// What is not escaped does something, and what is escaped or plain does nothing.
func TestMentionsAndLinksAreSeen(t *testing.T) {
	server := fakeslack.New(t)
	for _, arguments := range []map[string]any{
		{"text": "<!channel> <@U1> <https://evil.example|x>"},
		{"blocks": section("mrkdwn", "<!here>")},
		{"text": "&lt;!channel&gt;", "blocks": section("plain_text", "<!here>")},
	} {
		if said := post(t, server, fakeslack.Token, arguments); said != "" {
			t.Fatal(said)
		}
	}
	got := server.Messages()
	if !slices.Equal(got[0].Mentions, []string{"!channel", "@U1"}) || !slices.Equal(got[0].Links, []string{"https://evil.example"}) {
		t.Errorf("found %+v", got[0])
	}
	if !slices.Equal(got[1].Mentions, []string{"!here"}) || got[2].Mentions != nil || got[2].Shown[0] != "<!here>" {
		t.Errorf("found %+v", got[1:])
	}
}
