// Package sim runs the router's core through hours of trouble in virtual time: rules, book, engine, deliverer and the
// cutting of transactions are the product's own code; the database, the providers, the senders, the people and the clock are
// played, and do everything that the real ones may. An oracle that keeps its own books watches, and names what was promised
// and not held. One seed is one run; it says by itself all that happens in it.
package sim

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// The times of a run.
const (
	calmStart = 2 * time.Minute   // nothing goes wrong before
	stormEnd  = 160 * time.Minute // nothing new goes wrong after
	runEnd    = stormEnd + 21*time.Minute
)

// world is one run. Only the driver's own goroutine decides what happens next; what product code reports from its own
// goroutines goes through [world.at], so that a run is the same each time.
type world struct {
	seed  uint64
	began time.Time
	settings
	kv      *kv
	oracle  *oracle
	phones  *providers
	spools  []*spool
	nodes   []*node // all that ever ran, the latest last
	log     *slog.Logger
	tracing bool

	mu     sync.Mutex
	events events
	pushed int
	woken  chan struct{}
	trace  strings.Builder
	ids    int
	offset time.Duration // of the routers' clock
	readAt time.Time     // when it was read last
	read   int           // how often then
	file   int           // of files, in force
	tick   time.Duration

	unsteady bool // the clock is put in this run
}

// event is something that happens at a time.
type event struct {
	at  time.Time
	key string // orders events of one time
	n   int    // and one key
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	a, b := e[i], e[j]
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	if a.key != b.key {
		return a.key < b.key
	}
	return a.n < b.n
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// at lets something happen after a while.
func (w *world) at(after time.Duration, key string, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pushed++
	heap.Push(&w.events, event{time.Now().Add(after), key, w.pushed, do})
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// after is at, counted from the beginning of the run.
func (w *world) after(since time.Duration, key string, do func()) {
	w.at(time.Until(w.began.Add(since)), key, do)
}

// drive lets events happen, one at a time, each after all that followed from the one before has come to rest.
func (w *world) drive() {
	for time.Since(w.began) < runEnd {
		synctest.Wait()
		w.mu.Lock()
		var next event
		wait := runEnd
		if len(w.events) > 0 {
			next = w.events[0]
			if wait = time.Until(next.at); wait <= 0 {
				heap.Pop(&w.events)
			}
		}
		w.mu.Unlock()
		if wait <= 0 {
			next.do()
			continue
		}
		timer := time.NewTimer(min(wait, time.Until(w.began.Add(runEnd))))
		select {
		case <-timer.C:
		case <-w.woken:
			timer.Stop()
		}
	}
}

// rand is a source of chance that belongs to one thing alone, so that it does not depend on the order of others.
func (w *world) rand(name ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, name...)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// between is a time between two, to the nanosecond, so that no two things happen at once by chance.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// one says yes once in n times.
func one(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// standsStill is how often the clock may be read at one moment: whoever asks more often waits for a time that cannot come,
// because it does not let go of the processor.
const standsStill = 100_000

// clock is what a router's clock shows.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.read++; !now.Equal(w.readAt) {
		w.readAt, w.read = now, 0
	}
	if w.read > standsStill {
		panic("the router is busy with something that no time ends")
	}
	return now.Add(w.offset)
}

func (w *world) newID(time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("I%05d", w.ids)
}

// say writes into the trace, when there is one.
func (w *world) say(format string, args ...any) {
	if !w.tracing {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.trace, "%12s  %s\n", time.Since(w.began).Round(time.Millisecond), fmt.Sprintf(format, args...))
}

var (
	errDown = errors.New("connection refused")
	errLost = errors.New("no answer")
)

// call lets somebody outside ask the router for something, and hands the answer to done in the driver's turn. The request may
// not arrive, and the answer may be lost.
func (w *world) call(key string, r *rand.Rand, ask func(context.Context, *node) error, done func(error)) {
	n := w.leader(r)
	lost, slow := one(r, 25), between(r, time.Millisecond, 50*time.Millisecond)
	if n == nil || !w.storming() {
		lost = false
	}
	if n == nil {
		w.at(between(r, time.Millisecond, time.Second), key, func() { done(errDown) })
		return
	}
	if lost && one(r, 3) { // before it arrives
		w.at(between(r, time.Second, 10*time.Second), key, func() { done(errLost) })
		return
	}
	go func() {
		time.Sleep(slow)
		err := errDown
		if !n.gone() {
			err = ask(n.ctx, n)
		}
		if n.gone() || lost {
			w.oracle.meet(answersLost)
			err = errLost
		}
		w.at(0, key, func() { done(err) })
	}()
}

// storming says that things may go wrong now.
func (w *world) storming() bool {
	since := time.Since(w.began)
	return since > calmStart && since < stormEnd
}
