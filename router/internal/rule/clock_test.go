package rule_test

import (
	"testing"
	"time"

	"nezuban/agent/influx"
)

// A time in which nobody listened makes nobody absent: the clock was put forward, the machine slept, or nothing could be
// stored.
func TestAfterAGapEverySenderHasAGrace(t *testing.T) {
	w := newWorld(t, absenceRule, "")
	w.observe(heartbeat("h1", influx.StateUp, w.now))
	w.wait(time.Second)
	w.now = w.now.Add(time.Hour)
	w.wait(time.Minute)
	w.expect()
	w.observe(heartbeat("h1", influx.StateUp, w.now))
	w.wait(2 * time.Minute)
	w.expect()
	w.wait(2 * time.Second)
	w.expect(goneFiring)
}

// What tells of the gap may be a sample, and one that was sent before.
func TestAfterAGapASampleThatIsSentAgainMakesNobodyAbsent(t *testing.T) {
	w := newWorld(t, absenceRule, "")
	before := heartbeat("h1", influx.StateUp, w.now)
	w.observe(before)
	w.wait(time.Second)
	w.now = w.now.Add(time.Hour)
	w.observe(before)
	w.expect()
	w.wait(2 * time.Minute)
	w.expect()
}

// The clock was an hour ahead when the router died. What it waits for comes no later for that.
func TestAfterARestartAClockThatWasAheadDelaysNothing(t *testing.T) {
	const ahead = time.Hour
	t.Run("a container that is not running again", func(t *testing.T) {
		w := newWorld(t, containerRules, "")
		w.observe(happened(t, "start policy=always", w.now), happened(t, "die exit=1 policy=always", w.now.Add(time.Second)))
		w.now = w.now.Add(-ahead)
		w.restart()
		w.wait(11 * time.Second)
		w.expect(diedPage)
	})
	t.Run("a threshold that is over", func(t *testing.T) {
		w := newWorld(t, memRule, "")
		w.observe(mem("h1", "web", 95, w.now))
		w.expect(memFiring)
		w.now = w.now.Add(-ahead)
		w.restart()
		w.wait(2 * time.Minute)
		w.observe(mem("h1", "web", 20, w.now))
		w.wait(time.Second)
		w.expect(memResolved)
	})
	t.Run("an absence that is over", func(t *testing.T) {
		w := newWorld(t, absenceRule, "")
		w.observe(heartbeat("h1", influx.StateUp, w.now))
		w.wait(3 * time.Minute)
		w.expect(goneFiring)
		w.now = w.now.Add(-ahead)
		w.restart()
		w.wait(time.Second)
		w.observe(heartbeat("h1", influx.StateUp, w.now))
		w.expect(goneResolved)
	})
	t.Run("a check that is up again", func(t *testing.T) {
		w := newWorld(t, "", oneLocation)
		w.observe(probe("shop", "tokyo", false, w.now))
		w.said()
		w.now = w.now.Add(-ahead)
		w.restart()
		w.wait(time.Second)
		w.observe(probe("shop", "tokyo", true, w.now))
		w.expect("info resolved check-down|shop")
	})
}
