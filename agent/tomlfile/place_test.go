package tomlfile_test

import (
	"testing"

	"nezuban/agent/tomlfile"
)

func TestPlace(t *testing.T) {
	const text = `# people
zone = "UTC"   # ours
layers = [
  { name = "a", who = ["x", ["y", "z"]] }, # first
  { name = 'b' , to = 2026-01-05 },
]
[people] # them
alice = { page = ["sms"] }
"b b" = 1
[[change]]
cover.on = "api"
[change.more]
x = 7
[[change]]
`
	var tree map[string]any
	f, err := tomlfile.Decode("a.toml", []byte(text), &tree)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path          []any
		value, whole  string // from From to To, and from Start to End
		header, found bool
	}{
		{[]any{"zone"}, `"UTC"`, `zone = "UTC"`, false, true},
		{[]any{"layers", 0}, `{ name = "a", who = ["x", ["y", "z"]] }`, `{ name = "a", who = ["x", ["y", "z"]] }`, false, true},
		{[]any{"layers", 0, "who"}, `["x", ["y", "z"]]`, `who = ["x", ["y", "z"]]`, false, true},
		{[]any{"layers", 0, "who", 1, 0}, `"y"`, `"y"`, false, true},
		{[]any{"layers", 1, "name"}, `'b'`, `name = 'b'`, false, true},
		{[]any{"layers", 1, "to"}, `2026-01-05`, `to = 2026-01-05`, false, true},
		{[]any{"people"}, `[people]`, "[people] # them\nalice = { page = [\"sms\"] }\n\"b b\" = 1", true, true},
		{[]any{"people", "alice"}, `{ page = ["sms"] }`, `alice = { page = ["sms"] }`, false, true},
		{[]any{"people", "b b"}, `1`, `"b b" = 1`, false, true},
		{[]any{"change", 0}, `[[change]]`, "[[change]]\ncover.on = \"api\"\n[change.more]\nx = 7", true, true},
		{[]any{"change", 0, "cover", "on"}, `"api"`, `cover.on = "api"`, false, true},
		{[]any{"change", 0, "more"}, `[change.more]`, "[change.more]\nx = 7", true, true},
		{[]any{"change", 1}, `[[change]]`, `[[change]]`, true, true},
		{[]any{"change", 2}, "", "", false, false},
		{[]any{"change"}, "", "", false, false},
		{[]any{"change", 0, "cover"}, "", "", false, false},
		{[]any{"nobody"}, "", "", false, false},
	}
	for _, test := range tests {
		p, found := f.Place(test.path...)
		if found != test.found || p.Header != test.header {
			t.Errorf("%v: %+v, found %t", test.path, p, found)
		}
		if found && (text[p.From:p.To] != test.value || text[p.Start:p.End] != test.whole) {
			t.Errorf("%v: value %q, whole %q", test.path, text[p.From:p.To], text[p.Start:p.End])
		}
	}
	if n := f.Len("change"); n != 2 {
		t.Errorf("%d changes", n)
	}
	if n := f.Len("zone") + f.Len("nobody", "x"); n != 0 {
		t.Errorf("%d items of no list", n)
	}
}
