package tomlfile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// layout has every way in which TOML lets a key stand on a line.
const layout = `# comment with = and [brackets]
title = "x" # after
"quoted key" = 1
'literal "key' = 2
a.b.c = 3
dates = 2026-11-30 09:00:00
list = [ # comment ]
  "one", # "
  [2,
   3],

  { x = 1, y = { z = "}" } },
]
inline = { a.b = 1, "c" = [ 1, 2 ] }
text = """
[not.a.header]
key = "not a key" """
more = '''
'' quote: ''''
escaped = "a \" = [ # \\"
long = """ \""" still """""

[server]
name = "s"
[server.tls]
cert = "c"

[[rule]]
id = 1
[rule.labels]
team = "a"
[[rule]]
id = 2
[[rule.step]]
who = "b"
[[rule.step]]
who = "c"
[ spaced . "header" ]
last = true`

func TestLine(t *testing.T) {
	f, err := Decode("l.toml", []byte(layout), &map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		path []any
		want int
	}{
		{"the file as a whole", nil, 0},
		{"nothing known", []any{"no"}, 0},
		{"plain", []any{"title"}, 2},
		{"quoted", []any{"quoted key"}, 3},
		{"literal", []any{`literal "key`}, 4},
		{"first part of a dotted key", []any{"a"}, 5},
		{"last part of a dotted key", []any{"a", "b", "c"}, 5},
		{"list", []any{"list"}, 7},
		{"item of a list", []any{"list", 0}, 8},
		{"list in a list", []any{"list", 1}, 9},
		{"item in it", []any{"list", 1, 1}, 10},
		{"table in a list", []any{"list", 2}, 12},
		{"key of an inline table", []any{"list", 2, "y", "z"}, 12},
		{"no such item", []any{"list", 3}, 7},
		{"negative item", []any{"list", -1}, 7},
		{"dotted key of an inline table", []any{"inline", "a", "b"}, 14},
		{"text of several lines", []any{"text"}, 15},
		{"after that text", []any{"more"}, 18},
		{"after literal text", []any{"escaped"}, 20},
		{"after escapes", []any{"long"}, 21},
		{"header", []any{"server"}, 23},
		{"key under a header", []any{"server", "name"}, 24},
		{"header below", []any{"server", "tls"}, 25},
		{"missing key of a table", []any{"server", "port"}, 23},
		{"list of tables", []any{"rule"}, 28},
		{"its second item", []any{"rule", 1}, 32},
		{"table of the first item", []any{"rule", 0, "labels", "team"}, 31},
		{"missing key of the second item", []any{"rule", 1, "labels", "team"}, 32},
		{"list of tables in an item", []any{"rule", 1, "step", 1, "who"}, 37},
		{"header with spaces", []any{"spaced", "header", "last"}, 39},
	}
	for _, test := range tests {
		if got := f.Line(test.path...); got != test.want {
			t.Errorf("%s: found line %d, expected %d", test.name, got, test.want)
		}
	}
}

func TestLineWithOddLineEnds(t *testing.T) {
	f, err := Decode("l.toml", []byte("\uFEFFa = 1\r\n\r\nb = 2 # c\r\nc = [\r\n1]\r\n"), &map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"a": 1, "b": 3, "c": 4} {
		if got := f.Line(key); got != want {
			t.Errorf("%s: found line %d, expected %d", key, got, want)
		}
	}
}

// FuzzIndex: the index knows every key and list item that the parser sees,
// each on a line of the text that is not before its parent's first mention.
func FuzzIndex(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, deep := index(data) // never panics, valid or not
		var tree map[string]any
		if _, err := toml.Decode(string(data), &tree); err != nil || deep != nil {
			return
		}
		checkIndexed(t, root, tree, 1+strings.Count(string(data), "\n"))
	})
}

func checkIndexed(t *testing.T, n *node, value any, lines int) {
	t.Helper()
	visit := func(step, v any) {
		c := n.child(step)
		if c == nil {
			t.Fatalf("the parser sees %v, the index does not", step)
		}
		if c.line < 1 || c.line > lines {
			t.Fatalf("%v is at line %d of %d", step, c.line, lines)
		}
		checkIndexed(t, c, v, lines)
	}
	if table, ok := value.(map[string]any); ok {
		for key, v := range table {
			visit(key, v)
		}
		return
	}
	if items := reflect.ValueOf(value); items.Kind() == reflect.Slice {
		for i := range items.Len() {
			visit(i, items.Index(i).Interface())
		}
	}
}

func seeds() []string {
	return []string{
		"", layout, "a", "a =", "a = [", "[", "[[", "[[a]", "a = {", "a = {b = 1,}", "\"", "'", `a = """`, `a = "\`,
		"a.b = 1\n[a]\nc = 2", "[a.b]\n[a]", "a = 1\r", "\uFEFFx = 1", "x = '''''''", `x = """a"""""`,
		`name = 5` + "\n[[rule]]\nid = 5\nfor = \"x\"", "extra = 1979-05-27T07:32:00-08:00", "pair = [1]",
		`"\u00e9" = 1`, "ratio = 1e400", "port = 0xffff", "[a]\n[[a.b]]\n[[a.b]]\n[a.b.c]",
	}
}
