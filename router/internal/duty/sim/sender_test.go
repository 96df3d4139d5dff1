package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// batch is what a sender sends in one request: points, or alerts, never both.
type batch struct {
	points []influx.Point
	alerts []incident.Alert
	taken  func() // it was answered 2xx
	at     time.Time
}

// spool sends batches until they are taken, in its own order, and at times again.
type spool struct {
	world   *world
	name    string
	rand    *rand.Rand
	queue   []batch
	sending bool
	silent  func() bool // the sender does not run now
}

func (w *world) spool(name string) *spool {
	s := &spool{world: w, name: name, rand: w.rand("spool", name), silent: func() bool { return false }}
	w.spools = append(w.spools, s)
	return s
}

// send queues a batch. It may overtake one that waits.
func (s *spool) send(b batch) {
	at := len(s.queue)
	b.at = time.Now()
	if s.sending && at > 1 && b.alerts != nil && one(s.rand, 10) && s.queue[at-1].alerts[0].Key != b.alerts[0].Key {
		at-- // the alerts of a sender have no order of their own; what is being sent stays in front
	}
	s.queue = slices.Insert(s.queue, at, b)
	s.work()
}

// work sends what waits, up to some batches in one request.
func (s *spool) work() {
	if s.sending || len(s.queue) == 0 || s.silent() {
		return
	}
	s.sending = true
	n := 1
	all := s.queue[0]
	for n < len(s.queue) && n < 20 && all.points != nil && s.queue[n].points != nil {
		all.points = append(slices.Clip(all.points), s.queue[n].points...)
		n++
	}
	s.world.call("spool "+s.name, s.rand, func(ctx context.Context, to *node) error {
		if all.points != nil {
			return to.engine.Ingest(ctx, all.points)
		}
		return to.engine.Report(ctx, all.alerts)
	}, func(err error) { s.answered(all, n, err) })
}

func (s *spool) answered(all batch, n int, err error) {
	if err != nil {
		s.world.say("%s has to send again: %v", s.name, err)
		s.world.at(between(s.rand, time.Second, 8*time.Second), "spool "+s.name, func() { s.sending = false; s.work() })
		return
	}
	for _, b := range s.queue[:n] {
		if b.taken != nil {
			b.taken()
		}
	}
	s.queue = s.queue[n:]
	s.sending = false
	if s.world.storming() && one(s.rand, 20) { // and once more, for no good reason
		all.taken = nil
		s.world.oracle.meet(answersTwice)
		s.world.at(between(s.rand, time.Millisecond, 30*time.Second), "again "+s.name, func() {
			for _, a := range all.alerts {
				s.world.oracle.again(a.Key)
			}
			s.send(all)
		})
	}
	s.work()
}
