package packaging

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakepagerduty"
)

// smallStack is a router whose state may take 16 MiB, whose rotation file has one step that takes an hour, and that pages for
// each death by itself.
func smallStack(t *testing.T) *stack {
	t.Helper()
	s := prepareStack(t, strings.ReplaceAll(oncallText, "10m", "1h"), apart)
	text, err := os.ReadFile(s.path("router.toml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("router.toml", "state_max_bytes = 16777216\n"+string(text), 0o644)
	return s
}

// deaths reports so many containers' deaths in one batch, and gives the answer's status.
func (s *stack) deaths(from, n int) int {
	s.t.Helper()
	var lines strings.Builder
	for i := range n {
		lines.WriteString(event(fmt.Sprintf("c%06d", from+i), "die", time.Now(), ",exit_code=7i,requested=false"))
	}
	status, _ := s.post(lines.String())
	return status
}

// TestAStateThatFillsIsToldAndAFullOneIsToldPastTheOutbox opens incidents until nothing fits any more.
func TestAStateThatFillsIsToldAndAFullOneIsToldPastTheOutbox(t *testing.T) {
	t.Parallel() // it mostly waits
	s := smallStack(t)
	s.startRouter()
	accepted := 0
	fill := func(until func(status int) bool) {
		for wait := newPatience(90 * time.Second); !wait.over(); {
			status := s.deaths(accepted, 25)
			if status == 204 {
				accepted += 25
			}
			if until(status) {
				return
			}
		}
		t.Fatal("not within 90 s")
	}
	fill(func(int) bool { return s.metric(`nezuban_state_bytes{part="used"}`) > 0.62*16*1024*1024 })
	s.router.await(t, 30*time.Second, 0, "^PAGE alice TRIGGERED nezuban-state-filling")
	refused := 0
	fill(func(status int) bool {
		if status != 204 {
			if refused++; status != 503 {
				t.Fatalf("found %d, want 503", status)
			}
		}
		return len(s.router.matching("nezuban-state-unwritable")) > 0
	})
	t.Logf("%d incidents were opened, %d batches refused", accepted, refused)
	line := s.router.await(t, time.Second, 0, "^PAGE alice TRIGGERED nezuban-state-unwritable")
	says := regexp.MustCompile(`the router's state cannot be written: etcd takes 1[2-9] of 16 MiB, expected less than 12; [1-9][0-9]* reports were refused`)
	if !says.MatchString(line) {
		t.Errorf("the page says %s, want %s", line, says)
	}
	// Accepted means paged, on a full state too.
	eventually(t, 60*time.Second, "all that was accepted is paged", func() bool {
		return len(s.router.matching("^PAGE alice TRIGGERED container-died")) >= accepted
	})
	if lines := s.router.matching("database space exceeded"); len(lines) > 0 {
		t.Errorf("etcd itself refused what was accepted, %d times: %s", len(lines), lines[0])
	}
	// With more room the same state goes on, and everything that was accepted is there.
	s.router.stop(t)
	text, err := os.ReadFile(s.path("router.toml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("router.toml", strings.Replace(string(text), "16777216", "67108864", 1), 0o644)
	s.startRouter()
	if status := s.deaths(accepted, 1); status != 204 {
		t.Errorf("with more room: found %d", status)
	}
	if open := s.metric("nezuban_incidents_open"); open < float64(accepted) {
		t.Errorf("found %v open incidents, %d were accepted", open, accepted)
	}
}

// TestAFullDiskIsToldAndOvercome fills the disk of a running router and empties it again.
func TestAFullDiskIsToldAndOvercome(t *testing.T) {
	t.Parallel() // it mostly waits
	testenv.Root(t)
	s := smallStack(t)
	s.smallDisk()
	s.startRouter()
	if status := s.deaths(0, 1); status != 204 {
		t.Fatalf("found %d", status)
	}
	ballast := s.fillDisk(1 << 20)
	if status := s.deaths(1, 1); status != 503 {
		t.Errorf("on a full disk found %d, want 503", status)
	}
	s.router.await(t, 60*time.Second, 0, "^PAGE alice TRIGGERED nezuban-state-unwritable")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.router.await(t, 30*time.Second, 0, "^PAGE alice RESOLVED nezuban-state-unwritable")
	if status := s.deaths(2, 1); status != 204 {
		t.Errorf("with room again: found %d", status)
	}
	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=c000002")
}

// smallDisk gives the router's state a disk of 400 MiB.
func (s *stack) smallDisk() {
	s.t.Helper()
	state := s.path("state")
	if err := os.Mkdir(state, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=400m,mode=0700"); err != nil {
		testenv.LeftOut(s.t, "mount", "run the tests as a root who may mount")
	}
	s.t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
}

// fillDisk fills it but for so many bytes, and gives the file that does.
func (s *stack) fillDisk(left int64) (ballast string) {
	s.t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(s.path("state"), &fs); err != nil {
		s.t.Fatal(err)
	}
	ballast = s.path("state/ballast")
	if err := os.WriteFile(ballast, make([]byte, int64(fs.Bavail)*fs.Bsize-left), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return ballast
}

// TestARouterThatComesBackToAFullDiskTells kills a router in the middle of a page and fills its disk: when it is back it tells
// past the outbox that it cannot go on, and the page goes out once there is room.
func TestARouterThatComesBackToAFullDiskTells(t *testing.T) {
	t.Parallel() // it mostly waits
	testenv.Root(t)
	account, config := newPagerDuty(t)
	s := prepareStack(t, pagedBy("pagerduty", "terminal", "10m"), config+apart)
	s.smallDisk()
	s.startRouter()
	release := account.Hang()
	if status, body := s.post(die(time.Now())); status != 204 {
		t.Fatalf("found %d %s", status, body)
	}
	await(t, account, 10*time.Second, func(seen fakepagerduty.Snapshot) bool { return len(seen.Requests) == 1 })
	s.router.kill()
	await(t, account, 10*time.Second, func(seen fakepagerduty.Snapshot) bool { return seen.Requests[0].Gone })
	release()
	ballast := s.fillDisk(90 << 20)
	s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
	has := func(seen fakepagerduty.Snapshot, what string) bool {
		return slices.ContainsFunc(seen.Incidents, func(i fakepagerduty.Incident) bool { return strings.Contains(i.Title, what) })
	}
	seen := await(t, account, 60*time.Second, func(seen fakepagerduty.Snapshot) bool { return has(seen, "the router's state cannot be written") })
	if has(seen, "container shop died") {
		t.Error("the page went out although it cannot be stored that it did")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	await(t, account, 30*time.Second, func(seen fakepagerduty.Snapshot) bool { return has(seen, "container shop died") })
}
