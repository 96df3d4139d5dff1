package packaging

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// TestARouterWhoseOwnEtcdCannotGoOnTellsAndEnds takes from a running router the right to write files. It is not to stand there
// and look alive: it tells whoever is on call, once, and ends with the reason, so that its unit starts it again.
func TestARouterWhoseOwnEtcdCannotGoOnTellsAndEnds(t *testing.T) {
	prlimit := testenv.Command(t, "prlimit", "util-linux")
	s := newStack(t, oncallText, apart)
	if !s.report("before") {
		t.Fatal("nothing is taken")
	}
	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=before")
	s.sent(1)

	pid := strconv.Itoa(s.router.cmd.Process.Pid)
	if out, err := exec.CommandContext(t.Context(), prlimit, "--pid", pid, "--fsize=0:").CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v: %s", err, out)
	}
	if s.report("lost") {
		t.Error("what cannot be written was taken")
	}
	select {
	case <-s.router.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the router lives on, and can store nothing")
	}
	if code := s.router.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(s.router.logged(), "the embedded etcd cannot go on: ") {
		t.Errorf("it ended with %d, want 1, and the reason in its log", code)
	}
	pages := s.router.matching("^PAGE .* nezuban-state-unwritable")
	if len(pages) != 1 || !strings.HasPrefix(pages[0], "PAGE alice TRIGGERED") {
		t.Errorf("told was %q, want one message to alice", pages)
	}

	s.startRouter()
	if !s.report("after") {
		t.Error("after a restart nothing is taken")
	}
	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=after")
	if again := s.router.matching("container=before"); len(again) > 0 {
		t.Errorf("what was paged before is paged again: %q", again)
	}
}
