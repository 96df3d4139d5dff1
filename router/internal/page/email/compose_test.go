package email

import (
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/page"
)

func TestEncoded(t *testing.T) {
	for _, text := range []string{"plain", "=?", "=?utf-8?Q?a?=", strings.Repeat("夜勤=?", 40), "=?" + strings.Repeat("🔥", 30) + "x"} {
		got := encoded(text)
		back, err := new(mime.WordDecoder).DecodeHeader(got)
		if err != nil || back != text {
			t.Errorf("encoded(%q) = %q, read as %q, %v", text, got, back, err)
		}
		for word := range strings.FieldsSeq(got) {
			if strings.HasPrefix(word, "=?UTF-8?B?") && len(word) > 75 {
				t.Errorf("a word of %d bytes: %q", len(word), word)
			}
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("container shop died", "web1", "container-died", "step 1\nof policy", "https://nezuban.example/1", true)
	f.Add("x\r\nBcc: mallory@evil.example\r\n\r\n.\r\n", "=?utf-8?B?QQ==?=", "\xff\x00", "</p><script>", "javascript:alert(1)", false)
	f.Add(strings.Repeat("夜勤 ", 500), strings.Repeat("x", 2000), "\u2028\u0085", strings.Repeat(".\r\n", 100), "https://x.example/\">", false)
	p := New(Config{Server: "localhost:25", From: mail.Address{Address: "nezuban@example.org"}})
	f.Fuzz(func(t *testing.T, title, host, rule, text, address string, repeat bool) {
		m := page.Message{
			Kind: page.KindTrigger, IncidentID: rule, PageID: title, Title: title, Rule: rule, Text: text, URL: address, Repeat: repeat, ProviderID: host,
			Labels: map[string]string{"host": host}, People: []page.Recipient{{Person: "alice", Address: "alice@example.org"}},
		}
		written, err := p.compose(m, m.People[0], time.Unix(1764201600, 0))
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(string(written), func(r rune) bool { return r > 126 || (r < 32 && r != '\r' && r != '\n') }) || len(written) > 128<<10 {
			t.Errorf("%d bytes: %q", len(written), written)
		}
		read, err := mail.ReadMessage(strings.NewReader(string(written)))
		if err != nil {
			t.Fatalf("%v in %q", err, written)
		}
		names := []string{
			"Auto-Submitted", "Content-Type", "Date", "From", "In-Reply-To", "Message-Id", "Mime-Version", "Precedence", "References", "Subject", "To", "X-Auto-Response-Suppress",
		}
		for name, values := range read.Header {
			if !slices.Contains(names, name) || len(values) != 1 {
				t.Errorf("header %s: %q", name, values)
			}
		}
		if to, err := read.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "alice@example.org" {
			t.Errorf("to %v, %v", to, err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
		if err != nil || subject != wordsOf(m).Head {
			t.Errorf("subject %q, %v, want %q", subject, err, wordsOf(m).Head)
		}
	})
}
