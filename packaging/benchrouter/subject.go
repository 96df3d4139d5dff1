package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// subject is a program under measurement, and the files it runs on.
type subject struct {
	name  string
	dir   string
	host  string // where it takes alerts
	ready string // URL that answers 200 when it does
	path  string
	args  []string
	env   []string

	cmd  *exec.Cmd
	done chan struct{}
}

// secret signs Nezuban's webhooks; the receiver does not verify them.
const secret = "whsec_S0VFUC1JVC1TRUNSRVQta2VlcC1pdC1zZWNyZXQ="

const oncallText = `zone = "UTC"
[people]
alice = { page = ["webhook"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "12h" }]
fallback = "alice"
[[route]]
policy = "standard"
`

// newRouter writes the files of a Nezuban router with embedded etcd that pages the receiver.
func newRouter(ctx context.Context, path, dir string, to *receiver) (*subject, error) {
	host, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &subject{name: "nezuban", dir: dir, host: host, ready: "http://" + host + "/readyz", path: path, args: []string{"run", "-config", filepath.Join(dir, "router.toml")}}
	return s, s.write(map[string]string{
		"router.toml":   fmt.Sprintf("listen = %q\nlog_level = \"error\"\n[ingest]\nopen_on_loopback = true\n[webhook]\nsecret_files = [\"secret\"]\npages_per_minute = 100000\n[[group]]\nid = \"pairs\"\nrules = [\"alert-received\"]\nby = [\"bench_pair\"]\n[[rule]]\nid = \"container-died\"\nkind = \"container_died\"\n", host),
		"oncall.toml":   oncallText,
		"contacts.toml": fmt.Sprintf("[alice]\nwebhook = %q\n", to.url),
		"secret":        secret + "\n",
	})
}

// Routes of Alertmanagers: one that tells of criticals alone, at once and each by itself, as the router does, and the
// defaults.
const (
	routeAtOnce   = `{receiver: nobody, group_by: [alertname], routes: [{matchers: ['severity="critical"'], receiver: bench, group_by: ['...'], group_wait: 0s}]}`
	routeDefaults = `{receiver: bench, group_by: [alertname]}`
)

// newAlertmanager writes the files of an Alertmanager.
func newAlertmanager(ctx context.Context, name, path, dir, route string, to *receiver) (*subject, error) {
	host, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &subject{name: name, dir: dir, host: host, ready: "http://" + host + "/-/ready", path: path, args: []string{
		"--config.file=" + filepath.Join(dir, "alertmanager.yml"), "--storage.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + host, "--cluster.listen-address=", "--log.level=error",
	}}
	return s, s.write(map[string]string{
		"alertmanager.yml": fmt.Sprintf("route: %s\nreceivers: [{name: bench, webhook_configs: [{url: %q}]}, {name: nobody}]\n", route, to.url),
	})
}

func (s *subject) write(files map[string]string) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start starts the program and returns once it is ready, with how long that took.
func (s *subject) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	s.cmd, s.done = exec.CommandContext(ctx, s.path, s.args...), make(chan struct{})
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = s.dir, log, log, append(os.Environ(), s.env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() { defer close(s.done); _ = s.cmd.Wait() }() // how it ended is in its log
	if err := ready(ctx, s.ready, s.done); err != nil {
		said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return 0, fmt.Errorf("start %s: %w; it says:\n%.2000s", s.name, err, said)
	}
	return time.Since(began), nil
}

// stop ends the program and waits for it.
func (s *subject) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// cpu is the processor time that the program has used so far.
func (s *subject) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field after it, in 1/100 s.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// rss is the memory that the program holds, in MiB, and how much of it is its own, not pages of files.
func (s *subject) rss() (all, own float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "RssAnon" {
			continue
		}
		kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
		if err != nil {
			return 0, 0, err
		}
		if name == "VmRSS" {
			all = kib / 1024
		} else {
			own = kib / 1024
		}
	}
	return all, own, nil
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
