package guest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

func TestShellcheck(t *testing.T) {
	program := testenv.Command(t, "shellcheck", "shellcheck")
	if out, err := exec.CommandContext(t.Context(), program, "run.sh", "inside.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// guest is a command that stands for a machine: it notes what it is asked to run and what it is given, answers with a recording,
// and fails for the driver that is named in the file fail beside it.
const guest = `#!/bin/sh
cd "$(dirname "$0")"
echo "$3" >>asked
(cd "$1" && find . -type f | sort) >given
echo "of $3" >"$2/v2-$(echo "$3" | cut -d' ' -f3)-plain.txtar"
! grep -qxF "$(echo "$3" | cut -d' ' -f3)" fail
`

// Each driver has its turn, also when the first fails; what the machine gets is all that it needs; its recordings come back.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"guest": guest, "fail": "cgroupfs"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "bash", "run.sh", dir, filepath.Join(dir, "guest")).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "failed: cgroupfs\n") {
		t.Errorf("found %v, expected exit status 1 and the driver that failed\n%s", err, out)
	}
	read := func(name string) string { text, _ := os.ReadFile(filepath.Join(dir, name)); return string(text) }
	if want := "bash /in/inside.sh cgroupfs record\nbash /in/inside.sh systemd record\n"; read("asked") != want {
		t.Errorf("asked for %q, expected %q", read("asked"), want)
	}
	for _, file := range []string{"./inside.sh", "./built/agent", "./built/testload", "./built/record", "./repository/go.mod", "./repository/agent/internal/app/test", "./repository/agent/test"} {
		if !strings.Contains(read("given"), file+"\n") {
			t.Errorf("the machine gets no %s of\n%s", file, read("given"))
		}
	}
	for _, driver := range []string{"cgroupfs", "systemd"} {
		if read("v2-"+driver+"-plain.txtar") == "" {
			t.Errorf("the recording of %s has not come back", driver)
		}
	}
}

func TestUsage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "bash", "run.sh", "-").CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "run.sh RECORDINGS GUEST...") {
		t.Errorf("without a guest: %v\n%s", err, out)
	}
}

// A pattern that names no test would let a machine pass that was not looked at.
func TestInsideNamesTests(t *testing.T) {
	script, err := os.ReadFile("inside.sh")
	if err != nil {
		t.Fatal(err)
	}
	runs := regexp.MustCompile(`(?m)^run (\S+)(?: -test\.run '([^']+)')?$`).FindAllStringSubmatch(string(script), -1)
	if len(runs) < 3 {
		t.Errorf("found %d packages, expected host, agent and app at least", len(runs))
	}
	for _, run := range runs {
		names := testsOf(t, filepath.Join("..", "..", run[1]))
		for pattern := range strings.SplitSeq(run[2], "|") {
			if !strings.Contains(names, pattern) {
				t.Errorf("no test of %s has %q in its name", run[1], pattern)
			}
		}
	}
}

// testsOf is the names of all tests in a folder, a line each; there must be one.
func testsOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllStringSubmatch(string(text), -1) {
			names.WriteString(match[1] + "\n")
		}
	}
	if names.Len() == 0 {
		t.Errorf("found no test in %s", folder)
	}
	return names.String()
}
