package app

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/checks/check"
	"nezuban/checks/internal/schedule"
)

// starts notes when each check was started.
type starts struct {
	mu      sync.Mutex
	times   map[string][]time.Time
	running int
	most    int // that ran at the same time
}

// probe stands for requests that take as long as the check's timeout.
func (s *starts) probe(ctx context.Context, c check.Check) {
	s.mu.Lock()
	s.times[c.Name] = append(s.times[c.Name], time.Now())
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(c.Timeout):
	}
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
}

// runLoop runs a loop in a bubble: steps, and then the stop.
func runLoop(t *testing.T, concurrency int, steps func(ctx context.Context, l *loop)) *starts {
	t.Helper()
	s := &starts{times: map[string][]time.Time{}}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		l := newLoop(Config{Location: "tokyo", Concurrency: concurrency}, newDaemon(io.Discard), s.probe)
		ended := make(chan error)
		go func() { ended <- l.run(ctx) }()
		steps(ctx, l)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLoopStarts wants every check exactly at its phase, also beside one that takes its whole interval.
func TestLoopStarts(t *testing.T) {
	var checks []check.Check
	for i := range 50 {
		c := check.Check{Name: fmt.Sprintf("c%d", i), Interval: 10 * time.Second, Timeout: time.Millisecond}
		if i%10 == 0 {
			c.Timeout = c.Interval - 1
		}
		checks = append(checks, c)
	}
	s := runLoop(t, 50, func(ctx context.Context, l *loop) {
		l.set(ctx, checks)
		time.Sleep(time.Minute)
	})
	for _, c := range checks {
		times := s.times[c.Name]
		if len(times) != 6 {
			t.Errorf("%s started %d times in a minute, expected 6", c.Name, len(times))
		}
		phase := schedule.Phase(c.Name, "tokyo", c.Interval)
		for _, at := range times {
			if got := time.Duration(at.UnixNano()) % c.Interval; got != phase {
				t.Errorf("%s started at %s of its interval, expected %s", c.Name, got, phase)
			}
		}
	}
}

func TestLoopBoundsWhatRuns(t *testing.T) {
	var checks []check.Check
	for i := range 20 {
		checks = append(checks, check.Check{Name: fmt.Sprintf("c%d", i), Interval: time.Second, Timeout: time.Second})
	}
	s := runLoop(t, 5, func(ctx context.Context, l *loop) {
		l.set(ctx, checks)
		time.Sleep(time.Minute)
	})
	if s.most != 5 {
		t.Errorf("%d requests at the same time, limit 5", s.most)
	}
	for _, c := range checks {
		if len(s.times[c.Name]) == 0 {
			t.Errorf("%s never had its turn", c.Name)
		}
	}
}

func TestLoopReloadKeepsPhases(t *testing.T) {
	kept := check.Check{Name: "kept", Interval: 10 * time.Second, Timeout: time.Second}
	gone := check.Check{Name: "gone", Interval: 10 * time.Second, Timeout: time.Second}
	s := runLoop(t, 5, func(ctx context.Context, l *loop) {
		l.set(ctx, []check.Check{kept, gone})
		time.Sleep(10 * time.Second)
		for range 10 { // as often as anybody could save a file
			l.set(ctx, []check.Check{kept})
			time.Sleep(3 * time.Second)
		}
	})
	times := s.times["kept"]
	if len(times) != 4 {
		t.Fatalf("started %d times in 40s, expected 4", len(times))
	}
	for i := 1; i < len(times); i++ {
		if d := times[i].Sub(times[i-1]); d != kept.Interval {
			t.Errorf("%s between two starts", d)
		}
	}
	if n := len(s.times["gone"]); n != 1 {
		t.Errorf("the removed check started %d times, expected once", n)
	}
}

func TestLoopPanicEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(Config{Location: "tokyo", Concurrency: 1}, newDaemon(io.Discard), func(context.Context, check.Check) { panic("bug") })
		ended := make(chan error)
		go func() { ended <- l.run(t.Context()) }()
		l.set(t.Context(), []check.Check{{Name: "a", Interval: time.Second, Timeout: time.Second}})
		if err := <-ended; err == nil || err.Error() != "panic: bug" {
			t.Errorf("found %v", err)
		}
	})
}
