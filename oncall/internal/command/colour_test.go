package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestColours runs what has colours, with and without a terminal: without one no escape sequence is written.
func TestColours(t *testing.T) {
	file := filepath.Join(t.TempDir(), "oncall.toml")
	text := `zone = "UTC"
[people]
alice = {}
[schedule.api]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"month": {"shifts", file, "--format", "month"},
		"diff":  {"diff", file, file},
	} {
		t.Run(name, func(t *testing.T) {
			for _, colour := range []bool{false, true} {
				var out, problems bytes.Buffer
				w := World{Out: &out, Err: &problems, Now: time.Date(2026, 1, 7, 0, 0, 0, 0, time.UTC), Colour: colour}
				if code := Run(args, w); code != exitOK {
					t.Fatalf("exit code %d: %s", code, problems.String())
				}
				if strings.Contains(out.String(), "\x1b[3") != colour {
					t.Errorf("colour %v:\n%q", colour, out.String())
				}
			}
		})
	}
}
