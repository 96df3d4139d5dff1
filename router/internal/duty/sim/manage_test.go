package sim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	chunkSeeds    = 250         // of one process: what a run leaves behind ends with it
	collectEvery  = 4           // runs
	progressEvery = time.Minute // between two lines
)

// deepStacks keeps some goroutines with deep stacks in the background: the runtime lets new ones begin as deep as those that
// there are, so that a run's many short ones need not be copied again and again as they grow.
func deepStacks(t *testing.T) {
	t.Helper()
	const many, depth = 64, 48
	stop := make(chan struct{})
	var group sync.WaitGroup
	var deep func(n int, here [256]byte) byte
	deep = func(n int, here [256]byte) byte {
		if n == 0 {
			<-stop
			return here[0]
		}
		here[n]++
		return deep(n-1, here) + here[1]
	}
	for range many {
		group.Go(func() { deep(depth, [256]byte{}) })
	}
	t.Cleanup(func() { close(stop); group.Wait() })
	runtime.Gosched()
	runtime.GC()
}

// workerEnv keeps the runtime from changing the order of goroutines by the clock, and lets stacks begin as large as they
// become.
const workerEnv = "GODEBUG=asyncpreemptoff=1,adaptivestackstart=1"

// work runs the seeds that the process was given, and reports each as a line of JSON.
func work(t *testing.T) {
	t.Helper()
	s := alone(t)
	deepStacks(t)
	report := json.NewEncoder(os.Stdout)
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		if err := report.Encode(run(t, s, seed, false)); err != nil {
			t.Fatal(err)
		}
		if seed%collectEvery == 0 {
			runtime.GC()
		}
	}
	debug.SetGCPercent(100)
}

// worker is this program as one that runs seeds.
func worker(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"-test.run=^TestSimulation$", "-test.timeout=0", "-sim.worker"}, args...)...)
	cmd.Env = append(os.Environ(), workerEnv)
	return cmd
}

// replay runs one seed as every run does, and prints its trace.
func replay(t *testing.T) {
	t.Helper()
	cmd := worker(t, "-test.v", fmt.Sprintf("-sim.seed=%d", *oneSeed))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

// totals is what became of all runs so far.
type totals struct {
	mu              sync.Mutex
	began, told     time.Time
	runs            uint64
	alerts, crashes int
	met             map[meeting]int
	failed          bool
}

// add takes in an outcome, says how to see one that fails, and now and then how far it all is.
func (all *totals) add(t *testing.T, out outcome) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.runs++
	all.alerts += out.Alerts
	all.crashes += out.Crashes
	for what, n := range out.Met {
		all.met[what] += n
	}
	if len(out.Blames) > 0 {
		all.failed = true
		t.Errorf("seed %d breaks what was promised; see it by:\n\tgo test ./router/internal/duty/sim -run TestSimulation -sim.seed=%d\n%s", out.Seed, out.Seed, strings.Join(out.Blames, "\n"))
	}
	if now := time.Now(); now.Sub(all.told) > progressEvery {
		all.told = now
		fmt.Printf("%d of %d seeds after %s\n", all.runs, *seeds, now.Sub(all.began).Round(time.Second))
	}
}

// stop says that no further seed is to be begun.
func (all *totals) stop() bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.failed && !*keepGoing
}

// manage shares the seeds out among as many processes as there are processors.
func manage(t *testing.T) {
	t.Helper()
	all := &totals{began: time.Now(), told: time.Now(), met: map[meeting]int{}}
	workers := uint64(runtime.GOMAXPROCS(0))
	chunk := max(min(chunkSeeds, (*seeds+workers-1)/workers), 1)
	chunks := make(chan uint64)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for first := range chunks {
				runChunk(t, all, first, min(chunk, *firstSeed+*seeds-first))
			}
		})
	}
	for first := *firstSeed; first < *firstSeed+*seeds && !all.stop(); first += chunk {
		chunks <- first
	}
	close(chunks)
	group.Wait()
	all.close(t)
}

// runChunk lets one process run some seeds, until one fails.
func runChunk(t *testing.T, all *totals, first, n uint64) {
	cmd := worker(t, fmt.Sprintf("-sim.first=%d", first), fmt.Sprintf("-sim.seeds=%d", n))
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	next := first
	for lines.Scan() {
		var out outcome
		if !strings.HasPrefix(lines.Text(), "{") {
			said.WriteString(lines.Text() + "\n")
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &out); err != nil {
			t.Errorf("%v: %.300s", err, lines.Text())
			break
		}
		next = out.Seed + 1
		if all.add(t, out); all.stop() {
			_ = cmd.Process.Kill()
			break
		}
	}
	if err := cmd.Wait(); err != nil && !all.stop() {
		t.Errorf("seed %d ends its process: %v\n%s", next, err, said.String())
	}
}

// close says what was seen in all runs, and fails when so many of them have left something out.
func (all *totals) close(t *testing.T) {
	t.Helper()
	if all.runs == 0 {
		t.Error("no seed was run")
		return
	}
	t.Logf("%d runs of %s in %s, seeds %d to %d: on average %d alerts and %.1f crashes", all.runs, runEnd, time.Since(all.began).Round(time.Millisecond),
		*firstSeed, *firstSeed+*seeds-1, uint64(all.alerts)/all.runs, float64(all.crashes)/float64(all.runs))
	for _, what := range meetings {
		t.Logf("%10d  %s", all.met[what], what)
		if all.met[what] == 0 && all.runs >= enoughSeeds {
			t.Errorf("in %d runs nothing was ever %s", all.runs, what)
		}
	}
	for what := range all.met {
		if !slices.Contains(meetings, what) {
			t.Errorf("%q is counted and not listed", what)
		}
	}
}
