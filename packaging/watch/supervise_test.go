package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// sh is a tiny process; its script writes what the test looks for.
func sh(name, script string) spec {
	return spec{name: name, path: "/bin/sh", args: []string{"-c", script}}
}

// output collects what reaches the terminal, and makes a file once that holds a text.
type output struct {
	text, file string // none: ""

	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.buf.Write(p)
	if o.file != "" && strings.Contains(o.buf.String(), o.text) {
		err = errors.Join(err, os.WriteFile(o.file, nil, 0o600))
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// await polls until done, at most ten seconds.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited ten seconds for %s", what)
		}
	}
}

func alive(pid int) bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(state), ") Z ")
}

// pidIn reads a pid that a script wrote; 0 while there is none.
func pidIn(path string) int {
	text, _ := os.ReadFile(path)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func vital(s spec) spec {
	s.vital = true
	return s
}

func TestSupervise(t *testing.T) {
	told := filepath.Join(t.TempDir(), "told") // made when what a row prints is printed
	fourWhenTold := "while ! [ -e " + told + " ]; do sleep 0.02; done; exit 4"
	rows := []struct {
		name    string
		specs   []spec
		want    []string // parts of the error; none means nil
		printed string
	}{
		{
			name:  "the death of a vital one is named with its last lines and ends everything",
			specs: []spec{sh("one", "exec sleep 60"), vital(sh("two", "echo the reason >&2; exit 3"))},
			want:  []string{"two ended by itself (exit status 3)", "two.log", "the reason", "stopping everything"},
		},
		{
			name:  "an unknown program",
			specs: []spec{sh("one", "exec sleep 60"), {name: "two", path: "/no/such/program"}},
			want:  []string{"start two", "/no/such/program"},
		},
		{
			name: "a death before it was ready",
			specs: []spec{{
				name: "one", path: "/bin/sh", args: []string{"-c", "echo no config >&2; exit 1"}, ready: "http://127.0.0.1:1/",
			}},
			want: []string{"one ended by itself (exit status 1)", "no config"},
		},
		{
			name: "an optional one may end",
			specs: []spec{
				{name: "demo", path: "/bin/sh", args: []string{"-c", "exit 0"}, optional: true},
				vital(sh("two", fourWhenTold)),
			},
			want:    []string{"two ended by itself (exit status 4)"},
			printed: "demo ended (exit status 0)",
		},
		{
			name:    "the death of any other is named, and the rest goes on",
			specs:   []spec{sh("influxdb", "echo the disk is full >&2; exit 1"), vital(sh("router", fourWhenTold))},
			want:    []string{"router ended by itself (exit status 4)"},
			printed: "the disk is full",
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var out output
			if row.printed != "" {
				out.text, out.file = row.printed, told
				t.Cleanup(func() { _ = os.Remove(told) }) // it is not there when nothing was printed
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := supervise(ctx, row.specs, filepath.Join(t.TempDir(), "log"), &out, func() {})
			if err == nil {
				t.Fatal("supervise returned nil")
			}
			for _, part := range row.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error does not say %q: %v", part, err)
				}
			}
			if !strings.Contains(out.String(), row.printed) {
				t.Errorf("printed %q, want %q", out.String(), row.printed)
			}
		})
	}
}

// A stop ends the processes in reverse order, and with each what it started.
func TestSuperviseStopsInOrderAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ended := filepath.Join(dir, "ended")
	script := func(name string) string {
		return fmt.Sprintf(`trap 'echo %[1]s >>%[2]s; exit 0' TERM
			sleep 1000 & echo $! >%[3]s/%[1]s.child; echo $$ >%[3]s/%[1]s.pid; wait`, name, ended, dir)
	}
	names := []string{"influxdb", "router", "agent"}
	var specs []spec
	for _, name := range names {
		specs = append(specs, sh(name, script(name)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error)
	var out output
	go func() { result <- supervise(ctx, specs, filepath.Join(dir, "log"), &out, func() {}) }()
	var pids []int
	for _, name := range names {
		for _, kind := range []string{".child", ".pid"} {
			await(t, name+kind, func() bool { return pidIn(filepath.Join(dir, name+kind)) != 0 })
			pids = append(pids, pidIn(filepath.Join(dir, name+kind)))
		}
	}
	cancel()
	if err := <-result; err != nil {
		t.Errorf("supervise: %v", err)
	}
	order, _ := os.ReadFile(ended)
	if got, want := string(order), "agent\nrouter\ninfluxdb\n"; got != want {
		t.Errorf("ended in the order %q, want %q", got, want)
	}
	for _, pid := range pids {
		await(t, fmt.Sprintf("process %d to be gone", pid), func() bool { return !alive(pid) })
	}
}

func TestSuperviseWaitsUntilReadyAndShowsLines(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var out output
	router := sh("router", "echo 'PAGE alice'; echo 'not a page' >&2; exec sleep 1000")
	router.ready = srv.URL
	router.show = func(line string) { fmt.Fprintln(&out, line) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := func() {
		if asked < 3 {
			t.Errorf("started after %d answers, before it was ready", asked)
		}
		await(t, "the page", func() bool { return out.String() == "PAGE alice\n" })
		cancel()
	}
	if err := supervise(ctx, []spec{router}, t.TempDir(), io.Discard, started); err != nil {
		t.Fatal(err)
	}
}

func TestLogKeepsTheRunBefore(t *testing.T) {
	dir := t.TempDir()
	for _, word := range []string{"first", "second"} {
		p, err := start(sh("x", "echo "+word), dir)
		if err != nil {
			t.Fatal(err)
		}
		<-p.done
		p.stop(stopGrace)
	}
	for name, want := range map[string]string{"x.log": "second\n", "x.log.1": "first\n"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

func TestStopKillsTheDeaf(t *testing.T) {
	dir := t.TempDir()
	p, err := start(sh("deaf", "trap '' TERM; echo up; while :; do sleep 1; done"), dir)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the trap", func() bool {
		log, _ := os.ReadFile(filepath.Join(dir, "deaf.log"))
		return string(log) == "up\n"
	})
	p.stop(200 * time.Millisecond)
	if sys, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || sys.Signal() != syscall.SIGKILL {
		t.Errorf("ended by %v, want KILL", p.cmd.ProcessState)
	}
	await(t, "its group to be gone", func() bool {
		return errors.Is(syscall.Kill(-p.cmd.Process.Pid, 0), syscall.ESRCH)
	})
}
