package packaging

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakepagerduty"
)

// TestTodaysRouterGoesOnFromTheStateOfTheCommitBefore lets the router of the previous commit open incidents, take an
// acknowledgement and a silence and die by SIGKILL in the middle of a page, and starts today's in its place.
func TestTodaysRouterGoesOnFromTheStateOfTheCommitBefore(t *testing.T) {
	before, commit := testenv.BuildBefore(t, "./router")
	account, config := newPagerDuty(t)
	s := prepareStack(t, pagedBy("pagerduty", "pagerduty", "10m"), "reopen_within = \"0s\"\n"+config+apart)
	s.router = start(t, before, "run", "-config", s.path("router.toml"))
	s.awaitReady("http://" + s.addr + "/readyz")
	s.takesDeath("had")
	s.takesDeath("open")
	told := await(t, account, 10*time.Second, func(seen fakepagerduty.Snapshot) bool { return pagedAt(seen, "had") == 1 && pagedAt(seen, "open") == 1 })
	toml := "-config=" + s.path("router.toml")
	s.command(before, "ack", "-by", "alice", toml, atPagerDuty(told, "had").Key)
	s.command(before, "silence", "add", "-by", "alice", "-reason", "kernel update", "-for", "1h", toml, "container_name=quiet")
	await(t, account, 10*time.Second, func(seen fakepagerduty.Snapshot) bool { return atPagerDuty(seen, "had").Status == "acknowledged" })
	release := account.Hang()
	requests := len(account.Requests())
	s.takesDeath("late")
	await(t, account, 10*time.Second, func(seen fakepagerduty.Snapshot) bool { return len(seen.Requests) > requests })
	s.router.kill()
	release()

	s.startRouter()
	s.takesDeath("quiet")
	s.takesDeath("after")
	told = await(t, account, 20*time.Second, func(seen fakepagerduty.Snapshot) bool {
		return pagedAt(seen, "late") == 1 && pagedAt(seen, "after") == 1
	})
	listed := s.command("nezuban-router", "incidents", toml)
	for name, says := range map[string]string{
		"had": "acknowledged by alice", "open": "triggered", "late": "triggered", "after": "triggered", "quiet": "triggered, suppressed",
	} {
		line := lineWith(listed, "container "+name+" died")
		if !strings.Contains(line, " "+says+" ") {
			t.Errorf("after %s the incident of %s stands as %q, want %s", commit, name, line, says)
		}
		if at := atPagerDuty(told, name); name != "quiet" && (pagedAt(told, name) != 1 || !strings.HasPrefix(line, at.Key)) {
			t.Errorf("after %s PagerDuty has %d incidents of %s, with the key %q, want one with the id in %q", commit, pagedAt(told, name), name, at.Key, line)
		}
	}
	if pagedAt(told, "quiet") > 0 {
		t.Errorf("after %s a silence is forgotten", commit)
	}
	for _, name := range []string{"had", "open", "late", "quiet"} {
		s.post(event(name, "start", time.Now(), ""))
	}
	await(t, account, 20*time.Second, func(seen fakepagerduty.Snapshot) bool {
		return !slices.ContainsFunc([]string{"had", "open", "late"}, func(name string) bool { return atPagerDuty(seen, name).Status != "resolved" })
	})
}

// takesDeath reports that a container died, which must be taken.
func (s *stack) takesDeath(name string) {
	s.t.Helper()
	if status, body := s.post(event(name, "die", time.Now(), ",exit_code=7i,requested=false")); status != http.StatusNoContent {
		s.t.Fatalf("found %d %s", status, body)
	}
}

// atPagerDuty is what PagerDuty has of a container's death; the zero value is nothing.
func atPagerDuty(seen fakepagerduty.Snapshot, name string) fakepagerduty.Incident {
	for _, inc := range seen.Incidents {
		if strings.Fields(inc.Title)[1] == name {
			return inc
		}
	}
	return fakepagerduty.Incident{}
}

// lineWith is the first line that holds a text.
func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
