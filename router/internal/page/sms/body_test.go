package sms

import (
	"strings"
	"testing"
	"unicode"

	"nezuban/router/internal/page"
)

// segments counts as a carrier does: a character of two units never straddles two segments.
func segments(text string) int {
	a := alphabetOf(text)
	if a.length(text) <= a.single {
		return 1
	}
	count, left := 1, a.joined
	for _, r := range text {
		if a.units(r) > left {
			count, left = count+1, a.joined
		}
		left -= a.units(r)
	}
	return count
}

func TestBodyIsCutToSegments(t *testing.T) {
	for _, row := range []struct {
		name     string
		m        page.Message
		segments int
		holds    []string
	}{
		{"short", page.Message{Kind: page.KindResolve, Title: "shop is back"}, 1, []string{"RESOLVED shop is back"}},
		{"typographic signs stay cheap", page.Message{Kind: page.KindTrigger, Title: "it’s — “down”…"}, 1, []string{`it's - "down"...`}},
		{"long, GSM-7", page.Message{
			Kind: page.KindTrigger, Title: strings.Repeat("title ", 100), Why: strings.Repeat("why ", 100), URL: "https://x.example/1",
			Rule: "slow", Labels: map[string]string{"host": strings.Repeat("h", 300)},
		}, 3, []string{"TRIGGERED slow: title", ", host=hhh", ". why", "...", " https://x.example/1 #"}},
		{"long, GSM-7 extension", page.Message{Kind: page.KindTrigger, Title: strings.Repeat("{}€", 200), Why: "step 1"}, 3, []string{". step 1"}},
		{"long, Japanese", page.Message{
			Kind: page.KindTrigger, Title: strings.Repeat("夜勤", 200), Why: "step 1", URL: "https://x.example/1",
		}, 3, []string{"夜勤", ". step 1", " https://x.example/1 #"}},
		{"long, outside the BMP", page.Message{Kind: page.KindTrigger, Title: strings.Repeat("🔥", 300), Why: "step 1"}, 3, []string{"🔥", ". step 1"}},
		{"address without room", page.Message{Kind: page.KindTrigger, Title: "夜勤", URL: "https://x.example/" + strings.Repeat("a", 150)}, 1, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.m.PageID = "01JINCIDENT.1"
			body := Body(row.m)
			if got := segments(body); got != row.segments || !strings.HasSuffix(body, " #01JINCIDENT.1") {
				t.Errorf("%d segments, want %d: %q", got, row.segments, body)
			}
			for _, part := range row.holds {
				if !strings.Contains(body, part) {
					t.Errorf("%q does not hold %q", body, part)
				}
			}
		})
	}
}

func FuzzBody(f *testing.F) {
	f.Add("container shop died", "web1", "step 1 of policy api", "https://x.example/1", true)
	f.Add("\x1b[2Jbell\a\r\nPAGE bob", "a\u202eb", "夜勤🔥", "", false)
	f.Add(strings.Repeat("€", 1000), strings.Repeat("\\", 1000), strings.Repeat("^", 1000), strings.Repeat("~", 1000), true)
	f.Add("\xff\xfe", "", "", "", false)
	f.Fuzz(func(t *testing.T, title, host, why, url string, repeat bool) {
		m := page.Message{
			Kind: page.KindTrigger, PageID: "01JINCIDENT.1", Title: title, Why: why, URL: url, Rule: title, Repeat: repeat,
			Labels: map[string]string{"host": host},
		}
		body := Body(m)
		if segments(body) > segmentsMax {
			t.Errorf("%d segments: %q", segments(body), body)
		}
		if !strings.HasPrefix(body, "TRIGGERED ") || !strings.HasSuffix(body, " #01JINCIDENT.1") {
			t.Errorf("kind or page id cut: %q", body)
		}
		if strings.ContainsFunc(body, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("unprintable: %q", body)
		}
	})
}
