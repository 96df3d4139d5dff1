package sim

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	firstSeed = flag.Uint64("sim.first", 1, "the first seed")
	seeds     = flag.Uint64("sim.seeds", standardSeeds, "how many seeds to run")
	keepGoing = flag.Bool("sim.all", false, "run all seeds, even when one fails")
	oneSeed   = flag.Uint64("sim.seed", 0, "run this seed alone and print its trace")
	working   = flag.Bool("sim.worker", false, "run the seeds in this process and report them as JSON: for the test's own use")
)

// What each run must have.
const (
	leastAlerts  = 50
	leastCrashes = 2
)

// attemptsEnd is how long an attempt, or a transaction, may go on when its router is told to stop.
const attemptsEnd = time.Minute

// outcome is what became of a run.
type outcome struct {
	Seed    uint64
	Blames  []string
	Alerts  int
	Crashes int
	Met     map[meeting]int
	trace   string
}

// run runs one seed.
func run(t *testing.T, s settings, seed uint64, tracing bool) outcome {
	t.Helper()
	var out outcome
	synctest.Test(t, func(*testing.T) {
		w := newWorld(s, seed, tracing)
		w.plan()
		w.start()
		w.checks()
		w.after(stormEnd, "calm", w.calm)
		w.drive()
		synctest.Wait()
		w.oracle.end()
		for _, n := range w.nodes {
			n.dead.Store(true)
			n.cancel()
		}
		time.Sleep(attemptsEnd)
		out = outcome{seed, w.oracle.blames, w.oracle.alerts, w.oracle.crashes, w.oracle.met, w.trace.String()}
	})
	if out.Alerts < leastAlerts || out.Crashes < leastCrashes {
		out.Blames = append(out.Blames, fmt.Sprintf("the plan: found %d alerts and %d crashes, want at least %d and %d", out.Alerts, out.Crashes, leastAlerts, leastCrashes))
	}
	return out
}

func newWorld(s settings, seed uint64, tracing bool) *world {
	w := &world{
		seed: seed, began: time.Now(), settings: s, tracing: tracing,
		woken: make(chan struct{}, 1),
	}
	w.log = slog.New(&slowLog{slog.NewTextHandler(traceWriter{w}, nil), w, w.rand("log")})
	w.kv = newKV(w)
	w.oracle = newOracle(w)
	w.phones = &providers{world: w, tries: map[string]int{}, held: map[string]bool{}, plain: map[string]bool{}, out: map[string][]outage{}, ring: w.rung}
	w.tick = between(w.rand("tick"), 5*time.Second, 12*time.Second)
	return w
}

// checks lets the oracle look around now and then.
func (w *world) checks() {
	w.at(17*time.Second, "look", func() { w.oracle.check(); w.checks() })
}

// calm ends everything that is wrong, so that what is owed can be done.
func (w *world) calm() {
	n := w.nodes[len(w.nodes)-1]
	n.fuse.Store(nil)
	w.mu.Lock()
	by := -w.offset
	w.offset = 0
	w.mu.Unlock()
	if by != 0 {
		w.say("the routers' clock is right again")
		w.oracle.stepped(by)
	}
}

// slowLog is the product's log. A line takes a moment, each another one: those who heard of a failure together say so, and pause
// equally long. At the end of their pauses, at one moment, the runtime would let chance say who goes on first.
type slowLog struct {
	slog.Handler
	world *world
	rand  *rand.Rand
}

// Handle waits and then writes into the trace, if there is one. Nobody logs under a lock: there virtual time would stand still.
func (l *slowLog) Handle(ctx context.Context, r slog.Record) error {
	l.world.mu.Lock()
	moment := between(l.rand, time.Microsecond, time.Millisecond)
	l.world.mu.Unlock()
	time.Sleep(moment)
	if !l.world.tracing {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// traceWriter takes the product's log into the trace.
type traceWriter struct{ w *world }

func (t traceWriter) Write(line []byte) (int, error) {
	_, text, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	t.w.say("log: %s", text)
	return len(line), nil
}

// TestSimulation runs seeds, on all processors, until one breaks a promise.
func TestSimulation(t *testing.T) {
	switch {
	case *working && *oneSeed != 0:
		traceOne(t)
	case *working:
		work(t)
	case *oneSeed != 0:
		replay(t)
	default:
		manage(t)
	}
}

// alone makes this process fit to run seeds. On one processor, and without a collection in the middle, what is ready to run
// at one moment of virtual time runs in the same order each time.
func alone(t *testing.T) settings {
	t.Helper()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	s, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// traceOne runs one seed and prints what happened in it.
func traceOne(t *testing.T) {
	t.Helper()
	out := run(t, alone(t), *oneSeed, true)
	fmt.Fprint(os.Stdout, out.trace)
	t.Logf("seed %d: %d alerts, %d crashes, met %v", *oneSeed, out.Alerts, out.Crashes, out.Met)
	for _, blame := range out.Blames {
		t.Error(blame)
	}
}
