package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/oncall/internal/command"
)

var update = flag.Bool("update", false, "write what the commands of the pages in docs print into them")

// TestPullRequestPage runs what docs/oncall-pull-request.md shows, from its top to its end, and compares what is printed.
//
// A fence of toml is the rotation file as it is on the branch main. One of diff is a change of it, applied after all
// before it have been merged; where the text above it names the command that writes it, that must write the same. In one of
// console a line that begins with "$ " is a command, and what follows its output.
func TestPullRequestPage(t *testing.T) {
	path := filepath.Join("..", "docs", "oncall-pull-request.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	story := story{TB: t, dir: t.TempDir()}
	story.run("git", "init", "--quiet", "--initial-branch=main")
	var made strings.Builder
	commands := 0
	parts := strings.Split(string(page), "```")
	for i, part := range parts {
		kind, text, _ := strings.Cut(part, "\n")
		switch {
		case i%2 == 0:
		case kind == "toml":
			story.write(text)
		case kind == "diff":
			story.merge()
			story.apply(text, edits.FindString(parts[i-1]))
		case kind == "console":
			commands += strings.Count("\n"+text, "\n$ ")
			part = kind + "\n" + story.console(text)
		default:
			t.Fatalf("a fence of %q", kind)
		}
		if i > 0 {
			made.WriteString("```")
		}
		made.WriteString(part)
	}
	if commands < 10 {
		t.Errorf("%d commands", commands)
	}
	if *update {
		if err := os.WriteFile(path, []byte(made.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), made.String()); diff != "" {
		t.Errorf("the page, and what is printed now (make it anew with -update):\n%s", diff)
	}
}

// story is the repository in which the page plays.
type story struct {
	testing.TB
	dir string
}

// run gives what a program prints; a command of the page may well fail.
func (s story) run(name string, args ...string) string {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), name, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil && name == "git" {
		s.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// write begins with a file that is already merged.
func (s story) write(text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "oncall.toml"), []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
	s.merge()
}

func (s story) merge() {
	s.Helper()
	s.run("git", "add", "oncall.toml")
	s.run("git", "-c", "user.name=alice", "-c", "user.email=alice@example.org", "commit", "--quiet", "--allow-empty", "--message", "Change who is on call")
}

// edits are the commands that write into the file, as the text names them.
var edits = regexp.MustCompile("`nezuban-oncall (join|swap) [^`]*`")

// friday is when the page plays.
var friday = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)

// apply changes the file by a patch; a command that is named must have written the same.
func (s story) apply(diff, edit string) {
	s.Helper()
	file := filepath.Join(s.dir, "oncall.toml")
	written := ""
	if edit != "" {
		var args []string // the shell takes the words apart
		for word := range strings.Lines(s.run("sh", "-c", "printf '%s\\n' "+strings.Trim(strings.TrimPrefix(edit, "`nezuban-oncall "), "`"))) {
			args = append(args, strings.Replace(strings.TrimSuffix(word, "\n"), "oncall.toml", file, 1))
		}
		var said strings.Builder
		if code := command.Run(args, command.World{Out: &said, Err: &said, Now: friday}); code != 0 {
			s.Fatalf("%v: exit code %d\n%s", args, code, said.String())
		}
		written = s.run("cat", "oncall.toml")
		s.run("git", "checkout", "--quiet", "oncall.toml")
	}
	defer func() {
		if now := s.run("cat", "oncall.toml"); edit != "" && written != now {
			s.Errorf("%s writes\n%s, the page has\n%s", edit, written, now)
		}
	}()
	patch := filepath.Join(s.TempDir(), "patch")
	if err := os.WriteFile(patch, []byte(diff), 0o644); err != nil {
		s.Fatal(err)
	}
	s.run("git", "apply", patch)
}

// console is a fence with its commands run again.
func (s story) console(text string) string {
	s.Helper()
	var out strings.Builder
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			out.WriteString(line + s.run("sh", "-c", command))
		}
	}
	return out.String()
}
