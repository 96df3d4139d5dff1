package command

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
)

// TestDiffWithItself: no file differs from itself, in no format, at no time.
func TestDiffWithItself(t *testing.T) {
	file := filepath.Join(t.TempDir(), "oncall.toml")
	rapid.Check(t, func(t *rapid.T) {
		f := drawn.Draw(t)
		if err := os.WriteFile(file, []byte(f.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 400*24).Draw(t, "hour")) * time.Hour)
		said := map[string]string{"text": "No difference from ", "markdown": "No difference from ", "json": `"differs":false`}
		format := rapid.SampledFrom(slices.Sorted(maps.Keys(said))).Draw(t, "format")
		var out, problems bytes.Buffer
		code := Run([]string{"diff", file, file, "--format", format}, World{Out: &out, Err: &problems, Now: now})
		if code != exitOK || problems.Len() > 0 || !strings.Contains(out.String(), said[format]) {
			t.Fatalf("%s: exit code %d, %s\n%s", format, code, problems.String(), out.String())
		}
		for _, title := range []string{"Whose", "Who is", "What", "And around"} {
			if strings.Contains(out.String(), title) {
				t.Fatalf("%s has a section %q:\n%s", format, title, out.String())
			}
		}
	})
}
