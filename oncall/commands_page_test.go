package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/oncall/internal/command"
)

// shownCommands are the archives behind the commands that docs/oncall-commands.md shows, in its order. The first line of one is
// the time; base.toml is what oncall.toml is on the branch main of the repository's origin.
var shownCommands = []string{"next", "why", "missing", "shifts", "diff", "past", "notice", "fairness", "simulate", "join", "apply"}

// TestCommandsPage runs each command that docs/oncall-commands.md shows, and compares what is printed.
func TestCommandsPage(t *testing.T) {
	path, err := filepath.Abs(filepath.Join("..", "docs", "oncall-commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Abs(filepath.Join("testdata", "page"))
	if err != nil {
		t.Fatal(err)
	}
	var made strings.Builder
	shown := 0
	fenced, ours := false, false
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			ours = fenced && line == "```console\n"
		}
		text, isCommand := strings.CutPrefix(line, "$ nezuban-oncall ")
		switch {
		case ours && isCommand:
			if shown == len(shownCommands) {
				t.Fatalf("%q has no archive", text)
			}
			made.WriteString(line + printed(t, filepath.Join(archives, shownCommands[shown]+".txtar"), text))
			shown++
		case !ours || strings.HasPrefix(line, "```"):
			made.WriteString(line)
		}
	}
	if shown != len(shownCommands) {
		t.Errorf("%d commands, %d archives", shown, len(shownCommands))
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

// printed is what one command prints in a folder of its own.
func printed(t *testing.T, archive, line string) string {
	t.Helper()
	files, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	now, err := time.Parse(time.RFC3339, strings.TrimSpace(string(files.Comment)))
	if err != nil {
		t.Fatal(err)
	}
	s := story{TB: t, dir: t.TempDir()}
	for _, f := range files.Files {
		if f.Name == "base.toml" {
			s.run("git", "init", "--quiet", "--initial-branch=main")
			s.write(string(f.Data))
			s.run("git", "update-ref", "refs/remotes/origin/main", "HEAD")
			continue
		}
		if err := os.WriteFile(filepath.Join(s.dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	router := httptest.NewServer(&playedRouter{})
	defer router.Close()
	line = strings.Replace(line, "https://nezuban.example.org", router.URL, 1)

	t.Chdir(s.dir)
	var args []string // the shell takes the words apart
	for word := range strings.Lines(s.run("sh", "-c", "printf '%s\\n' "+line)) {
		args = append(args, strings.TrimSuffix(word, "\n"))
	}
	var out bytes.Buffer
	command.Run(args, command.World{Out: &out, Err: &out, Now: now, Env: func(string) string { return "" }})
	return out.String()
}
