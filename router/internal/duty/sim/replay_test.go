//go:build !race

package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// nights are seeds in which many things happen at one moment: as long as answers and lines of the log took no time, each was
// another night in two runs of three.
var nights = []uint64{2239, 91, 107, 196, 228, 3, 7, 27}

// TestASeedIsTheSameNightAgain runs seeds three times, as a long run does and twice as the printed command does, and wants
// the same: what a seed of a long run has shown can be seen again, line by line. Half of them may differ at first; these are compared
// again by themselves, up to three times: whoever has the processor for 10 ms by the real clock, on a busy machine, is sent to the
// end of the line. Under the race detector all differ: it changes the order of goroutines on purpose.
func TestASeedIsTheSameNightAgain(t *testing.T) {
	const mayDiffer, tries = 4, 3
	differing := make([]string, len(nights))
	t.Run("nights", func(t *testing.T) {
		for i, seed := range nights {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				differing[i] = another(t, seed)
			})
		}
	})
	if others := slices.DeleteFunc(slices.Clone(differing), func(text string) bool { return text == "" }); len(others) > mayDiffer {
		t.Errorf("of %d nights %d were others when they came again", len(nights), len(others))
	}
	for i, seed := range nights {
		for try := 0; try < tries && differing[i] != ""; try++ {
			t.Log(differing[i])
			differing[i] = another(t, seed)
		}
		if differing[i] != "" {
			t.Errorf("it is another night each time that it comes again: %s", differing[i])
		}
	}
}

// another says in what a seed's night differs when it comes again; "": it is the same.
func another(t *testing.T, seed uint64) string {
	t.Helper()
	first, summary := traced(t, seed)
	again, _ := traced(t, seed)
	if at, one, other := difference(first, again); at > 0 {
		return fmt.Sprintf("seed %d, line %d of the trace:\n\t%s\n\t%s", seed, at, one, other)
	}
	if short := untraced(t, seed); short != summary {
		return fmt.Sprintf("seed %d, with a trace and without:\n\t%s\n\t%s", seed, summary, short)
	}
	return ""
}

// traced runs a seed as replay does, and returns its trace by lines and what it says at the end.
func traced(t *testing.T, seed uint64) (trace []string, summary string) {
	t.Helper()
	said, err := worker(t, "-test.v", fmt.Sprintf("-sim.seed=%d", seed)).Output()
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	text, end, _ := strings.Cut(string(said), "    sim_test.go:")
	_, summary, _ = strings.Cut(end, ": ")
	summary, _, ok := strings.Cut(summary, "\n")
	trace = strings.Split(text, "\n")
	if !ok || len(trace) < 1000 {
		t.Fatalf("seed %d: the trace has %d lines and ends with %q, want a night's", seed, len(trace), end)
	}
	return trace, summary
}

// untraced runs a seed as a long run does, and says of it what traced says.
func untraced(t *testing.T, seed uint64) string {
	t.Helper()
	said, err := worker(t, fmt.Sprintf("-sim.first=%d", seed), "-sim.seeds=1").Output()
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	line, _, _ := strings.Cut(string(said), "\n")
	var out outcome
	if err := json.Unmarshal([]byte(line), &out); err != nil {
		t.Fatalf("seed %d: %v in %s", seed, err, line)
	}
	return fmt.Sprintf("seed %d: %d alerts, %d crashes, met %v", seed, out.Alerts, out.Crashes, out.Met)
}

// difference is the first line, counted from 1, in which two traces differ, and both of it; 0 when they are the same.
func difference(a, b []string) (at int, inA, inB string) {
	for i := range max(len(a), len(b)) {
		inA, inB = "(the end)", "(the end)"
		if i < len(a) {
			inA = a[i]
		}
		if i < len(b) {
			inB = b[i]
		}
		if inA != inB {
			return i + 1, inA, inB
		}
	}
	return 0, "", ""
}
