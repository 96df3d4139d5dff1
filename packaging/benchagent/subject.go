package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"nezuban/packaging/profile"
)

// subject is a program under measurement.
type subject struct {
	name    string
	program string
	args    []string // of a loop or the manager, but for the interval
	agent   bool
	away    bool // the agent's output does not answer: nothing is sent, or compressed
	gzip    bool
}

// subjects are all that are measured, the least first.
func (b *bench) subjects() []*subject {
	var pids []string
	for _, c := range b.docker.made {
		pids = append(pids, strconv.Itoa(c.pid))
	}
	return []*subject{
		{name: bareLoop, program: "bareloop", args: []string{"-files", filepath.Join(b.dir, "files")}},
		{name: agentLines, program: agentProgram, agent: true, away: true},
		{name: agentSent, program: agentProgram, agent: true},
		{name: agentGzip, program: agentProgram, agent: true, gzip: true},
		{name: "cAdvisor's handler", program: "handler", args: []string{"-pids", strings.Join(pids, ",")}},
		{name: "cAdvisor's manager", program: "manager"},
	}
}

// agentProgram is the file of the agent.
const agentProgram = "nezuban-agent"

// running is a subject that was started. Its samples are counted by those who get them: by the program itself, or, of the agent,
// by the database.
type running struct {
	*subject
	cmd    *exec.Cmd
	done   chan struct{}
	log    string
	influx string // the database's URL, that of a router of ours or not
	host   string // the agent's name, another one each time
	output string // where its output is
	pprof  string // its socket for profiles

	questions io.WriteCloser // of a loop or the manager
	answers   *bufio.Reader
}

// start starts a subject that samples at an interval.
func (b *bench) start(ctx context.Context, s *subject, interval time.Duration) (*running, error) {
	b.started++
	r := &running{subject: s, done: make(chan struct{}), influx: b.influx, host: fmt.Sprintf("bench-%d", b.started)}
	dir := filepath.Join(b.dir, r.host)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	args := append([]string{"-interval", interval.String()}, s.args...)
	if s.agent {
		if err := r.configure(ctx, dir, interval); err != nil {
			return nil, err
		}
		args = []string{"run", "-config", filepath.Join(dir, "agent.toml")}
	}
	r.log = filepath.Join(dir, "log")
	log, err := os.Create(r.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.CommandContext(ctx, filepath.Join(b.programs, s.program), args...)
	r.cmd.Stderr = log
	r.pprof = filepath.Join(dir, "pprof.sock")
	r.cmd.Env = append(os.Environ(), profile.Env+"="+r.pprof)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var answers io.ReadCloser
	if !s.agent {
		if r.questions, err = r.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		if answers, err = r.cmd.StdoutPipe(); err != nil {
			return nil, err
		}
		r.answers = bufio.NewReader(answers)
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() { defer close(r.done); _ = r.cmd.Wait() }() // how it ended is in its log
	return r, nil
}

// configure writes the agent's file: as its users have it, with one output. When that is away, nothing is kept on disk either.
func (r *running) configure(ctx context.Context, dir string, interval time.Duration) error {
	r.output = r.influx
	state := fmt.Sprintf("state_dir = %q\n", filepath.Join(dir, "state"))
	if r.away {
		address, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		r.output, state = "http://"+address, ""
	}
	text := fmt.Sprintf("host = %q\ninterval = %q\nlisten = \"\"\nlog_level = \"warn\"\n%s[[output]]\nname = \"influxdb\"\nurl = %q\nbucket = %q\ngzip = %t\n",
		r.host, interval, state, r.output, database, r.gzip)
	return os.WriteFile(filepath.Join(dir, "agent.toml"), []byte(text), 0o600)
}

// database is what the agent writes to.
const database = "bench"

// samples counts those of containers from begin to before end. The agent is stopped for it: it sends what still waits then.
func (r *running) samples(ctx context.Context, begin, end time.Time) (int, error) {
	if !r.agent {
		return r.ask(begin, end)
	}
	if r.away {
		return r.unsent(ctx, begin, end)
	}
	r.stop()
	return r.stored(ctx, begin, end)
}

// ask asks the program itself.
func (r *running) ask(begin, end time.Time) (n int, err error) {
	if _, err = fmt.Fprintln(r.questions, begin.UnixNano(), end.UnixNano()); err == nil {
		_, err = fmt.Fscanln(r.answers, &n)
	}
	return n, err
}

// unsent takes what waits for an output that was away, where it was expected, and counts it.
func (r *running) unsent(ctx context.Context, begin, end time.Time) (int, error) {
	to, err := url.Parse(r.output)
	if err != nil {
		return 0, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", to.Host)
	if err != nil {
		return 0, err
	}
	var count atomic.Int64
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		lines, err := io.ReadAll(req.Body)
		if err != nil {
			return // the agent has gone away
		}
		count.Add(int64(samplesIn(lines, begin, end)))
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = server.Serve(ln) }() // ends with Close
	r.stop()
	return int(count.Load()), server.Close()
}

// samplesIn counts the lines of containers' CPU time from begin to before end.
func samplesIn(lines []byte, begin, end time.Time) (n int) {
	for line := range bytes.Lines(lines) {
		text := string(bytes.TrimSpace(line))
		at, err := strconv.ParseInt(text[strings.LastIndexByte(text, ' ')+1:], 10, 64)
		if err == nil && strings.HasPrefix(text, "docker_container_cpu,") && begin.UnixNano() <= at && at < end.UnixNano() {
			n++
		}
	}
	return n
}

// stored asks the database.
func (r *running) stored(ctx context.Context, begin, end time.Time) (int, error) {
	query := fmt.Sprintf(`SELECT count(usage_total) FROM docker_container_cpu WHERE host = '%s' AND time >= %d AND time < %d`,
		r.host, begin.UnixNano(), end.UnixNano())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.influx+"/query?epoch=ns&db="+database+"&q="+url.QueryEscape(query), nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Results []struct {
			Series []struct{ Values [][]json.Number }
			Error  string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if len(answer.Results) != 1 || len(answer.Results[0].Series) != 1 || len(answer.Results[0].Series[0].Values) != 1 {
		return 0, fmt.Errorf("the database has no sample of %s: %+v", r.host, answer)
	}
	count, err := answer.Results[0].Series[0].Values[0][1].Int64()
	return int(count), err
}

// stop ends the program and waits for it. It may have ended before.
func (r *running) stop() {
	if r.questions != nil {
		_ = r.questions.Close() // at which it ends
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
}

// explain adds what the program has logged, once it has ended. An error of our own end needs none.
func (r *running) explain(ctx context.Context, err error) error {
	r.stop()
	if err == nil || ctx.Err() != nil {
		return err
	}
	said, readErr := os.ReadFile(r.log)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return fmt.Errorf("%s: %w; it says:\n%.2000s", r.name, err, said)
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
