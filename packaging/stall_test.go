package packaging

import (
	"context"
	"testing"
	"time"

	"nezuban/packaging/testenv/stall"
)

// machine is for how long this machine stands still while the tests run.
var machine stall.Record

// running is how much of the time between two the machine ran; it says so when it did not always.
func running(t *testing.T, from, to time.Time) time.Duration {
	t.Helper()
	still := machine.Within(from, to)
	if still > 0 {
		t.Logf("the machine stood still for %s of %s", still.Round(time.Millisecond), to.Sub(from).Round(time.Millisecond))
	}
	return to.Sub(from) - still
}

// patience is for how long something is awaited, by how much of the time the machine ran: while it stood still nothing could come.
type patience struct {
	from   time.Time
	within time.Duration
}

func newPatience(within time.Duration) patience { return patience{time.Now(), within} }

// over says that it has been awaited for long enough.
func (p patience) over() bool {
	now := time.Now()
	return now.Sub(p.from) > p.within && machine.Ran(p.from, now) > p.within
}

// patiently is a context that ends when something has been awaited for long enough.
func patiently(t *testing.T, within time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for wait := newPatience(within); !wait.over(); {
			select {
			case <-ctx.Done():
				return
			case <-time.After(stall.Tick):
			}
		}
	}()
	return ctx, cancel
}
