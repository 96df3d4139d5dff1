// Package app is the agent put together: its configuration, the loop that
// samples, the loop that follows Docker, and their orderly end.
//
// The agent's main calls [LoadConfig] and [Run]; nothing else does. The package
// holds the agent's only clocks and sockets; what is decided is decided in the
// packages beside it.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"nezuban/agent/daemon"
	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/agent/influx/spool"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/cgroup/reference"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
	"nezuban/agent/internal/host"
	"nezuban/agent/internal/kernel"
)

// samples is what /readyz calls the rounds: an agent is ready as soon as it has sampled one, with or without Docker and its outputs.
const samples = "samples"

// errNoRound is what /readyz says before.
var errNoRound = errors.New("no round yet")

// spoolDir is where, in the state folder, what waits for the outputs is.
const spoolDir = "spool"

// Run watches this machine until ctx ends. It then says goodbye to every
// output, sends what still waits, and returns when all of its goroutines have
// ended. Neither Docker nor an output needs to be there, then or later.
func Run(ctx context.Context, d *daemon.Daemon, cfg Config) error {
	var listener net.Listener
	if cfg.Listen != "" {
		var err error
		var lc net.ListenConfig
		if listener, err = lc.Listen(ctx, "tcp", cfg.Listen); err != nil {
			return fmt.Errorf("listen for health and metrics: %w", err)
		}
	}
	d.Health.Set(samples, errNoRound)
	state, unlock := stateOf(cfg.StateDir, d.Log)
	defer unlock()
	options := writerOptions(d, cfg)
	var deadMan *deadman.Watch
	if cfg.DeadMan != nil {
		deadMan = deadman.New(*cfg.DeadMan, d, nil)
		options.Tried = deadMan.Tried
	}
	writer := influx.NewWriter(cfg.Outputs, options)
	table := docker.NewTable()
	s := newSampler(d, cfg, table, writer)
	defer s.close()

	// The writer ends last: it has the goodbye to send.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	written := make(chan error, 1)
	go func() { written <- d.Guard(func() error { return writer.Run(writing) })() }()

	watching, watchCtx := errgroup.WithContext(ctx)
	watching.Go(d.Guard(func() error { return s.run(watchCtx) }))
	if s.kills != nil {
		watching.Go(d.Guard(func() error { return s.kills.Run(watchCtx) }))
	}
	if cfg.DockerSocket != "" {
		watching.Go(d.Guard(func() error { return follow(watchCtx, d, cfg, state, table, s.last, writer) }))
	} else {
		d.Log.Info("containers are not followed: docker_socket is empty")
	}
	if deadMan != nil {
		watching.Go(d.Guard(func() error { return deadMan.Run(watchCtx) }))
	}
	if listener != nil {
		watching.Go(d.Guard(func() error { return daemon.Serve(watchCtx, listener, d.Handler()) }))
	}
	err := watching.Wait()
	if err == nil {
		writer.WriteNow(s.heartbeat(influx.StateGoodbye, 0, time.Now()))
	}
	stopWriting()
	return errors.Join(err, <-written)
}

// writerOptions say where lines wait for the outputs, and for how long.
func writerOptions(d *daemon.Daemon, cfg Config) influx.WriterOptions {
	options := influx.WriterOptions{Log: d.Log, Metrics: d.Metrics, SpoolBytes: cfg.SpoolBytes, SpoolAge: cfg.SpoolAge}
	if cfg.StateDir != "" {
		options.SpoolDir = filepath.Join(cfg.StateDir, spoolDir)
	}
	return options
}

// stateOf is where what was told of Docker is remembered. Two agents would take each other's word for their own: the second remembers nothing.
func stateOf(dir string, log *slog.Logger) (state string, unlock func()) {
	if dir == "" {
		return "", func() {}
	}
	err := os.MkdirAll(dir, 0o700)
	var lock *os.File
	if err == nil {
		lock, err = spool.Lock(dir)
	}
	if errors.Is(err, spool.ErrInUse) {
		log.Warn("another agent uses state_dir: what this one has told does not outlive it", "state_dir", dir)
		return "", func() {}
	}
	return dir, func() { _ = lock.Close() } // without a lock those who write there say what is wrong
}

// follow keeps to Docker until ctx ends; state is where it remembers.
func follow(ctx context.Context, d *daemon.Daemon, cfg Config, state string, table *docker.Table, last *lastSamples, writer pointWriter) error {
	client := docker.New(cfg.DockerSocket, cfg.Labels...)
	defer client.Close()
	seen := newMemory(state, time.Now(), writer.Sync, d.Log)
	told := newLedger(state, bootID(), seen.seenUntil(), d.Log)
	return newFollower(client, table, last, writer, cfg.Host, seen, told).run(ctx, &session{
		client: client, table: table, log: d.Log,
		trouble: daemon.NewCondition(d.Log, "docker"), seen: event.NewSeen(),
	})
}

// newSampler makes the sampler. A machine without cgroups still has a host to measure.
func newSampler(d *daemon.Daemon, cfg Config, table *docker.Table, writer pointWriter) *sampler {
	hierarchy, err := cgroup.Mounted()
	if err != nil {
		d.Log.Warn("no container can be sampled", "error", err)
	}
	files := kernel.NewFiles(openFiles())
	kills, err := cgroup.NewKills()
	if err != nil {
		d.Log.Warn("of a container's end for want of memory Docker alone tells", "error", err)
	}
	return &sampler{
		hostName: cfg.Host, interval: cfg.Interval, table: table, hierarchy: hierarchy,
		host:   host.New(cfg.Host, host.Options{Files: files, PerCore: cfg.CPUPerCore, Log: d.Log}),
		writer: writer, started: time.Now(), log: d.Log, late: time.NewTimer(diskPatience),
		hostTrouble:   daemon.NewCondition(d.Log, "host figures"),
		cgroupTrouble: daemon.NewCondition(d.Log, "cgroups"),
		killsTrouble:  daemon.NewCondition(d.Log, "kills for want of memory"),
		kills:         kills,
		open:          reference.Open,
		files:         files,
		last:          newLastSamples(),
		health:        d.Health,
		labels:        newLabels(cfg.Labels, d.Log),
		owners:        make(map[string]*owner), there: make(map[string]bool),
		containers: make(map[string]*watched),
		groups:     cgroup.NewGroups(cfg.Host, cfg.Cgroups, hierarchy, files, d.Log),
	}
}

// otherFiles is how many descriptors are left to sockets: of outputs, of Docker, of those who look.
const otherFiles = 256

// openFiles is how many of the kernel's files may be held open: what this process is allowed, less what else it needs.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return otherFiles
	}
	return filesWithin(limit.Cur)
}

// filesWithin is openFiles under a limit. A small one is halved.
func filesWithin(limit uint64) int {
	all := int(min(limit, 1<<20))
	return all - min(otherFiles, all/2)
}
