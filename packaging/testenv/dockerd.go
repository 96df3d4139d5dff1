package testenv

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/loadimage"
)

// DockerEngine is a Docker engine of the test's own, which it may stop and kill. It has no network but that of the host and none.
type DockerEngine struct {
	Socket string // its path

	tb      testing.TB
	program string
	dir     string
	log     *os.File
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended
}

// Dockerd starts an engine with its data in a folder of its own, beside one that may run already. It ends with the test, and its
// containers with it.
func Dockerd(tb testing.TB) *DockerEngine {
	tb.Helper()
	Root(tb)
	program := Command(tb, "dockerd", "docker.io")
	dir, err := os.MkdirTemp("", "nz-dockerd-") //nolint:usetesting // TempDir is long, and paths of sockets are bounded
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		tb.Fatal(err)
	}
	e := &DockerEngine{Socket: filepath.Join(dir, "docker.sock"), tb: tb, program: program, dir: dir, log: log}
	tb.Cleanup(e.remove)
	e.Start()
	return e
}

// Start starts the engine on its own data, and returns when it answers.
func (e *DockerEngine) Start() {
	e.tb.Helper()
	e.cmd = exec.Command(e.program, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--host", "unix://"+e.Socket, "--config-file", filepath.Join(e.dir, "none.json"),
		"--bridge", "none", "--iptables=false", "--ip6tables=false",
		"--containerd-namespace", filepath.Base(e.dir), "--containerd-plugins-namespace", filepath.Base(e.dir)+"-plugins")
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	// Without a bridge an engine takes away the one of the engine beside it: hence a network namespace of its own.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET}
	if err := os.WriteFile(filepath.Join(e.dir, "none.json"), []byte("{}"), 0o600); err != nil {
		e.tb.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		e.tb.Fatal(err)
	}
	cmd, ended := e.cmd, make(chan struct{})
	e.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for loadimage.Ping(ctx, e.Socket) != nil {
		select {
		case <-ended:
			e.tb.Fatalf("dockerd ended while it started:\n%s", e.logged())
		case <-ctx.Done():
			e.tb.Fatalf("dockerd does not answer:\n%s", e.logged())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the engine in order: it ends its containers first.
func (e *DockerEngine) Stop() { e.end(syscall.SIGTERM) }

// Kill ends the engine as a crash would: its containers go on, until it starts again.
func (e *DockerEngine) Kill() { e.end(syscall.SIGKILL) }

func (e *DockerEngine) end(sig syscall.Signal) {
	e.tb.Helper()
	_ = e.cmd.Process.Signal(sig) // it may have ended already
	select {
	case <-e.ended:
	case <-time.After(time.Minute):
		_ = e.cmd.Process.Kill()
		<-e.ended
		e.tb.Errorf("dockerd did not end within a minute of %v:\n%s", sig, e.logged())
	}
	// A pid file that is left names nobody, or by and by somebody else.
	_ = os.Remove(filepath.Join(e.dir, "pid"))
	e.awaitContainerd()
}

// awaitContainerd waits until the engine's containerd has ended too: the next engine would take one that is ending for its own.
func (e *DockerEngine) awaitContainerd() {
	e.tb.Helper()
	text, err := os.ReadFile(filepath.Join(e.dir, "exec", "containerd", "containerd.pid"))
	if err != nil {
		return // it has taken the file with it
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return
	}
	for end := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			e.tb.Fatalf("containerd (pid %d) goes on without its engine", pid)
		}
	}
}

// Client speaks to the engine; its URLs have any host.
func (e *DockerEngine) Client() *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", e.Socket)
		},
	}}
}

// Image makes the image of package testload in the engine, and returns its name.
func (e *DockerEngine) Image() string {
	e.tb.Helper()
	ctx, cancel := context.WithTimeout(e.tb.Context(), 2*time.Minute)
	defer cancel()
	image, err := loadimage.Make(ctx, Repo(e.tb), e.Socket)
	if err != nil {
		e.tb.Fatal(err)
	}
	return image
}

func (e *DockerEngine) logged() string {
	text, err := os.ReadFile(e.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-16<<10):])
}

// remove ends the engine with its containers, and takes away its folder. What survived a kill it finds when it starts again.
func (e *DockerEngine) remove() {
	if e.cmd != nil {
		select {
		case <-e.ended:
			e.Start()
		default:
		}
		e.Stop()
	}
	if e.tb.Failed() {
		e.tb.Logf("dockerd's log ends with:\n%s", e.logged())
	}
	_ = e.log.Close()
	for err := error(nil); err == nil; { // an engine that was killed leaves its own folder mounted, once each time
		err = syscall.Unmount(filepath.Join(e.dir, "data"), syscall.MNT_DETACH)
	}
	if err := os.RemoveAll(e.dir); err != nil {
		e.tb.Errorf("the engine's folder is left: %v", err)
	}
}
