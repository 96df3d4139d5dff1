package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// edited is a file in which each of the edits of TestEachEditIsShownBeforeItIsWritten moves somebody's shifts.
const edited = `zone = "UTC"
[people]
alice = { page = ["sms"], ticket = ["email"] }
bob   = { page = ["sms"], ticket = ["email"] }
carol = { page = ["sms"], ticket = ["email"] }
dan   = { page = ["sms"], ticket = ["email"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"] }]
`

// filling is an output that has room for so many bytes.
type filling struct {
	text bytes.Buffer
	room int
}

var errFull = errors.New("no space left on device")

func (f *filling) Write(p []byte) (int, error) {
	n := min(len(p), f.room-f.text.Len())
	f.text.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// Whatever cannot be shown whole, lines and shifts, is not written either.
func TestEachEditIsShownBeforeItIsWritten(t *testing.T) {
	for name, args := range map[string][]string{
		"cover": {"--on", "api", "--by", "dan", "--for", "bob", "--from", "2026-01-13", "--to", "2026-01-14"},
		"add":   {"--on", "api", "--who", "dan", "--from", "2026-01-13", "--to", "2026-01-14"},
		"off":   {"bob", "--from", "2026-01-13", "--to", "2026-01-14"},
		"swap":  {"--on", "api", "bob 2026-01-12", "carol 2026-01-19"},
		"join":  {"dan", "--on", "api"},
		"leave": {"bob"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "oncall.toml")
			// run makes the edit anew and gives what is printed and what is in the file then.
			run := func(room int, more ...string) (said, text string, code int) {
				t.Helper()
				if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
					t.Fatal(err)
				}
				out := &filling{room: room}
				w := World{Out: out, Err: &bytes.Buffer{}, Now: time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)}
				code = Run(append(append([]string{name, path}, args...), more...), w)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return out.text.String(), string(data), code
			}
			said, text, code := run(1 << 20)
			shown, ok := strings.CutSuffix(said, "\n"+path+" is written\n")
			if code != exitOK || !ok || text == edited {
				t.Fatalf("exit code %d, written: %t\n%s", code, text != edited, said)
			}
			lines, shifts, _ := strings.Cut(shown, "\n\n")
			if !strings.Contains(lines, "\n+") || !strings.Contains(shifts, "Whose shifts move\n") {
				t.Errorf("it shows\n%s", shown)
			}
			dry, text, code := run(1<<20, "--dry-run")
			if code != exitOK || text != edited || dry != shown+"\n"+path+" is not written: --dry-run\n" {
				t.Errorf("--dry-run: exit code %d, written: %t\n%s", code, text != edited, dry)
			}
			for _, room := range []int{0, len(lines) / 2, len(lines), len(lines) + 2, len(lines) + len(shifts)/2, len(shown) - 1} {
				if _, text, code := run(room); code != exitRefused || text != edited {
					t.Errorf("with room for %d bytes of %d: exit code %d, written: %t", room, len(shown), code, text != edited)
				}
			}
		})
	}
}
