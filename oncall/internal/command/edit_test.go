package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

const pairText = `zone = "UTC"
[people]
alice = { page = ["sms"] }
bob   = { page = ["sms"] }
dan   = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]
`

// fullAfter takes some writes and fails from then on, as a full disk does.
type fullAfter struct{ left int }

func (f *fullAfter) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

// An edit shows which lines change and whose shifts move before it writes: where it cannot show that, it does not write.
func TestAnEditShowsItselfBeforeItWrites(t *testing.T) {
	for name, args := range map[string][]string{
		"add":  {"add", "FILE", "--on", "api", "--who", "dan", "--from", "2026-03-02", "--to", "2026-03-03"},
		"swap": {"swap", "FILE", "--on", "api", "alice 2026-03-02", "bob 2026-03-09"},
		"off":  {"off", "FILE", "bob", "--from", "2026-03-09", "--to", "2026-03-10"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "oncall.toml")
			if err := os.WriteFile(path, []byte(pairText), 0o600); err != nil {
				t.Fatal(err)
			}
			args[1] = path
			world := World{Now: time.Date(2026, 2, 20, 12, 0, 0, 0, time.UTC), Env: func(string) string { return "" }}
			for writes := range 2 {
				world.Out, world.Err = &fullAfter{left: writes}, &bytes.Buffer{}
				if code := Run(args, world); code == exitOK {
					t.Errorf("exit code %d when it cannot show what it does", code)
				}
				if text, err := os.ReadFile(path); err != nil || string(text) != pairText {
					t.Fatalf("%v, written unseen after %d writes:\n%s", err, writes, text)
				}
			}
			var out bytes.Buffer
			world.Out, world.Err = &out, &bytes.Buffer{}
			if code := Run(args, world); code != exitOK {
				t.Fatalf("exit code %d: %s%s", code, out.String(), world.Err)
			}
			lines, moves, ok := strings.Cut(out.String(), "Whose shifts move\n")
			if !ok || !strings.Contains(lines, "\n+"+name+" = {") || !strings.Contains(moves, "2026-03-0") {
				t.Errorf("shown:\n%s", out.String())
			}
		})
	}
}

// No more is read than tells that it is too much: what has no end is refused too.
func TestNoMoreOfAFileIsReadThanItMayHave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oncall.toml")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30)); err != nil {
		t.Fatal(err)
	}
	if data, err := read(path); err != nil || len(data) != schedule.MaxBytes+1 {
		t.Errorf("found %d bytes and %v, want %d", len(data), err, schedule.MaxBytes+1)
	}
}
