package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// tree is a folder that looks to watch like a built repository.
type tree struct {
	dir   string
	env   []string // with ports that are free
	ports ports    // those
}

func newTree(t *testing.T) *tree {
	t.Helper()
	testenv.InfluxdPath(t)
	repo, dir := testenv.Repo(t), t.TempDir()
	if err := os.Symlink(filepath.Join(repo, ".tools"), filepath.Join(dir, ".tools")); err != nil {
		t.Fatal(err)
	}
	for pkg, name := range map[string]string{
		"./agent": "nezuban-agent", "./checks": "nezuban-checks", "./router": "nezuban-router",
		"./packaging/watch": "watch", "./packaging/demo": "demo", "./packaging/testload": "testload",
	} {
		path := filepath.Join(dir, "bin", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(testenv.Build(t, pkg), path); err != nil {
			t.Fatal(err)
		}
	}
	env, free := freePorts(t)
	return &tree{dir: dir, env: append(os.Environ(), env...), ports: free}
}

// freePorts moves all ports to free ones, below the range that
// testenv.FreeAddress takes its own from.
func freePorts(t *testing.T) (env []string, free ports) {
	t.Helper()
	for range 100 {
		base := 5000 + rand.IntN(4990)
		s, err := settingsFrom(func(name string) string {
			if !strings.HasSuffix(name, "_PORT") {
				return ""
			}
			base++
			env = append(env, fmt.Sprintf("%s=%d", name, base))
			return strconv.Itoa(base)
		})
		if err == nil && s.Ports.free(t.Context()) == nil {
			return env, s.Ports
		}
		env = nil
	}
	t.Fatal("found no free ports")
	return nil, free
}

func (tr *tree) command(t *testing.T) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "bin/watch")
	cmd.Dir, cmd.Env = tr.dir, tr.env
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// watch starts `bin/watch` with its output in out and returns once all runs.
func (tr *tree) watch(t *testing.T, out *output) *exec.Cmd {
	t.Helper()
	cmd := tr.command(t)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(90 * time.Second); !strings.Contains(out.String(), "watching this machine"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) || strings.Contains(out.String(), "watch: ") {
			t.Fatalf("the watch is not up:\n%s", out.String())
		}
	}
	return cmd
}

// processes are the ids of processes started from this tree.
func (tr *tree) processes(t *testing.T) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && bytes.Contains(text, []byte(tr.dir)) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestWatch runs the whole of `make run`.
func TestWatch(t *testing.T) {
	tr := newTree(t)
	t.Run("what it prints, a second one, Ctrl-C", tr.interrupted)
	t.Run("killed where it cannot clean up", tr.killed)
	t.Run("a daemon dies", tr.daemonDies)
}

func (tr *tree) interrupted(t *testing.T) {
	var out output
	first := tr.watch(t, &out)
	for _, part := range []string{"sign in: http://127.0.0.1:", "\non call: "} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("it does not print %q:\n%s", part, out.String())
		}
	}
	if n := len(tr.processes(t)); n != 7 { // influxdb, router, web server, three locations, agent
		t.Errorf("%d processes run, want 7", n)
	}

	refused, err := tr.command(t).CombinedOutput()
	if err == nil || !strings.Contains(string(refused), "runs here already") {
		t.Errorf("a second watch: %v\n%s", err, refused)
	}

	demo := exec.CommandContext(t.Context(), filepath.Join(tr.dir, "bin/demo"), "error")
	demo.Env = tr.env
	if said, err := demo.CombinedOutput(); err != nil {
		t.Errorf("the demonstration incident: %v\n%s", err, said)
	}
	await(t, "its page", func() bool { return strings.Contains(out.String(), "\nPAGE ") })

	if err := first.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, out.String())
	}
	if pids := tr.processes(t); len(pids) > 0 {
		t.Errorf("after Ctrl-C processes %v are left", pids)
	}
}

func (tr *tree) killed(t *testing.T) {
	var out output
	watch := tr.watch(t, &out)
	if err := watch.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = watch.Wait() // it was killed
	// The kernel takes a process's command line away before it closes its sockets.
	await(t, "the daemons to end with it", func() bool { return len(tr.processes(t)) == 0 && tr.ports.free(t.Context()) == nil })
}

func (tr *tree) daemonDies(t *testing.T) {
	var out output
	watch := tr.watch(t, &out)
	for _, pid := range tr.processes(t) {
		if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.Contains(text, []byte("nezuban-router")) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := watch.Wait(); err == nil {
		t.Error("it ends with success")
	}
	if !strings.Contains(out.String(), "router ended by itself (signal: killed)") {
		t.Errorf("it does not name the router:\n%s", out.String())
	}
	if pids := tr.processes(t); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
}
