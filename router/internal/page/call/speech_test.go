package call

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"nezuban/router/internal/page"
)

// verbs are the elements of a document, in order, and what is said.
func verbs(t *testing.T, document string) (names, said []string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(document)); ; {
		switch token, err := decoder.Token(); token := token.(type) {
		case xml.StartElement:
			names = append(names, token.Name.Local)
		case xml.CharData:
			said = append(said, string(token))
		default:
			if errors.Is(err, io.EOF) {
				return names, said
			}
			if err != nil {
				t.Fatalf("%v in %q", err, document)
			}
		}
	}
}

func TestSpeechFits(t *testing.T) {
	for name, text := range map[string]string{
		"quotes": strings.Repeat(`"`, 5000), "ampersands": strings.Repeat("& ", 5000), "Japanese": strings.Repeat("夜勤", 2000), "words": strings.Repeat("word ", 2000),
	} {
		m := page.Message{Title: text, Why: text, Labels: map[string]string{"host": text}, People: []page.Recipient{{Person: text}}}
		got := Speech(m, "https://nezuban.example/call?"+strings.Repeat("a=b&", 100))
		if len(got) > speechMax || len(got) < 1000 {
			t.Errorf("%s: %d bytes", name, len(got))
		}
		verbs(t, got)
	}
}

func FuzzSpeech(f *testing.F) {
	f.Add("container shop died", "web1", "alice", "step 1 of policy api", true)
	f.Add("</Say><Dial>+1</Dial>", "]]>", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "&a; &#0; \"'", false)
	f.Add("\xff\xfe\x00", "\ufffe\uffff", "\u202e", "\x1b[2J\r\n", false)
	f.Add(strings.Repeat("&", 4000), strings.Repeat("\"", 4000), strings.Repeat("夜", 4000), strings.Repeat("<", 4000), true)
	f.Fuzz(func(t *testing.T, title, host, person, why string, keys bool) {
		answer := ""
		want := []string{"Response", "Say", "Say", "Pause", "Say", "Say"}
		if keys {
			answer = "https://nezuban.example/call?sign=x&page=1"
			want = []string{"Response", "Gather", "Say", "Say", "Pause", "Say", "Say", "Say"}
		}
		m := page.Message{Kind: page.KindTrigger, Title: title, Why: why, Labels: map[string]string{"host": host}, People: []page.Recipient{{Person: person}}}
		document := Speech(m, answer)
		names, said := verbs(t, document)
		if !slices.Equal(names, want) || len(document) > speechMax {
			t.Errorf("verbs %q, %d bytes", names, len(document))
		}
		if said[0] != said[2] || (said[0] != Words(m) && !strings.HasSuffix(said[0], "…")) {
			t.Errorf("says %q and %q, want %q", said[0], said[2], Words(m))
		}
	})
}
