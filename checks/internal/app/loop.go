package app

import (
	"context"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sync/errgroup"

	"nezuban/agent/daemon"
	"nezuban/checks/check"
	"nezuban/checks/internal/schedule"
)

// loop starts each check when it is due. The plan is its own; others reach it through channels.
type loop struct {
	plan    *schedule.Plan
	probe   func(ctx context.Context, c check.Check) // makes a request and reports it; c.Timeout bounds it
	guard   func(f func() error) func() error        // of the daemon, around each goroutine
	changes chan []check.Check
	done    chan string // names of the checks whose requests have ended
	late    *metrics.Histogram
}

func newLoop(cfg Config, d *daemon.Daemon, probe func(context.Context, check.Check)) *loop {
	return &loop{
		plan:    schedule.NewPlan(cfg.Location, cfg.Concurrency),
		probe:   probe,
		guard:   d.Guard,
		changes: make(chan []check.Check),
		done:    make(chan string, cfg.Concurrency), // one for each request under way: they never wait for the loop
		late:    d.Metrics.GetOrCreateHistogram("nezuban_checks_late_seconds"),
	}
}

// set puts checks in force. It returns when the loop has them, or when ctx has ended.
func (l *loop) set(ctx context.Context, checks []check.Check) {
	select {
	case l.changes <- checks:
	case <-ctx.Done():
	}
}

// run starts checks until ctx ends, waits for those under way, which end with ctx, and returns nil.
func (l *loop) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.startDue(ctx, group)
		if at, ok := l.plan.Wake(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return group.Wait()
		case <-timer.C:
		case checks := <-l.changes:
			l.plan.Set(checks, time.Now())
		case name := <-l.done:
			l.plan.Done(name, time.Now())
		}
	}
}

// startDue starts a request for each check that is due; from here a check goes on in probe.Prober.Probe.
func (l *loop) startDue(ctx context.Context, group *errgroup.Group) {
	for _, start := range l.plan.Due(time.Now()) {
		l.late.Update(start.Late.Seconds())
		group.Go(l.guard(func() error {
			l.probe(ctx, start.Check)
			l.done <- start.Check.Name
			return nil
		}))
	}
}
