package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end after TERM.
const stopGrace = 10 * time.Second

// spec says how to start one process and when it counts as started.
type spec struct {
	name     string
	path     string
	args     []string
	ready    string            // URL that answers 2xx once it is ready; "" waits for nothing
	show     func(line string) // gets each line of its standard output; may be nil
	optional bool              // its death is told and the rest goes on, during the start too
	vital    bool              // without it there is no watch: its death ends everything
}

// process is a started spec.
type process struct {
	spec
	cmd  *exec.Cmd
	log  *lineLog
	done chan struct{} // closed once it has been waited for
}

// start starts the process in a group of its own, so that Ctrl-C reaches only
// us and we can stop all in order. It dies with us, however we die. The log of
// the run before is kept beside it as NAME.log.1.
func start(s spec, logDir string) (*process, error) {
	path := filepath.Join(logDir, s.name+".log")
	_ = os.Rename(path, path+".1") // absent at the first run
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	p := &process{spec: s, log: &lineLog{file: file}, done: make(chan struct{})}
	p.cmd = exec.CommandContext(context.Background(), s.path, s.args...) // we stop it, in order
	p.cmd.Stdout = &lineWriter{log: p.log, show: s.show}
	p.cmd.Stderr = &lineWriter{log: p.log}
	p.cmd.WaitDelay = time.Second // a grandchild may hold the pipes
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		file.Close()
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended stands in ProcessState
		file.Close()
		close(p.done)
	}()
	return p, nil
}

// stop ends the process and whatever it started, by TERM and after grace by
// KILL, and returns when it is gone.
func (p *process) stop(grace time.Duration) {
	group := -p.cmd.Process.Pid
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(group, syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // what outlived its parent, or TERM
	<-p.done
}

// death is the error that names a process that ended by itself.
func (p *process) death() error {
	return fmt.Errorf("%s ended by itself (%s); its last lines, from %s:\n%s",
		p.name, p.cmd.ProcessState, p.log.file.Name(), p.log.tail())
}

// lineLog writes lines to a file and remembers the last ones.
type lineLog struct {
	mu   sync.Mutex
	file *os.File
	last []string
}

const tailLines = 12

func (l *lineLog) write(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.file, line)
	if len(l.last) == tailLines {
		l.last = l.last[1:]
	}
	l.last = append(l.last, "  "+line)
}

func (l *lineLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}

// lineWriter cuts a stream into lines. One goroutine writes to it.
type lineWriter struct {
	log  *lineLog
	show func(string)
	part []byte
}

// Write never fails: a full disk must not stop a daemon by its log.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.part = append(w.part, b...)
	for {
		line, rest, found := bytes.Cut(w.part, []byte("\n"))
		if !found {
			return len(b), nil
		}
		w.log.write(string(line))
		if w.show != nil {
			w.show(string(line))
		}
		w.part = rest
	}
}
