// Package stall tells tests for how long this machine let nothing here run, though it was to. A bound that a program promises is about the
// program, and not about what else the machine has to do: what it was kept waiting is taken off.
package stall

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Record is of the times in which the machine stood still. Its zero value knows nothing before [Record.Watch] runs. It is safe for
// concurrent use.
type Record struct {
	mu   sync.Mutex
	all  []stall
	seen time.Time // up to when it is known; what comes later may be in a tick that is late still
}

type stall struct{ from, to time.Time }

const (
	// Tick is how often it is looked at.
	Tick = 20 * time.Millisecond

	least = 50 * time.Millisecond // by which a tick is late before it counts
)

// Watch is a record that begins now, of one test.
func Watch(tb testing.TB) *Record {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	r := &Record{}
	go r.Watch(ctx)
	return r
}

// Watch looks how late its own ticks come until ctx ends.
func (r *Record) Watch(ctx context.Context) {
	for now := time.Now(); ; {
		due := now.Add(Tick)
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		now = time.Now()
		r.mu.Lock()
		if r.seen = now; now.Sub(due) >= least {
			r.all = append(r.all, stall{due, now})
		}
		r.mu.Unlock()
	}
}

// Within is for how long the machine stood still between two times, the later of which has come. It returns when that is known, and only
// while somebody watches: after a standstill others may run before the tick that was late.
func (r *Record) Within(from, to time.Time) (still time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.seen.Before(to) {
		r.mu.Unlock()
		time.Sleep(Tick / 4)
		r.mu.Lock()
	}
	for _, one := range r.all {
		still += max(earlier(to, one.to).Sub(later(from, one.from)), 0)
	}
	return still
}

// Ran is how much of the time between two the machine ran.
func (r *Record) Ran(from, to time.Time) time.Duration { return to.Sub(from) - r.Within(from, to) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
