package packaging

import (
	"context"
	"sync"
	"testing"
	"time"
)

// stalls are the times in which this machine let nothing here run, though it was to. A bound that a program promises is about the
// program, and not about what else the machine has to do: what it was kept waiting is taken off.
type stalls struct {
	mu   sync.Mutex
	all  []stall
	seen time.Time // up to when it is known; what comes later may be in a tick that is late still
}

type stall struct{ from, to time.Time }

var machine stalls

const (
	stallTick  = 20 * time.Millisecond
	stallLeast = 50 * time.Millisecond // by which a tick is late before it counts
)

// watch looks how late its own ticks come until ctx ends.
func (s *stalls) watch(ctx context.Context) {
	for now := time.Now(); ; {
		due := now.Add(stallTick)
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		now = time.Now()
		s.mu.Lock()
		if s.seen = now; now.Sub(due) >= stallLeast {
			s.all = append(s.all, stall{due, now})
		}
		s.mu.Unlock()
	}
}

// within is for how long the machine stood still between two times. It returns when that is known: after a standstill others may run
// before the tick that was late.
func (s *stalls) within(from, to time.Time) (still time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.seen.Before(to) {
		s.mu.Unlock()
		time.Sleep(stallTick / 4)
		s.mu.Lock()
	}
	for _, one := range s.all {
		still += max(earlier(to, one.to).Sub(later(from, one.from)), 0)
	}
	return still
}

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

// running is how much of the time between two the machine ran; it says so when it did not always.
func running(t *testing.T, from, to time.Time) time.Duration {
	t.Helper()
	still := machine.within(from, to)
	if still > 0 {
		t.Logf("the machine stood still for %s of %s", still.Round(time.Millisecond), to.Sub(from).Round(time.Millisecond))
	}
	return to.Sub(from) - still
}

// ran is how much of the time between two the machine ran.
func (s *stalls) ran(from, to time.Time) time.Duration { return to.Sub(from) - s.within(from, to) }

// patience is for how long something is awaited, by how much of the time the machine ran: while it stood still nothing could come.
type patience struct {
	from   time.Time
	within time.Duration
}

func newPatience(within time.Duration) patience { return patience{time.Now(), within} }

// over says that it has been awaited for long enough.
func (p patience) over() bool {
	now := time.Now()
	return now.Sub(p.from) > p.within && machine.ran(p.from, now) > p.within
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
			case <-time.After(stallTick):
			}
		}
	}()
	return ctx, cancel
}

func TestStalls(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	s := stalls{all: []stall{{at(100), at(300)}, {at(500), at(600)}}, seen: at(1000)}
	for _, row := range []struct{ from, to, want int }{
		{0, 50, 0}, {0, 100, 0}, {0, 1000, 300}, {200, 550, 150}, {120, 180, 60}, {300, 500, 0}, {600, 700, 0},
	} {
		if got := s.within(at(row.from), at(row.to)); got != time.Duration(row.want)*time.Millisecond {
			t.Errorf("between %d and %d: found %s, want %d ms", row.from, row.to, got, row.want)
		}
	}
}

// A standstill counts although somebody asks for it before the tick that it has made late.
func TestAStallIsKnownWhenItIsAskedFor(t *testing.T) {
	from, to := time.UnixMilli(100), time.UnixMilli(300)
	s := stalls{seen: from}
	go func() {
		time.Sleep(2 * stallTick)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all, s.seen = []stall{{from, to}}, to
	}()
	if got := s.within(from, to); got != to.Sub(from) {
		t.Errorf("found %s, want %s", got, to.Sub(from))
	}
}
