package escape

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMarkdown(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a plain name", "Alice-Ann Müller 2", "Alice-Ann Müller 2"},
		{"the end of a cell", "a|b", `a\|b`},
		{"a link", "[x](http://y)", `\[x\](http\://y)`},
		{"an address without brackets", "www.example.org", `www\.example\.org`},
		{"HTML", "<img src=x>", `\<img src=x\>`},
		{"a mention", "@org/team", `\@<!-- -->org/team`},
		{"an issue", "fixes #12", `fixes \#<!-- -->12`},
		{"emphasis, code and an escape", "*_`\\", "\\*\\_\\`\\\\"},
		{"a clock time, a number and an emoji", "09:00 1.5 :tada:", `09:00 1.5 \:tada\:`},
		{"a line end", "a\nb", "a b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Markdown(test.in); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestMarkdownKeepsTheText undoes every escape and finds again what of the text can be seen.
func TestMarkdownKeepsTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Plain(rapid.String().Draw(t, "text"))
		var read strings.Builder
		escaped := false
		for _, r := range strings.ReplaceAll(Markdown(text), "<!-- -->", "") {
			if r == '\\' && !escaped {
				escaped = true
				continue
			}
			escaped = false
			read.WriteRune(r)
		}
		if read.String() != text {
			t.Fatalf("%q reads %q", text, read.String())
		}
	})
}

// TestPlain holds that nothing of a name can steer a terminal, start a line or turn text around.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Ann\x1b[2J": "Ann[2J", "Ann\nBob": "Ann Bob", "a\tb": "a b", "\u202eAnn": "Ann", "Zoë 李": "Zoë 李", "👩\u200d💻": "👩\u200d💻", "": "",
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestCSV(t *testing.T) {
	for in, want := range map[string]string{"alice": "alice", "=1+1": "'=1+1", "@x": "'@x", "-": "'-", "+1": "'+1", "": "", "a=b": "a=b"} {
		if got := CSV(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
