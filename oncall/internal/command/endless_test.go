package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"nezuban/oncall/schedule"
)

// far is what a test writes at most of what has no end: enough that reading it whole is seen.
const far = 64 * schedule.MaxBytes

// Of a file that is too large, or has no end, no more is read than shows that.
func TestReadIsBounded(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan int, 1)
	go func() {
		total := 0
		defer func() { written <- total }()
		out, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer out.Close()
		for block := make([]byte, 64<<10); total < far; {
			n, err := out.Write(block)
			total += n
			if err != nil {
				return
			}
		}
	}()
	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("#"), 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"ten megabytes": large, "a pipe without an end": pipe} {
		data, err := read(path)
		if err != nil || len(data) != schedule.MaxBytes+1 {
			t.Errorf("%s: read %d bytes, %v, want %d", name, len(data), err, schedule.MaxBytes+1)
		}
	}
	if total := <-written; total >= far {
		t.Errorf("all %d bytes of the pipe were read", total)
	}
}

func TestShowIsBounded(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("#"), 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "Begin"}} {
		git := exec.CommandContext(t.Context(), "git", args...)
		git.Dir = dir
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if data, err := show(large, "HEAD"); err != nil || len(data) != schedule.MaxBytes+1 {
		t.Errorf("read %d bytes, %v, want %d", len(data), err, schedule.MaxBytes+1)
	}
}

// What cannot be a rotation file is refused by each command that takes one, with the file's name and no more ado.
func TestWhatIsNoTextIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
	}{
		"ten megabytes": {strings.Repeat("#", 10<<20), "FILE: found "},
		"binary":        {"\x7fELF\x02\x01\x01\x00\x00", "FILE:1: "},
		"not UTF-8":     {"zone = \"\xff\xfe\"\n", "FILE:1: "},
		"nothing":       {"", "FILE: "},
	} {
		path := filepath.Join(t.TempDir(), "oncall.toml")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"check", path},
			{"who", path},
			{"next", path, "alice"},
			{"why", path},
			{"shifts", path},
			{"diff", path, path},
			{"fairness", path},
			{"simulate", path, "--incidents", "-"},
			{"off", path, "alice", "--from", "2026-01-13", "--to", "2026-01-14"},
			{"apply", path, "--router", "http://127.0.0.1:1"},
		} {
			var out, problems bytes.Buffer
			code := Run(args, World{In: strings.NewReader(""), Out: &out, Err: &problems, Env: func(string) string { return "" }})
			if want := strings.Replace(test.want, "FILE", path, 1); code != exitRefused || out.Len() > 0 || !strings.HasPrefix(problems.String(), want) {
				t.Errorf("%s, %s: exit code %d, %q and %q, want %q", name, args[0], code, out.String(), problems.String(), want)
			}
		}
	}
}
