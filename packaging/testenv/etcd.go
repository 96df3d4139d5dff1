package testenv

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// EtcdCluster is a cluster of real etcd processes on loopback, which a test may kill.
type EtcdCluster struct {
	Endpoints []string // clients' URLs, one a member

	tb      testing.TB
	program string
	scheme  string
	more    []string
	dir     string
	peers   []string
	running []*exec.Cmd
}

// Etcd starts a cluster of so many members. More are further flags of packaging/testetcd, such as -root-password; with
// -cert among them clients speak TLS. The cluster ends with the test.
func Etcd(tb testing.TB, members int, more ...string) *EtcdCluster {
	tb.Helper()
	c := &EtcdCluster{tb: tb, program: Build(tb, "./packaging/testetcd"), scheme: "http", more: more, dir: tb.TempDir(), running: make([]*exec.Cmd, members)}
	for _, flag := range more {
		if flag == "-cert" {
			c.scheme = "https"
		}
	}
	for range members {
		c.Endpoints = append(c.Endpoints, c.scheme+"://"+FreeAddress(tb))
		c.peers = append(c.peers, "http://"+FreeAddress(tb))
	}
	ready := make([]<-chan bool, members)
	for i := range members {
		ready[i] = c.launch(i)
	}
	for i := range members {
		c.await(i, ready[i])
	}
	return c
}

// Start starts a member that was killed, on its own data, and returns when it answers.
func (c *EtcdCluster) Start(i int) {
	c.tb.Helper()
	c.await(i, c.launch(i))
}

// Kill kills a member as a crash would.
func (c *EtcdCluster) Kill(i int) {
	c.tb.Helper()
	if c.running[i] == nil {
		return
	}
	_ = c.running[i].Process.Kill() // it may have ended by itself
	_ = c.running[i].Wait()         // "signal: killed"
	c.running[i] = nil
}

// Pause stops a member without ending it: its connections stay open and nothing answers on them. Resume lets it go on.
func (c *EtcdCluster) Pause(i int) { c.signal(i, syscall.SIGSTOP) }

// Resume ends a [EtcdCluster.Pause].
func (c *EtcdCluster) Resume(i int) { c.signal(i, syscall.SIGCONT) }

func (c *EtcdCluster) signal(i int, s syscall.Signal) {
	c.tb.Helper()
	if err := c.running[i].Process.Signal(s); err != nil {
		c.tb.Fatal(err)
	}
}

// launch starts a member; the channel says whether it came to answer.
func (c *EtcdCluster) launch(i int) <-chan bool {
	c.tb.Helper()
	var all []string
	for j, peer := range c.peers {
		all = append(all, fmt.Sprintf("m%d=%s", j, peer))
	}
	name := fmt.Sprintf("m%d", i)
	args := []string{"-name", name, "-dir", filepath.Join(c.dir, name), "-client", c.Endpoints[i], "-peer", c.peers[i], "-cluster", strings.Join(all, ",")}
	cmd := exec.Command(c.program, append(args, c.more...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.tb.Fatal(err)
	}
	c.running[i] = cmd
	c.tb.Cleanup(func() {
		if c.running[i] == cmd {
			c.Kill(i)
		}
		if c.tb.Failed() && errs.Len() > 0 {
			c.tb.Logf("%s: %s", name, &errs)
		}
	})
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		ready <- lines.Scan() && lines.Text() == "ready"
	}()
	return ready
}

func (c *EtcdCluster) await(i int, ready <-chan bool) {
	c.tb.Helper()
	if !<-ready {
		c.tb.Fatalf("etcd member %d has ended before it answered", i)
	}
}
