package tomlfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// config has one field of each kind that Decode knows.
type config struct {
	Name    string            `toml:"name"`
	On      bool              `toml:"on"`
	Count   int               `toml:"count"`
	Port    uint16            `toml:"port"`
	Small   int8              `toml:"small"`
	Ratio   float64           `toml:"ratio"`
	Every   Duration          `toml:"every"`
	Since   time.Time         `toml:"since"`
	Tags    []string          `toml:"tags"`
	Pair    [2]int            `toml:"pair"`
	Labels  map[string]string `toml:"labels"`
	Limit   *int              `toml:"limit"`
	Extra   any               `toml:"extra"`
	Rules   []rule            `toml:"rule"`
	Layers  map[string][]rule `toml:"layers"`
	Ignored string            `toml:"-"`
	Untold  string
	hidden  string //nolint:unused // shows that keys do not reach it
	Common
}

// Common is embedded: its keys are config's own.
type Common struct {
	Log string `toml:"log"`
}

type rule struct {
	ID  string   `toml:"id"`
	For Duration `toml:"for"`
}

func TestDecodeFillsEveryKind(t *testing.T) {
	text := `
name = "api"
on = true
count = -3
port = 8086
small = -128
ratio = 2
every = "1h30m"
since = 2026-11-30T09:00:00Z
tags = ["a", "b"]
pair = [1, 2]
labels = { team = "web", "odd key" = "x" }
limit = 7
extra = [1, "x"]
UNTOLD = "any case"
log = "info"
[[rule]]
id = "one"
for = "5m"
[[rule]]
id = "two"
[[layers.api]]
id = "three"
`
	var got config
	if _, err := Decode("c.toml", []byte(text), &got); err != nil {
		t.Fatal(err)
	}
	limit := 7
	want := config{
		Name: "api", On: true, Count: -3, Port: 8086, Small: -128, Ratio: 2, Every: Duration(90 * time.Minute),
		Since: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), Tags: []string{"a", "b"}, Pair: [2]int{1, 2},
		Labels: map[string]string{"team": "web", "odd key": "x"}, Limit: &limit, Extra: []any{int64(1), "x"},
		Rules:  []rule{{ID: "one", For: Duration(5 * time.Minute)}, {ID: "two"}},
		Layers: map[string][]rule{"api": {{ID: "three"}}}, Untold: "any case", Common: Common{Log: "info"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeKeepsDefaults(t *testing.T) {
	got := config{Name: "default", Count: 5}
	if _, err := Decode("c.toml", []byte("count = 6"), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "default" || got.Count != 6 {
		t.Errorf("found name %q count %d, expected the default name and count 6", got.Name, got.Count)
	}
}

func TestDecodeNamesAllMistakesAtOnce(t *testing.T) {
	text := `# three mistakes of different kinds, and a good key
name = "api"
colour = "red"

[[rule]]
id = 5

[[rule]]
id = "two"
for = "soon"
`
	var got config
	_, err := Decode("router.toml", []byte(text), &got)
	want := `router.toml:3: colour: found unknown key "colour", expected one of name, on, count, port, small, ratio, every, since, tags, pair, labels, limit, extra, rule, layers, untold, log
router.toml:6: rule[0].id: found 5, expected a string
router.toml:10: rule[1].for: found "soon", expected a duration like "90s", "5m" or "1h30m"`
	if err == nil || err.Error() != want {
		t.Errorf("found\n%v\nexpected\n%s", err, want)
	}
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("found %T, expected three Problems", err)
	}
	if got.Name != "api" || got.Rules[1].ID != "two" {
		t.Errorf("found %+v, expected the good keys to be there", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"string for a number":    {`count = "5"`, `c.toml:1: count: found "5", expected a whole number`},
		"float for a number":     {`count = 1.5`, `c.toml:1: count: found 1.5, expected a whole number`},
		"number for a bool":      {`on = 1`, `c.toml:1: on: found 1, expected true or false`},
		"number too large":       {`port = 70000`, `c.toml:1: port: found 70000, expected a whole number from 0 to 65535`},
		"number too small":       {`small = -129`, `c.toml:1: small: found -129, expected a whole number of at most 8 bits`},
		"negative for unsigned":  {`port = -1`, `c.toml:1: port: found -1, expected a whole number from 0 to 65535`},
		"not a number":           {`ratio = nan`, `c.toml:1: ratio: found NaN, expected a number`},
		"infinite":               {`ratio = -inf`, `c.toml:1: ratio: found -Inf, expected a number`},
		"string for a time":      {`since = "today"`, `c.toml:1: since: found "today", expected a time like 2026-11-30T09:00:00Z`},
		"number for a duration":  {`every = 5`, `c.toml:1: every: found 5, expected a duration like "90s", "5m" or "1h30m"`},
		"negative duration":      {`every = "-5m"`, `c.toml:1: every: found "-5m", expected a duration of zero or more, like "5m"`},
		"too long a duration":    {`every = "99999999h1.5m"`, `c.toml:1: every: found "99999999h1.5m", expected a duration of at most 2562047h`},
		"too long, and negative": {`every = "-99999999h"`, `c.toml:1: every: found "-99999999h", expected a duration like`},
		"long, and no duration":  {`every = "99999999 h"`, `c.toml:1: every: found "99999999 h", expected a duration like`},
		"strayed into a list":    {"[[rule]]\nlog = \"info\"", `c.toml:2: rule[0].log: found unknown key "log", expected one of id, for; keys of the top level, as this one, stand before the first [[rule]]`},
		"strayed into a second":  {"[[rule]]\n[[rule]]\nevery = \"5m\"", `c.toml:3: rule[1].every: found unknown key "every", expected one of id, for; keys of the top level, as this one, stand before the first [[rule]]`},
		"strayed, and inline":    {`rule = [{log = "info"}]`, `c.toml:1: rule[0].log: found unknown key "log", expected one of id, for`},
		"string for a list":      {`tags = "a"`, `c.toml:1: tags: found "a", expected a list`},
		"wrong item of a list":   {"tags = [\n\"a\",\n# why\n2]", `c.toml:4: tags[1]: found 2, expected a string`},
		"list of a wrong length": {`pair = [1]`, `c.toml:1: pair: found a list of 1, expected a list of 2`},
		"table for a string":     {"[name]\nx = 1", `c.toml:1: name: found a table, expected a string`},
		"list for a table":       {`labels = []`, `c.toml:1: labels: found an empty list, expected a table`},
		"one table for a list":   {"[rule]\nid = \"x\"", `c.toml:1: rule: found a table, expected a list`},
		"wrong value in a map":   {"[labels]\nteam = 5", `c.toml:2: labels.team: found 5, expected a string`},
		"ignored field":          {`Ignored = "x"`, `c.toml:1: Ignored: found unknown key "Ignored", expected one of `},
		"unexported field":       {`hidden = "x"`, `c.toml:1: hidden: found unknown key "hidden", expected one of `},
		"tag in the wrong case":  {`Name = "x"`, `c.toml:1: Name: found unknown key "Name", expected one of `},
		"key with odd letters":   {"\n[labels]\n\"a.b\" = 1", `c.toml:3: labels."a.b": found 1, expected a string`},
		"long text":              {`count = "` + strings.Repeat("x", 200) + `"`, `c.toml:1: count: found "` + strings.Repeat("x", 80) + `"…, expected`},
		"syntax":                 {"name = \"a\"\n= 1", `c.toml:2: found a syntax error (`},
		"no text":                {"\x7fELF\x02\x01\x01\x00\x00", `c.toml:1: found a syntax error (`},
		"cut short at its line":  {"name = \"a\"\n[tom\n\n", `c.toml:2: found a syntax error (`},
		"key given twice":        {"name = \"a\"\n\nname = \"b\"", `c.toml:3: name: found a syntax error (`},
		"not UTF-8":              {"name = \"\xff\"", `c.toml:1: `},
		"values nested too deep": {"extra = " + strings.Repeat("[", 200000), `c.toml:1: found more than 32 levels of lists and tables, expected fewer`},
		"tables nested too deep": {"\nextra = " + strings.Repeat("{a=", 200000), `c.toml:2: found more than 32 levels of lists and tables, expected fewer`},
		"key of too many parts":  {"a = 1\n" + strings.Repeat("a.", 200000) + "a = 1", `c.toml:2: found more than 32 parts in a key, expected fewer`},
		"text too large":         {strings.Repeat("#", MaxBytes+1), `c.toml: found 4194305 bytes, expected at most 4194304`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got config
			f, err := Decode("c.toml", []byte(test.text), &got)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("found    %v\nexpected %s…", err, test.want)
			}
			if f == nil {
				t.Error("found no File, expected one even after a mistake")
			}
		})
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(path, []byte("count = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		path  string
		limit int64
		want  string // empty: it can be read
	}{
		"good":        {path, 100, ""},
		"just fits":   {path, 10, ""},
		"too long":    {path, 9, "read " + path + ": found more than 9 bytes, expected at most that"},
		"missing":     {filepath.Join(dir, "no"), 100, "read " + filepath.Join(dir, "no") + ": no such file or directory"},
		"a directory": {dir, 100, "read " + dir + ": found a folder, expected a regular file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got config
			f, err := Read(test.path, test.limit, &got)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != test.want {
				t.Errorf("found %q, expected %q", text, test.want)
			}
			if line := f.Line("count"); (line == 1) != (err == nil) {
				t.Errorf("found line %d", line)
			}
		})
	}
	if _, err := Read(filepath.Join(dir, "no"), 1, &config{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("found %v, expected to recognise a missing file", err)
	}
}

func TestProblemOfMeaning(t *testing.T) {
	var got config
	f, err := Decode("c.toml", []byte("\n[[rule]]\nfor = \"0s\"\n"), &got)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ got, want string }{
		"text":              {f.Problem("0s", "more than zero", "rule", 0, "for").Error(), `c.toml:3: rule[0].for: found "0s", expected more than zero`},
		"nothing":           {f.Problem(nil, "an id", "rule", 0, "id").Error(), `c.toml:2: rule[0].id: found nothing, expected an id`},
		"number":            {f.Problem(3, "fewer", "rule").Error(), `c.toml:2: rule: found 3, expected fewer`},
		"duration":          {f.Problem(Duration(time.Minute), "less", "rule", 0, "for").Error(), `c.toml:3: rule[0].for: found 1m0s, expected less`},
		"the file as whole": {f.Problem(nil, "a check").Error(), `c.toml: found nothing, expected a check`},
	}
	for name, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: found %s, expected %s", name, test.got, test.want)
		}
	}
}

func TestProblemsAreSortedAndNilWhenEmpty(t *testing.T) {
	if err := Problems(nil).Err(); err != nil {
		t.Errorf("found %v, expected nil", err)
	}
	ps := Problems{{File: "b", Line: 1}, {File: "a", Line: 9}, {File: "a", Line: 2}}
	var got []int
	var sorted Problems
	if !errors.As(ps.Err(), &sorted) {
		t.Fatal("found no Problems")
	}
	for _, p := range sorted {
		got = append(got, p.Line)
	}
	if diff := cmp.Diff([]int{2, 9, 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDurationText(t *testing.T) {
	d := Duration(90 * time.Second)
	text, err := d.MarshalText()
	var back Duration
	if err != nil || back.UnmarshalText(text) != nil || back != d {
		t.Errorf("found %q read as %s, expected %s both ways", text, back, d)
	}
}

// FuzzDecode: no bytes make Decode panic, and every problem has a line of the
// text, or none.
func FuzzDecode(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := 1 + strings.Count(string(data), "\n")
		_, err := Decode("f", data, &config{})
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("found %T, expected Problems", err)
		}
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines {
				t.Fatalf("%v is at line %d of %d", p, p.Line, lines)
			}
		}
	})
}
