package rule_test

import (
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
)

const absenceRule = `
[[rule]]
id = "gone"
kind = "absence"
measurement = "nezuban_agent"
after = "2m"
`

const (
	goneFiring   = "page firing gone|h1"
	goneResolved = "page resolved gone|h1"
)

func TestAbsence(t *testing.T) {
	up := func(w *world) { w.observe(heartbeat("h1", influx.StateUp, w.now)) }
	goodbye := func(w *world) { w.observe(heartbeat("h1", influx.StateGoodbye, w.now)) }
	wait := func(d time.Duration) func(*world) { return func(w *world) { w.wait(d) } }
	restart := func(w *world) { w.restart() }
	tests := []struct {
		name string
		do   []func(*world)
		want []string
	}{
		{"never seen is not absent", []func(*world){wait(time.Hour)}, nil},
		{"not before its time", []func(*world){up, wait(2 * time.Minute)}, nil},
		{"silent for longer", []func(*world){up, wait(2*time.Minute + time.Second)}, []string{goneFiring}},
		{"once", []func(*world){up, wait(time.Hour)}, []string{goneFiring}},
		{"seen again", []func(*world){up, wait(3 * time.Minute), up}, []string{goneFiring, goneResolved}},
		{"a goodbye is meant", []func(*world){up, wait(time.Second), goodbye, wait(time.Hour)}, nil},
		{"a goodbye is remembered", []func(*world){up, wait(time.Second), goodbye, restart, wait(time.Hour)}, nil},
		{"after a goodbye it is seen again", []func(*world){goodbye, wait(time.Hour), up, wait(3 * time.Minute)}, []string{goneFiring}},
		{"a start grants a grace", []func(*world){up, wait(119 * time.Second), restart, wait(2 * time.Minute)}, nil},
		{"gone while the router was down", []func(*world){up, wait(time.Second), restart, wait(2*time.Minute + time.Second)}, []string{goneFiring}},
		{"a start resolves nothing", []func(*world){up, wait(3 * time.Minute), restart, wait(time.Hour)}, []string{goneFiring}},
		{"seen again after a start", []func(*world){up, wait(3 * time.Minute), restart, wait(time.Minute), up}, []string{goneFiring, goneResolved}},
		{"forgotten is not absent", []func(*world){
			up, func(w *world) { w.commit(w.engine.Forget("h1", w.now)) }, wait(time.Hour), restart, wait(time.Hour),
		}, nil},
		{"forgotten resolves", []func(*world){
			up, wait(3 * time.Minute), func(w *world) { w.commit(w.engine.Forget("h1", w.now)) }, wait(time.Hour),
		}, []string{goneFiring, goneResolved}},
		{"forgotten and seen again", []func(*world){
			up, wait(time.Second), func(w *world) { w.commit(w.engine.Forget("h1", w.now)) }, wait(time.Hour), up, wait(3 * time.Minute),
		}, []string{goneFiring}},
		{"another host's forgetting", []func(*world){
			up, func(w *world) { w.commit(w.engine.Forget("h2", w.now)) }, wait(3 * time.Minute),
		}, []string{goneFiring}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, absenceRule, "")
			for _, do := range tt.do {
				do(w)
			}
			w.expect(tt.want...)
		})
	}
}

// TestAbsenceBacklog: a sender that delivers its backlog is there, but an old batch that comes again shows nothing.
func TestAbsenceBacklog(t *testing.T) {
	w := newWorld(t, absenceRule, "")
	first := heartbeat("h1", influx.StateUp, w.now)
	w.observe(first)
	w.wait(3 * time.Minute)
	w.expect(goneFiring)
	w.observe(first)
	w.wait(time.Second)
	w.expect()
	w.observe(heartbeat("h1", influx.StateUp, w.now.Add(-2*time.Minute)))
	w.expect(goneResolved)
}

func TestAbsenceGoodbyeThenOldBatch(t *testing.T) {
	w := newWorld(t, absenceRule, "")
	up := heartbeat("h1", influx.StateUp, w.now)
	w.observe(up)
	w.wait(time.Second)
	w.observe(heartbeat("h1", influx.StateGoodbye, w.now))
	w.restart()
	w.observe(up) // sent again
	w.wait(time.Hour)
	w.expect()
}

func TestAbsenceWrites(t *testing.T) {
	w := newWorld(t, absenceRule, "")
	for range 100 {
		w.observe(heartbeat("h1", influx.StateUp, w.now))
		w.wait(10 * time.Second)
	}
	if w.writes != 1 {
		t.Errorf("%d writes for a hundred heartbeats, want one: the first sight", w.writes)
	}
}

func TestAbsenceGrace(t *testing.T) {
	w := newWorld(t, "absence_grace = \"10m\"\n"+absenceRule, "")
	w.observe(heartbeat("h1", influx.StateUp, w.now))
	w.restart()
	w.wait(10 * time.Minute)
	w.expect()
	w.wait(time.Second)
	w.expect(goneFiring)
}

func TestAbsenceGraceByDefault(t *testing.T) {
	w := newWorld(t, strings.Replace(absenceRule, `"2m"`, `"10s"`, 1), "")
	w.observe(heartbeat("h1", influx.StateUp, w.now))
	w.restart()
	w.wait(2 * influx.MaxBackoff)
	w.expect()
	w.wait(time.Second)
	w.expect(goneFiring)
}
