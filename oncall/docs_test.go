package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the commands of docs/oncall-pull-request.md print into the page")

// TestPullRequestPage runs what docs/oncall-pull-request.md shows, from its top to its end, and compares what is printed.
//
// A fence of toml is the rotation file as it is on the branch main. One of diff is a change of it, applied after all
// before it have been merged. In one of console a line that begins with "$ " is a command, and what follows its output.
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
	for i, part := range strings.Split(string(page), "```") {
		kind, text, _ := strings.Cut(part, "\n")
		switch {
		case i%2 == 0:
		case kind == "toml":
			story.write(text)
		case kind == "diff":
			story.merge()
			story.apply(text)
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

func (s story) apply(diff string) {
	s.Helper()
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
