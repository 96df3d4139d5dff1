package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// config writes agent.toml where all users can read it, and beside it a
// Docker socket that only this one can open.
func config(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "docker.sock")
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "agent.toml")
	text := fmt.Sprintf("host = \"h1\"\ninterval = \"1s\"\nlisten = \"\"\ndocker_socket = %q\n[[output]]\nname = \"there\"\nurl = %q\n", socket, url)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandLine(t *testing.T) {
	good := config(t, "http://127.0.0.1:8086")
	bad := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(bad, []byte("interval = \"1h\"\nloglevel = \"info\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	noDocker := filepath.Join(t.TempDir(), "no-docker.toml")
	if err := os.WriteFile(noDocker, []byte("docker_socket = \"\"\n[[output]]\nname = \"there\"\nurl = \"http://127.0.0.1:8086\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // parts of them
	}{
		{"nothing", nil, 2, "", "usage:"},
		{"unknown", []string{"walk"}, 2, "", `command "walk" is not known`},
		{"version", []string{"version"}, 0, "\n", ""},
		{"help", []string{"help"}, 0, "usage:", ""},
		{"unknown flag", []string{"run", "-x"}, 2, "", "flag provided but not defined: -x"},
		{"argument", []string{"check-config", "agent.toml"}, 2, "", `argument "agent.toml" is not understood`},
		{"good", []string{"check-config", "-config", good}, 0, good + " is good", ""},
		{"bad", []string{"check-config", "-config", bad}, 1, "", bad + ":2: loglevel:"},
		{"run with a bad one", []string{"run", "-config", bad}, 1, "", bad + ":1: interval: found \"1h0m0s\""},
		{"verify with a bad one", []string{"verify", "-config", bad, "web"}, 1, "", bad + ":1: interval:"},
		{"verify without Docker", []string{"verify", "-config", noDocker}, 1, "", "docker_socket is empty"},
		{"docker-proxy without a socket", []string{"docker-proxy"}, 1, "", ""}, // the log says why
		{"docker-proxy with an argument", []string{"docker-proxy", "web"}, 2, "", `argument "web" is not understood`},
		{"docker-proxy with blanks", []string{"docker-proxy", "-labels", "a, b"}, 2, "", `-labels: found "a, b", expected keys with commas`},
		{"docker-proxy with the agent's file", []string{"docker-proxy", "-config", good}, 2, "", "flag provided but not defined: -config"},
		{"missing", []string{"check-config", "-config", bad + "x"}, 1, "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(tt.args, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, expected %d", code, tt.code)
			}
			if !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stdout %q, stderr %q; expected %q, %q", &stdout, &stderr, tt.stdout, tt.stderr)
			}
		})
	}
}

// Whoever runs verify in a script hears of a difference by the exit code.
func TestExitCodeOfVerify(t *testing.T) {
	for _, tt := range []struct {
		name   string
		agree  bool
		err    error
		code   int
		stderr string
	}{
		{"all agree", true, nil, 0, ""},
		{"one differs", false, nil, 1, ""},
		{"nobody knows", false, errors.New("verify: Docker is away"), 1, "verify: Docker is away\n"},
		{"nobody knows of the last", true, errors.New("verify: Docker is away"), 1, "verify: Docker is away\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := verdict(tt.agree, tt.err, &stderr); code != tt.code || stderr.String() != tt.stderr {
				t.Errorf("found %d, %q, expected %d, %q", code, &stderr, tt.code, tt.stderr)
			}
		})
	}
}

// The packaged agent's user may not open Docker's socket: the agent says so
// once, watches the host and its cgroups, and says goodbye on SIGTERM.
func TestRunAsUserWithoutDocker(t *testing.T) {
	testenv.Root(t)
	var mu sync.Mutex
	var lines strings.Builder
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		lines.Write(body)
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	received := func() string {
		mu.Lock()
		defer mu.Unlock()
		return lines.String()
	}

	path := config(t, server.URL)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("cgroups = [\"*\", \"*/*\"]\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(path), "agent")
	if err := os.Rename(testenv.Build(t, "./agent"), program); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "run", "-config", path)
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want := []string{"nezuban_cgroup,", "cpu,", "mem,", "disk,"}
	deadline := time.Now().Add(20 * time.Second)
	for !all(received(), want) && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	if got := received(); !all(got, append(want, `state="goodbye"`)) {
		t.Errorf("received\n%s\nexpected %q and a goodbye", got, want)
	}
	if n := strings.Count(log.String(), "permission denied"); n != 1 || strings.Contains(log.String(), "with=cgroups") {
		t.Errorf("the log says permission denied %d times, expected once, and of no other trouble:\n%s", n, &log)
	}
}

func all(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// The proxy answers on the socket that systemd hands over, or on one of its own, and ends with SIGTERM.
func TestDockerProxy(t *testing.T) {
	program, engine := testenv.Build(t, "./agent"), testenv.Docker(t)
	for _, inherited := range []bool{false, true} {
		t.Run(fmt.Sprintf("inherited %v", inherited), func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "proxy.sock")
			cmd := exec.CommandContext(t.Context(), program, "docker-proxy", "-docker", engine, "-listen", socket)
			if inherited { // LISTEN_PID is the process's own
				cmd = exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" docker-proxy -docker "$1"`, program, engine)
				var lc net.ListenConfig
				ln, err := lc.Listen(t.Context(), "unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				file, err := ln.(*net.UnixListener).File()
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				ln.(*net.UnixListener).SetUnlinkOnClose(false)
				ln.Close()
				cmd.ExtraFiles = []*os.File{file}
			}
			var log bytes.Buffer
			cmd.Stderr = &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			}}}
			ask := func(method, path string) (int, string) {
				req, err := http.NewRequestWithContext(t.Context(), method, "http://docker"+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				res, err := client.Do(req)
				if err != nil {
					return 0, err.Error()
				}
				defer res.Body.Close()
				body, _ := io.ReadAll(res.Body)
				return res.StatusCode, string(body)
			}
			status, text := ask(http.MethodGet, "/_ping")
			for end := time.Now().Add(20 * time.Second); status != http.StatusOK && time.Now().Before(end); status, text = ask(http.MethodGet, "/_ping") {
				time.Sleep(20 * time.Millisecond)
			}
			if status != http.StatusOK || text != "OK" {
				t.Errorf("ping: %d %s\n%s", status, text, &log)
			}
			if status, text := ask(http.MethodPost, "/containers/create"); status != http.StatusForbidden {
				t.Errorf("create: %d %s", status, text)
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v\n%s", err, &log)
			}
		})
	}
}

// An agent that is killed while its output is away loses nothing that it had measured: the next one sends it.
func TestWhatWaitsOutlivesAKill(t *testing.T) {
	program := testenv.Build(t, "./agent")
	var mu sync.Mutex
	beats := map[string]int{} // heartbeats by their line, each with its time
	address := testenv.FreeAddress(t)
	serve := func(answer http.HandlerFunc) *httptest.Server {
		var lc net.ListenConfig
		ln, err := lc.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: answer}}
		server.Start()
		t.Cleanup(server.Close)
		return server
	}
	away := serve(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	take := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		for line := range strings.Lines(string(body)) {
			if strings.HasPrefix(line, "nezuban_agent,") {
				beats[line]++
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}
	path := config(t, away.URL)
	state := filepath.Join(filepath.Dir(path), "state")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte(fmt.Sprintf("state_dir = %q\n", state)), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, "run", "-config", path)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	written := func() (lines int) {
		segments, _ := filepath.Glob(filepath.Join(state, "spool", "there", "samples", "*.seg"))
		for _, segment := range segments {
			data, _ := os.ReadFile(segment)
			lines += bytes.Count(data, []byte("nezuban_agent,"))
		}
		return lines
	}
	first := start()
	const rounds = 3
	for end := time.Now().Add(30 * time.Second); written() < rounds; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d heartbeats are on disk, expected %d", written(), rounds)
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	before := written()
	away.Close() // and with it all that the first has sent
	serve(take)
	second := start()
	count := func() (lines int, most int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range beats {
			most = max(most, n)
		}
		return len(beats), most
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if n, _ := count(); n > before {
			break
		}
		if time.Now().After(end) {
			n, _ := count()
			t.Fatalf("%d heartbeats arrived, expected the %d of before and one more", n, before)
		}
	}
	if _, most := count(); most != 1 {
		t.Errorf("one heartbeat arrived %d times", most)
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil { // which cuts off what is being sent: that comes again
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Error(err)
	}
}
