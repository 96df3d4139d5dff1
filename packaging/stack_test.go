package packaging

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// binaries is the folder of the programs under test, built once for all tests.
var binaries string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "nezuban-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder left in the temporary one harms nobody
	for _, name := range []string{"agent", "checks", "router", "oncall"} {
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", filepath.Join(dir, "nezuban-"+name), "nezuban/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build", name, err)
			return 1
		}
	}
	binaries = dir
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go machine.Watch(ctx)
	return m.Run()
}

// stack is a whole Nezuban of built programs on loopback, in a folder of its own.
type stack struct {
	t      *testing.T
	dir    string
	addr   string // of the router
	router *process
}

// The rotation of the tests: alice is on call, bob is the second step.
const oncallText = `zone = "UTC"
[people]
alice = { page = ["terminal"] }
bob   = { page = ["terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "10m" }, { page = "bob", wait = "10m" }]
fallback = "bob"
[[route]]
policy = "standard"
`

const rulesText = `
[[rule]]
id = "container-died"
kind = "container_died"

[[rule]]
id = "agent-gone"
kind = "absence"
measurement = "nezuban_agent"
after = "5s"
`

// apart keeps the deaths of one host apart, of which a router makes one page else.
const apart = "[[group]]\nid = \"apart\"\nkinds = [\"container_died\"]\nwithin = \"0s\"\n"

// newStack writes a router's files and starts it; more is added to its configuration.
func newStack(t *testing.T, oncall, more string) *stack {
	t.Helper()
	s := prepareStack(t, oncall, more)
	s.startRouter()
	return s
}

// prepareStack writes a router's files.
func prepareStack(t *testing.T, oncall, more string) *stack {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir(), addr: testenv.FreeAddress(t)}
	s.write("oncall.toml", oncall, 0o644)
	s.write("contacts.toml", "[alice]\npagerduty = \"PALICE\"\nsms = \"+4915110000001\"\ncall = \"+4915110000001\"\n[bob]\npagerduty = \"PBOB\"\nsms = \"+4915110000002\"\n", 0o600)
	s.write("router.toml", fmt.Sprintf("listen = %q\n%s\n[ingest]\nopen_on_loopback = true\n", s.addr, more)+rulesText, 0o644)
	return s
}

func (s *stack) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) path(name string) string { return filepath.Join(s.dir, name) }

// startRouter starts the router on the files that are there, and waits until it answers.
func (s *stack) startRouter() {
	s.t.Helper()
	s.router = start(s.t, "nezuban-router", "run", "-config", s.path("router.toml"))
	s.awaitReady("http://" + s.addr + "/readyz")
}

// startAgent starts an agent that writes to the router, and to more outputs, and waits until it follows Docker: what happens before that is
// nothing that it tells.
func (s *stack) startAgent(host, more string) *process {
	s.t.Helper()
	socket := testenv.Docker(s.t)
	listen := testenv.FreeAddress(s.t)
	s.write("agent.toml", fmt.Sprintf(`host = %q
interval = "1s"
docker_socket = %q
state_dir = "state-agent"
listen = %q
[[output]]
name = "router"
url = "http://%s"
bucket = "nezuban"
%s`, host, socket, listen, s.addr, more), 0o644)
	p := start(s.t, "nezuban-agent", "run", "-config", s.path("agent.toml"))
	s.awaitReady("http://" + listen + "/readyz")
	eventually(s.t, 30*time.Second, "the agent follows Docker", func() bool { return strings.Contains(p.logged(), "following docker") })
	return p
}

// awaitReady polls until a URL answers 200.
func (s *stack) awaitReady(url string) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, "ready at "+url, func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// command runs one of the programs to its end and returns what it printed.
func (s *stack) command(name string, args ...string) string {
	s.t.Helper()
	out, err := s.try(name, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// try is the same where the program may end with an error.
func (s *stack) try(name string, args ...string) (string, error) {
	out, err := exec.CommandContext(s.t.Context(), program(name), args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %q: %w\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// post sends line protocol to the router and returns the status and body of its answer.
func (s *stack) post(lines string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.addr+"/api/v2/write?bucket=nezuban", strings.NewReader(lines))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// sent waits until the router has stored that so many messages are sent, which a provider that has taken one, or a terminal that
// shows it, does not say.
func (s *stack) sent(n int) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, fmt.Sprintf("%d messages are stored as sent", n), func() bool {
		return strings.Count(s.command("nezuban-router", "state", "dump", "-config="+s.path("router.toml")), `"status":"sent"`) >= n
	})
}

// incidents decodes the open incidents as `nezuban-router incidents -json` prints them.
func (s *stack) incidents(into any) {
	s.t.Helper()
	if err := s.askIncidents(into); err != nil {
		s.t.Fatal(err)
	}
}

// askIncidents is the same of a router that may not answer now.
func (s *stack) askIncidents(into any) error {
	text, err := s.try("nezuban-router", "incidents", "-json", "-config="+s.path("router.toml"))
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte("["+strings.ReplaceAll(text, "\n", ",")+"]"), into)
}

// metric is one of the router's figures; 0 when it has none of this name yet.
func (s *stack) metric(name string) float64 {
	s.t.Helper()
	resp, err := http.Get("http://" + s.addr + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
		if text, ok := strings.CutPrefix(scan.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return value
		}
	}
	return 0
}

// process is a running program whose standard output is kept line by line.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu    sync.Mutex
	lines []string
	log   strings.Builder
	more  chan struct{} // closed and replaced at each line
}

// program is one of the programs under test, or the one of that path.
func program(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(binaries, name)
}

// start starts a program; it is stopped, and its log shown if the test failed, when the test ends.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program(name), args...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = &lockedWriter{p}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			p.add(scan.Text())
		}
		_ = p.cmd.Wait() // how it ended is in its log
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s printed:\n%s\nand logged:\n%s", name, strings.Join(p.output(), "\n"), p.log.String())
		}
	})
	return p
}

type lockedWriter struct{ p *process }

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.p.log.Write(b)
}

// logged is what it has written to its log so far.
func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	close(p.more)
	p.more = make(chan struct{})
}

func (p *process) output() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// stop asks the process to end and waits for it.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Errorf("%s did not end within 20 s of SIGTERM", p.cmd.Path)
		p.kill()
	}
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// await returns the first line, of those after the first `skip`, that matches. The machine must have run for so long before it gives up.
func (p *process) await(t *testing.T, within time.Duration, skip int, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	wait := newPatience(within)
	for ended := false; ; {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for _, line := range lines[min(skip, len(lines)):] {
			if re.MatchString(line) {
				return line
			}
		}
		if ended {
			t.Fatalf("the process ended before it printed %s", pattern)
		}
		if wait.over() {
			t.Fatalf("no line %s within %s; printed so far:\n%s", pattern, within, strings.Join(lines, "\n"))
		}
		select {
		case <-more:
		case <-p.done:
			ended = true // what it printed last is looked at once more
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// matching lists the lines that match.
func (p *process) matching(pattern string) []string {
	re := regexp.MustCompile(pattern)
	var found []string
	for _, line := range p.output() {
		if re.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// eventually polls until cond holds. The machine must have run for so long before it gives up.
func eventually(t *testing.T, within time.Duration, what string, cond func() bool) {
	t.Helper()
	for wait := newPatience(within); !cond(); time.Sleep(20 * time.Millisecond) {
		if wait.over() {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// docker runs the docker command and returns what it printed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// containerName is a name that no other test has; whatever bears it at the end is removed.
func containerName(t *testing.T, part string) string {
	t.Helper()
	var raw [4]byte
	_, _ = rand.Read(raw[:])
	name := "nz-e2e-" + part + "-" + hex.EncodeToString(raw[:])
	t.Cleanup(func() {
		_ = exec.CommandContext(context.Background(), "docker", "rm", "-f", name).Run() // it may be gone already
	})
	return name
}

// run starts a container under a name, with further options, that does what command says.
func run(t *testing.T, name string, options []string, command ...string) {
	t.Helper()
	args := append([]string{"run", "-d", "--pull=never", "--network=none", "--name", name}, options...)
	docker(t, append(append(args, testenv.DockerImage(t)), command...)...)
}

// report tells the router of a container's death, and says whether it was taken. The router may be dead.
func (s *stack) report(name string) bool {
	body := strings.NewReader(event(name, "die", time.Now(), ",exit_code=7i,requested=false"))
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.addr+"/api/v2/write?bucket=nezuban", body)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}
