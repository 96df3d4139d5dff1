package packaging

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakepagerduty"
)

// TestWhatWasAcceptedIsPagedWhenTheRouterIsKilledAtRandom kills a router again and again while deaths are reported to
// it, at moments drawn from a seed, and demands one page for each death whose report was answered with success.
func TestWhatWasAcceptedIsPagedWhenTheRouterIsKilledAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	account, config := newPagerDuty(t)
	s := newStack(t, pagedBy("pagerduty", "pagerduty", "10m"), config)
	accepted := map[string]bool{} // containers whose death was taken
	reported := 0
	for round := range 10 {
		if round > 0 {
			s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
		}
		deadline := time.Now().Add(time.Duration(random.IntN(1500)) * time.Millisecond)
		killed := make(chan struct{})
		router := s.router
		timer := time.AfterFunc(time.Until(deadline), func() { defer close(killed); router.kill() })
		for alive := true; alive; {
			name := fmt.Sprintf("c%03d", reported)
			reported++
			if s.report(name) {
				accepted[name] = true
			}
			pause := time.NewTimer(time.Duration(random.IntN(40)) * time.Millisecond)
			select {
			case <-killed:
				alive = false
			case <-pause.C:
			}
		}
		timer.Stop()
	}
	if len(accepted) < 10 {
		t.Fatalf("only %d of %d reports were taken", len(accepted), reported)
	}
	restarted := time.Now()
	s.startRouter()
	paged := map[string]int{}
	await(t, account, 30*time.Second, func(all fakepagerduty.Snapshot) bool {
		clear(paged)
		for _, inc := range all.Incidents {
			paged[strings.Fields(inc.Title)[1]]++ // "container c007 died …"
		}
		for name := range accepted {
			if paged[name] == 0 {
				return false
			}
		}
		return true
	})
	t.Logf("%d of %d reports were taken; the last page was out %s after the last restart", len(accepted), reported, time.Since(restarted).Round(time.Millisecond))
	for name, n := range paged {
		if n != 1 {
			t.Errorf("%s has %d incidents at PagerDuty, want one", name, n)
		}
	}
}

// report tells the router of a container's death, and says whether it was taken. The router may be dead.
func (s *stack) report(name string) bool {
	body := strings.NewReader(event(name, "die", time.Now(), ",exit_code=7i,requested=false"))
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.addr+"/api/v2/write?bucket=nezuban", body)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}
