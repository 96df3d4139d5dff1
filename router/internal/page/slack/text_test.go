package slack

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"nezuban/router/internal/page"
)

func TestEscape(t *testing.T) {
	for _, row := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 5, "plain"},
		{"plainer", 5, "plai…"},
		{"<!channel> & co", 40, "&lt;!channel&gt; &amp; co"},
		{"a<b", 6, "a&lt;b"},
		{"a<bc", 6, "a&lt;…"},
		{"a<", 4, "a…"},
		{"ab c", 4, "ab c"},
		{"ab cd", 4, "ab…"},
		{"🔥🔥", 4, "🔥🔥"},
		{"🔥🔥🔥", 4, "🔥…"},
	} {
		if got := escape(row.in, row.limit); got != row.want {
			t.Errorf("escape(%q, %d) = %q, want %q", row.in, row.limit, got, row.want)
		}
	}
}

func TestTheRunbookAndTheSourceAreLinksAndNoMarkup(t *testing.T) {
	sent := compose(page.Message{
		Kind: page.KindTrigger, PageID: "p", Title: "t", URL: "https://nezuban.example/incidents/1", Runbook: "https://wiki.example/<!channel>|x?a=1&b=2",
		Source: "https://graphs.example/<!here>|x?a=1&b=2",
	})
	want := "<https://nezuban.example/incidents/1|Open the incident to acknowledge it> <https://wiki.example/%3C!channel%3E%7Cx?a=1&amp;b=2|Open the runbook>"
	if got := sent.Blocks[2].Text.Text; got != want {
		t.Errorf("found %s\nwant  %s", got, want)
	}
	if got, want := sent.Blocks[3].Text.Text, "<https://graphs.example/%3C!here%3E%7Cx?a=1&amp;b=2|Open the source>"; got != want {
		t.Errorf("found %s\nwant  %s", got, want)
	}
	if got := anchor("", "nothing"); got != "" {
		t.Errorf("without an address: found %q", got)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("<!channel>", 7)
	f.Add("&amp;<@U1|x>🔥", 12)
	f.Add("\xff\x00夜", 3)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		limit = limit&0xfff + 1
		got := escape(in, limit)
		if n := len(utf16.Encode([]rune(got))); n > limit || !utf8.ValidString(got) {
			t.Errorf("escape(%q, %d) = %q of %d units", in, limit, got, n)
		}
		if strings.ContainsAny(got, "<>") {
			t.Errorf("escape(%q, %d) = %q has markup", in, limit, got)
		}
		back := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(got)
		if whole := string([]rune(in)); back != whole && !strings.HasPrefix(whole, strings.TrimSuffix(back, "…")) {
			t.Errorf("escape(%q, %d) is read as %q, want the beginning of %q", in, limit, back, whole)
		}
	})
}
