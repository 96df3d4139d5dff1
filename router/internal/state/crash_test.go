package state

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

func optionsAll() []clientv3.OpOption {
	return []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithLimit(100_000)}
}

const crashDirEnv = "NEZUBAN_TEST_CRASH_DIR"

// TestCrashChild is no test: it is the process that TestKilledAtAnyInstant kills. It commits one incident after another
// and says each one's number once its commit has returned.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDirEnv)
	if dir == "" {
		return
	}
	s, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	for i := len(stored.Incidents); ; i++ {
		if err := s.Commit(context.Background(), record.Batch{Change: sample(fmt.Sprintf("I%06d", i), 2, 2)}); err != nil {
			t.Fatal(err)
		}
		fmt.Println(i)
	}
}

// TestKilledAtAnyInstant kills a process that commits, at random moments, and demands that everything whose commit had
// returned is there afterwards, and that nothing is there in part.
func TestKilledAtAnyInstant(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	committed := 0
	for round := range 5 {
		committed = max(committed, killAfter(t, "TestCrashChild", crashDirEnv+"="+dir, random.IntN(400)))
		s := open(t, dir)
		stored, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(stored.Incidents) < committed {
			t.Fatalf("round %d: %d commits had returned, found %d incidents", round, committed, len(stored.Incidents))
		}
		rows := map[string]int{}
		for _, row := range stored.Rows {
			rows[row.Incident]++
		}
		for _, inc := range stored.Incidents {
			whole(t, s, inc, rows[inc.ID])
		}
		s.Close()
	}
	t.Logf("%d commits had returned before the kills", committed)
	if committed == 0 {
		t.Error("no round committed anything")
	}
}

func whole(t *testing.T, s *Store, inc incident.Incident, rows int) {
	t.Helper()
	timeline, err := s.Timeline(t.Context(), inc.ID)
	if err != nil || len(timeline) != inc.Entries || rows != inc.Rows {
		t.Errorf("incident %s is torn: %d of %d rows, %d of %d entries, %v", inc.ID, rows, inc.Rows, len(timeline), inc.Entries, err)
	}
}

// killAfter runs a child, with a variable that makes it one, until it has said that many commits more, or for some
// milliseconds when it is 0, kills it, and returns how many it had said in all.
func killAfter(t *testing.T, child, variable string, commits int) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+child+"$")
	cmd.Env = append(os.Environ(), variable)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := 0
	lines := bufio.NewScanner(out)
	for seen := 0; seen <= commits && lines.Scan(); seen++ {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			said = n + 1
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it had said before it died counts too
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			said = n + 1
		}
	}
	_ = cmd.Wait() // "signal: killed"
	return said
}
