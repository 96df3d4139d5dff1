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
	mu  sync.Mutex
	all []stall
	due time.Time // of the next tick: who looks may run again sooner than who notes
}

type stall struct{ from, to time.Time }

var machine stalls

const (
	stallTick  = 20 * time.Millisecond
	stallLeast = 50 * time.Millisecond // by which a tick is late before it counts
)

// watch looks how late its own ticks come until ctx ends.
func (s *stalls) watch(ctx context.Context) {
	for {
		s.tick(time.Now())
		timer := time.NewTimer(stallTick)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// tick notes for how long the machine stood still before now, and when it is to tick again.
func (s *stalls) tick(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.due.IsZero() && now.Sub(s.due) >= stallLeast {
		s.all = append(s.all, stall{s.due, now})
	}
	s.due = now.Add(stallTick)
}

// within is for how long the machine stood still between two times.
func (s *stalls) within(from, to time.Time) (still time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		still += max(earlier(to, one.to).Sub(later(from, one.from)), 0)
	}
	if !s.due.IsZero() && to.Sub(s.due) >= stallLeast { // not noted yet
		still += max(to.Sub(later(from, s.due)), 0)
	}
	return still
}

// ran is how much of the time between two the machine ran.
func (s *stalls) ran(from, to time.Time) time.Duration { return to.Sub(from) - s.within(from, to) }

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

func TestStalls(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	s := stalls{all: []stall{{at(100), at(300)}, {at(500), at(600)}}, due: at(900)}
	for _, row := range []struct{ from, to, want int }{
		{0, 50, 0}, {0, 100, 0}, {0, 900, 300}, {0, 1000, 400}, {200, 550, 150}, {120, 180, 60}, {300, 500, 0}, {600, 700, 0}, {700, 940, 0}, {700, 950, 50}, {920, 1000, 80},
	} {
		if got := s.within(at(row.from), at(row.to)); got != time.Duration(row.want)*time.Millisecond {
			t.Errorf("between %d and %d: found %s, want %d ms", row.from, row.to, got, row.want)
		}
	}
}
