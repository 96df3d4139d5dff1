package lint_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/internal/daysoff"
	"nezuban/oncall/internal/lint"
	"nezuban/oncall/schedule"
)

var update = flag.Bool("update", false, "write what is found into the files of testdata/mistakes")

// now is when the files of testdata are judged: in the first turn of their rings.
var now = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// judge is what check says of a file: the findings, or why it is refused.
func judge(tb testing.TB, text string) (said []string, kinds []lint.Kind) {
	tb.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		return strings.Split(err.Error(), "\n"), nil
	}
	away := map[string][]schedule.Day{}
	for _, p := range f.People() {
		if p.PTO == "" {
			continue
		}
		if away[p.Name], err = daysoff.ReadFile(filepath.Join("testdata", p.PTO), p.Zone, now, now.AddDate(1, 0, 0)); err != nil {
			tb.Fatal(err)
		}
	}
	for _, finding := range lint.Run(f, now, away) {
		kind := "warning"
		if finding.Error {
			kind = "error"
		}
		said = append(said, fmt.Sprintf("oncall.toml:%d: %s: %s", finding.Line, kind, finding.Text))
		kinds = append(kinds, finding.Kind)
	}
	return said, kinds
}

func files(tb testing.TB, pattern string, least int) []string {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) < least {
		tb.Fatalf("%s: %d files, %v, want at least %d", pattern, len(paths), err, least)
	}
	return paths
}

// Each file of testdata/mistakes has one mistake, and begins with the whole of what is said about it.
func TestMistakes(t *testing.T) {
	seen := map[lint.Kind]bool{lint.KindUnjudged: true, lint.KindCalendar: true, lint.KindPast: true, lint.KindLate: true} // of the command, and of package guard
	for _, path := range files(t, "testdata/mistakes/*.toml", 30) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, text := splitWant(string(data))
			got, kinds := judge(t, text)
			for _, kind := range kinds {
				seen[kind] = true
			}
			if *update {
				out := ""
				for _, line := range got {
					out += "# want: " + line + "\n"
				}
				if err := os.WriteFile(path, []byte(out+text), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
	for _, kind := range lint.Kinds() {
		if !seen[kind] {
			t.Errorf("no file has a mistake of the kind %q", kind)
		}
	}
}

// splitWant takes the comments that say what is wanted off a file; the rest begins at line 1.
func splitWant(data string) (want []string, text string) {
	text = data
	for {
		comment, rest, _ := strings.Cut(text, "\n")
		said, ok := strings.CutPrefix(comment, "# want: ")
		if !ok {
			return want, text
		}
		want, text = append(want, said), rest
	}
}

// Nothing is found in files as careful teams have them.
func TestNothingToFind(t *testing.T) {
	for _, path := range files(t, "testdata/good/*.toml", 3) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found, _ := judge(t, string(data)); len(found) > 0 {
			t.Errorf("%s:\n%s", path, strings.Join(found, "\n"))
		}
	}
}

// A file of long changes and hourly rings is judged as far as that is possible in seconds, and says so.
func TestTooMuchToJudge(t *testing.T) {
	var text strings.Builder
	text.WriteString("zone = \"UTC\"\n[people]\n")
	for i := range 400 {
		fmt.Fprintf(&text, "p%d = { page = [\"sms\"], ticket = [\"email\"] }\n", i)
	}
	text.WriteString("[schedule.api]\nlayers = [\n")
	for i := range 8 {
		fmt.Fprintf(&text, "  { name = \"l%d\", every = \"1h\", from = \"2026-01-01 00:00\", who = [\"p0\", \"p1\"] },\n", i)
	}
	text.WriteString("]\n")
	for i := range 400 {
		fmt.Fprintf(&text, "[[change]]\noff = { who = \"p%d\", from = \"2026-01-01\", to = \"2036-01-01\" }\n", i)
	}
	f, err := schedule.Parse("oncall.toml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	if found := lint.Run(f, now, nil); !slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Kind == lint.KindUnjudged }) {
		t.Errorf("%d findings, and none says that they are not all", len(found))
	}
}

// Whatever a file says, it is judged in bounded time and without a panic.
func FuzzRun(f *testing.F) {
	for _, path := range append(files(f, "testdata/mistakes/*.toml", 30), files(f, "testdata/good/*.toml", 3)...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 {
			return
		}
		file, err := schedule.Parse("oncall.toml", data)
		if err != nil {
			return
		}
		for _, finding := range lint.Run(file, now, nil) {
			if finding.Text == "" || finding.Line < 0 || !slices.Contains(lint.Kinds(), finding.Kind) {
				t.Fatalf("%+v", finding)
			}
		}
	})
}

// The larger of the good files: 40 people, 12 schedules, 19 changes.
func BenchmarkRun(b *testing.B) {
	data, err := os.ReadFile("testdata/good/large-shop.toml")
	if err != nil {
		b.Fatal(err)
	}
	f, err := schedule.Parse("oncall.toml", data)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if found := lint.Run(f, now, nil); len(found) > 0 {
			b.Fatal(found)
		}
	}
}
