package evidence_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"nezuban/router/internal/evidence"
	"nezuban/router/internal/rule"
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// numbers reads what the child wrote: the nth result is of the nth second, and evidence of them all says that of the newest.
type numbers struct {
	upTo  int // all up to this one are known
	holes []int
}

func (n *numbers) Recall(e rule.Evidence) error {
	n.upTo = max(n.upTo, int(e.Newest.Sub(epoch)/time.Second))
	return nil
}

func (n *numbers) Count(results []rule.Counted) int {
	for _, r := range results {
		switch number := int(r.At.Sub(epoch) / time.Second); {
		case number == n.upTo+1:
			n.upTo = number
		case number > n.upTo:
			n.holes = append(n.holes, number)
		}
	}
	return len(results)
}

const crashDirEnv = "NEZUBAN_TEST_EVIDENCE_DIR"

// TestCrashChild is no test: it is the process that TestEvidenceOutlivesKills kills. It appends one result after another,
// writes all anew now and then, and says each one's number once it is kept.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDirEnv)
	if dir == "" {
		return
	}
	s := evidence.New(dir)
	var known numbers
	if _, err := s.Read(&known); err != nil {
		t.Fatal(err)
	}
	for i := known.upTo; ; i++ {
		at := epoch.Add(time.Duration(i) * time.Second)
		if i%7 == 0 || i == known.upTo {
			all := rule.Evidence{Version: 1, Rule: "r", Check: "c"}
			all.Newest = at
			err := s.Checkpoint(func(yield func(rule.Evidence) bool) { yield(all) })
			if err != nil {
				t.Fatal(err)
			}
		} else if err := s.Append([]rule.Counted{{Check: "c", Location: "l", At: at, Taken: at}}); err != nil {
			t.Fatal(err)
		}
		fmt.Println(i)
	}
}

// TestEvidenceOutlivesKills kills a process that keeps evidence, at random moments: all that was kept is there afterwards,
// without a hole.
func TestEvidenceOutlivesKills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	said := 0
	for round := range 20 {
		said = max(said, killAfter(t, dir, random.IntN(60)))
		var found numbers
		newest, err := evidence.New(dir).Read(&found)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if found.upTo < said || found.upTo > said+1 || found.holes != nil {
			t.Fatalf("round %d: found all up to %d, and %v besides, want all up to %d, or one more", round, found.upTo, found.holes, said)
		}
		if want := epoch.Add(time.Duration(found.upTo) * time.Second); found.upTo > 0 && !newest.Equal(want) {
			t.Fatalf("round %d: the newest is of %s, want %s", round, newest, want)
		}
	}
	if said < 50 {
		t.Errorf("%d results in all, want more: the kills came too early", said)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 20+4 { // a kill may leave a temporary file
		t.Errorf("%d files, %v: what is written anew takes nothing away", len(entries), err)
	}
}

// killAfter runs the child, kills it a little while after it has said so many numbers, and returns the last number said.
func killAfter(t *testing.T, dir string, lines int) (last int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); {
		if number, err := strconv.Atoi(scanner.Text()); err == nil {
			last = number
			if n++; n == lines+1 {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	_ = cmd.Wait() // it was killed
	return last
}
