package tomlfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestSlips(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"alice", "alice"}: 0, {"alcie", "alice"}: 1, {"alic", "alice"}: 1, {"aalice", "alice"}: 1, {"alize", "alice"}: 1,
		{"", "bob"}: 3, {"bob", ""}: 3, {"", ""}: 0, {"Zürich", "Zurich"}: 1, {"bbo", "bob"}: 1, {"ca", "abc"}: 3,
	} {
		if got := slips([]rune(pair[0]), []rune(pair[1]), 99); got != want {
			t.Errorf("%q to %q: %d, want %d", pair[0], pair[1], got, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	keys := []string{"steps", "repeat", "fallback", "to", "for", "every"}
	for written, want := range map[string]string{
		"fallbck": "fallback", "fallbakc": "fallback", "fall_back": "fallback", "evrey": "every", "too": "to", "fr": "for",
		"fallback": "", "notice": "", "steeeps": "steps", "steeeeps": "", "x": "", "": "", "xy": "",
		"repeat" + strings.Repeat("x", 1<<20): "",
	} {
		if want != "" {
			want = fmt.Sprintf(" (did you mean %q?)", want)
		}
		if got := DidYouMean(written, keys); got != want {
			t.Errorf("%.20q: %q, want %q", written, got, want)
		}
	}
}

// An unknown key names the one that it may have been, of those that are known where it stands; not for ever.
func TestUnknownKeysNameTheNearOne(t *testing.T) {
	var got config
	_, err := Decode("c.toml", []byte("evry = \"5m\"\n[[rule]]\nfro = \"5m\"\nevery = \"5m\"\n"), &got)
	want := `c.toml:1: evry: found unknown key "evry", expected one of name, on, count, port, small, ratio, every, since, tags, pair, labels, limit, extra, rule, layers, untold, log (did you mean "every"?)
c.toml:3: rule[0].fro: found unknown key "fro", expected one of id, for (did you mean "for"?)
c.toml:4: rule[0].every: found unknown key "every", expected one of id, for; keys of the top level, as this one, stand before the first [[rule]]`
	if err == nil || err.Error() != want {
		t.Errorf("found\n%v\nwant\n%s", err, want)
	}
	many := ""
	for i := range 2 * maxSuggestions {
		many += fmt.Sprintf("%q = 1\n", "every"+string(rune('À'+i)))
	}
	if _, err := Decode("c.toml", []byte(many), &got); strings.Count(err.Error(), "did you mean") != maxSuggestions {
		t.Errorf("%d keys are named, want %d", strings.Count(err.Error(), "did you mean"), maxSuggestions)
	}
}
