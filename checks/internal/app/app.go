package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"nezuban/agent/daemon"
	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/checks/internal/probe"
)

// Run watches from one location until ctx ends. On the way out the requests under way are dropped, because they would
// only tell of our own stop; the outputs hear goodbye, and get some seconds to take what still waits.
func Run(ctx context.Context, cfg Config, d *daemon.Daemon) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	options := influx.WriterOptions{Log: d.Log, Metrics: d.Metrics}
	var deadMan *deadman.Watch
	if cfg.DeadMan != nil {
		deadMan = deadman.New(*cfg.DeadMan, d, nil)
		options.Tried = deadMan.Tried
	}
	out := influx.NewWriter(cfg.Outputs, options)
	report := newReporter(cfg.Location, out, d.Metrics, time.Now())

	// The writer outlives the rest, so that the last words go out.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	var writer errgroup.Group
	writer.Go(d.Guard(func() error {
		defer stop() // without a writer there is no point in the rest
		return out.Run(writing)
	}))

	err := watch(ctx, cfg, d, report, deadMan)
	if err == nil {
		report.goodbye(time.Now())
	}
	stopWriting()
	return errors.Join(err, writer.Wait())
}

// watch runs all but the writer until ctx ends or one part fails.
func watch(ctx context.Context, cfg Config, d *daemon.Daemon, report *reporter, deadMan *deadman.Watch) error {
	agent := "nezuban-checks/" + daemon.Version()
	prober := probe.New(probe.Options{Location: cfg.Location, UserAgent: agent, Now: time.Now})
	checks := newLoop(cfg, d, func(ctx context.Context, c check.Check) {
		result, err := prober.Probe(ctx, c)
		if err != nil {
			return // cut short by our own stop: it says nothing
		}
		report.result(result)
	})

	group, ctx := errgroup.WithContext(ctx)
	follow := newFollower(cfg, d, agent, func(in []check.Check) {
		report.keep(in)
		checks.set(ctx, in)
	})
	if cfg.Listen != "" {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
		if err != nil {
			return fmt.Errorf("serve health: %w", err)
		}
		group.Go(d.Guard(func() error { return daemon.Serve(ctx, ln, d.Handler()) }))
	}
	if deadMan != nil {
		group.Go(d.Guard(func() error { return deadMan.Run(ctx) }))
	}
	group.Go(d.Guard(func() error { return checks.run(ctx) }))
	group.Go(d.Guard(func() error { return follow.run(ctx) }))
	group.Go(d.Guard(func() error { return heartbeat(ctx, cfg.Heartbeat, report) }))
	return group.Wait()
}

// heartbeat says at once, and then at each interval, that this location is up, until ctx ends.
func heartbeat(ctx context.Context, interval time.Duration, report *reporter) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		report.beat(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
