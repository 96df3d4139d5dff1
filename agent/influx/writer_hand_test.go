package influx

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		h := newHand()
		start := time.Now()
		expect := func(what string, got, want outcome, at time.Duration) {
			t.Helper()
			if took := time.Since(start); got != want || took != at {
				t.Errorf("%s: found outcome %d after %s, expected %d after %s", what, got, took, want, at)
			}
		}
		expect("a quick job", h.do(patience, func() {}, nil), jobDone, 0)
		expect("a slow one", h.do(patience, func() { time.Sleep(patience / 2) }, nil), jobDone, patience/2)

		release, afterwards := make(chan struct{}), false
		expect("one without end", h.do(patience, func() { <-release }, func() { afterwards = true }), jobLate, patience*3/2)
		expect("one behind it", h.do(patience, func() { t.Error("began") }, nil), jobRefused, patience*3/2)
		expect("a patient one behind it", h.do(3*patience, func() { t.Error("began") }, nil), jobRefused, patience*7/2)
		close(release)
		synctest.Wait()
		if !afterwards {
			t.Error("expected to hear that the late job ended")
		}
		expect("the next one", h.do(patience, func() {}, nil), jobDone, patience*7/2)
	})
}

// Two that wait for the same stalled job wait no longer than that job may take.
func TestHandOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		h, release, first := newHand(), make(chan struct{}), make(chan outcome, 1)
		go func() { first <- h.do(patience, func() { <-release }, nil) }()
		time.Sleep(patience * 9 / 10)
		start := time.Now()
		if got := h.do(patience, func() {}, nil); got != jobRefused || time.Since(start) != patience/10 {
			t.Errorf("found outcome %d after %s", got, time.Since(start))
		}
		if got := <-first; got != jobLate {
			t.Errorf("found outcome %d of the first", got)
		}
		close(release)
	})
}
