package sim

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/page"
	"nezuban/router/internal/state/record"
)

// node is one life of a router, from a start to a crash, or to the end of its lead.
type node struct {
	world     *world
	number    int
	since     time.Time // it leads, or believes so
	fence     int64
	rand      *rand.Rand
	engine    *duty.Engine
	ctx       context.Context
	cancel    context.CancelFunc
	dead      atomic.Bool
	recovered atomic.Bool
	fuse      atomic.Pointer[fuse]
	writes    map[string]int // by first key of a transaction
}

// moment is where in the course of things a crash comes.
type moment string

const (
	beforeTxn   moment = "before a transaction"
	afterTxn    moment = "after a transaction, before its answer"
	beforeTry   moment = "between the mark and the attempt"
	afterAccept moment = "after the provider accepted, before that is stored"

	anyTime         moment = "at any time"
	whileRecovering moment = "while it recovers"
)

// fuse is a crash that is to come at a moment, when it has come so many times.
type fuse struct {
	at    moment
	count atomic.Int64
}

// gone says that nothing that the router does is seen any more.
func (n *node) gone() bool { return n.dead.Load() }

// burn crashes the router when its fuse is at its end.
func (n *node) burn(at moment) bool {
	f := n.fuse.Load()
	if n.gone() {
		return true
	}
	if f == nil || f.at != at || f.count.Add(-1) > 0 {
		return false
	}
	n.crash(at)
	return true
}

// crash ends a router at once. Another one starts after a while.
func (n *node) crash(at moment) {
	if n.dead.Swap(true) {
		return
	}
	w := n.world
	w.say("router %d crashes %s", n.number, at)
	n.cancel()
	if !n.recovered.Load() {
		at = whileRecovering
	}
	leads := w.nodes[len(w.nodes)-1] == n
	w.oracle.crashed(at, leads)
	if !leads {
		return
	}
	r := w.rand("restart", n.number)
	pause := between(r, 200*time.Millisecond, 20*time.Second)
	if one(r, 6) {
		pause = between(r, time.Minute, 6*time.Minute)
	}
	w.at(pause, "start", func() {
		if w.unsteady && w.storming() && one(r, 3) {
			w.stepClock(r) // while it was down
		}
		if w.nodes[len(w.nodes)-1] == n { // nobody else was quicker
			w.start()
		}
	})
}

// start builds a router from what is stored, as package app does, and lets it run.
func (w *world) start() {
	n := &node{world: w, number: len(w.nodes), writes: map[string]int{}}
	n.rand = w.rand("node", n.number)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.fence = w.kv.lead()
	n.since = time.Now()
	w.nodes = append(w.nodes, n)
	w.say("router %d starts", n.number)
	if w.storming() && one(n.rand, 4) {
		n.setFuse(n.rand, 3)
	}
	stored, err := w.kv.load()
	if err != nil {
		w.oracle.blame("readable", "what was stored cannot be read: %v", err)
		return
	}
	n.engine = duty.New(duty.Options{
		Store: record.Writer{KV: n, Fence: n.fence}, Now: w.clock, Uptime: func() time.Duration { return time.Since(w.began) }, NewID: w.newID, Log: w.log, Rules: w.rules,
		Incidents: w.incidents,
	}, stored)
	n.engine.SetRotation(w.files[w.file], "v")
	go func() {
		err := n.engine.Recover(n.ctx)
		w.at(0, "recovered", func() { n.run(err) })
	}()
}

// run lets a router that has recovered do its work.
func (n *node) run(err error) {
	w := n.world
	if n.gone() {
		return
	}
	if err != nil {
		w.say("router %d cannot recover: %v", n.number, err)
		n.crash(whileRecovering)
		return
	}
	n.recovered.Store(true)
	w.oracle.up()
	pagers := map[string]page.Pager{}
	for _, channel := range channels {
		pagers[channel] = &pager{node: n, channel: channel}
	}
	d := &duty.Deliverer{
		Engine: n.engine, Pagers: pagers, Log: w.log,
		Contacts: func() *escalation.Contacts { return &escalation.Contacts{} },
		Link:     func(id string) string { return "https://nezuban.example/incidents/" + id },
		Guard:    func(f func() error) func() error { return f },
		Caps:     caps,
	}
	go d.Run(n.ctx)
	go n.ticks()
}

// ticks does what package app does every second, somewhat less often, until the router ends.
func (n *node) ticks() {
	w := n.world
	r := w.rand("ticks", n.number)
	for !n.gone() {
		err := n.engine.Tick(n.ctx)
		var over []string
		if err == nil {
			over, err = n.engine.Over(n.ctx)
		}
		if err == nil && len(over) > 0 && !n.gone() {
			for _, id := range over {
				w.kv.file(id)
			}
			err = n.engine.Filed(n.ctx, over)
		}
		w.oracle.ticked(n, err)
		sleep(n.ctx, between(r, w.tick/2, w.tick))
	}
}

// believesFor is how long a router may answer that does not know yet that another one leads: it hears of it by then. What it
// remembers of samples meanwhile is lost, so that the next one needs as long anew.
const believesFor = 5 * time.Second

// leader is a router that somebody outside reaches: the one that leads, or at times one that only believes so.
func (w *world) leader(r *rand.Rand) *node {
	last := w.nodes[len(w.nodes)-1]
	if len(w.nodes) > 1 {
		if before := w.nodes[len(w.nodes)-2]; !before.gone() && time.Since(last.since) < believesFor && one(r, 3) {
			w.oracle.mayLose()
			return before
		}
	}
	if last.gone() || last.engine == nil || !w.oracle.isUp() {
		return nil
	}
	return last
}

// setFuse lets a router crash at a moment to come.
func (n *node) setFuse(r *rand.Rand, within int64) {
	f := &fuse{at: []moment{beforeTxn, afterTxn, afterTxn, beforeTry, afterAccept}[r.IntN(5)]}
	f.count.Store(1 + r.Int64N(within))
	n.world.say("router %d will crash %s, the %dth", n.number, f.at, f.count.Load())
	n.fuse.Store(f)
}

// depose lets another router lead while the one before still believes that it does.
func (w *world) depose(r *rand.Rand) {
	old := w.nodes[len(w.nodes)-1]
	if old.gone() || !w.oracle.isUp() {
		return
	}
	w.say("router %d loses the lead and does not know", old.number)
	w.oracle.replaced()
	w.start()
	w.at(between(r, time.Second, 2*time.Minute), "end", func() {
		if !old.dead.Swap(true) {
			w.say("router %d ends", old.number)
			old.cancel()
		}
	})
}
