package packaging

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/packaging/testenv/fakewebhook"
)

// newCluster prepares routers on one etcd, all with the first one's tokens; none is started.
func newCluster(t *testing.T, etcd *testenv.EtcdCluster, routers int, more string) []*stack {
	t.Helper()
	var all []*stack
	for range routers {
		s := prepareStack(t, pagedBy("pagerduty", "pagerduty", "10m"), more)
		text, err := os.ReadFile(s.path("router.toml"))
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf("advertise = \"http://%s\"\n%s\n[etcd]\nendpoints = [\"%s\"]\n", s.addr, text, strings.Join(etcd.Endpoints, `", "`))
		s.write("router.toml", head, 0o644)
		tokens := filepath.Join(s.dir, "state", "tokens")
		if err := os.MkdirAll(tokens, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"ingest", "read", "act"} {
			if err := os.WriteFile(filepath.Join(tokens, kind), []byte("token-of-kind-"+kind+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, s)
	}
	return all
}

// leading is the index of the router that leads, or -1.
func leading(all []*stack) int {
	for i, s := range all {
		resp, err := http.Get("http://" + s.addr + "/healthz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if s.metric("nezuban_leading") == 1 {
			return i
		}
	}
	return -1
}

// leads waits until one of the routers leads, and gives its index: a machine that stands still for longer than a lease takes the lead from
// the one that had it.
func leads(t *testing.T, all []*stack) (at int) {
	t.Helper()
	eventually(t, 30*time.Second, "a router leads", func() bool { at = leading(all); return at >= 0 })
	return at
}

func pagedAt(all fakepagerduty.Snapshot, name string) int {
	n := 0
	for _, inc := range all.Incidents {
		if strings.Fields(inc.Title)[1] == name {
			n++
		}
	}
	return n
}

// TestTheLeadIsTakenOverWhenTheLeaderIsKilled kills the router that leads, twice, and demands of each time that what was
// accepted before is paged once, that what a follower is sent is paged by the next leader within 10 s, and that an incident
// that was acknowledged stays so.
func TestTheLeadIsTakenOverWhenTheLeaderIsKilled(t *testing.T) {
	account, config := newPagerDuty(t)
	all := newCluster(t, testenv.Etcd(t, 3), 3, "reopen_within = \"0s\"\n"+config+apart)
	for _, s := range all {
		s.startRouter()
	}
	follower := func() *stack { return all[(leads(t, all)+1)%3] }
	if status, body := follower().post(event("first", "die", time.Now(), ",exit_code=7i,requested=false")); status != http.StatusNoContent {
		t.Fatalf("a follower answers %d %s", status, body)
	}
	await(t, account, 5*time.Second, func(s fakepagerduty.Snapshot) bool { return pagedAt(s, "first") == 1 })
	s := follower()
	id := strings.Fields(strings.Split(s.command("nezuban-router", "incidents", "-config="+s.path("router.toml")), "\n")[1])[0]
	s.command("nezuban-router", "ack", "-by", "alice", id, "-config="+s.path("router.toml"))

	for round := range 2 {
		at := leads(t, all)
		before, after := fmt.Sprintf("before%d", round), fmt.Sprintf("after%d", round)
		if !all[at].report(before) {
			t.Fatal("the leader took nothing")
		}
		all[at].router.kill()
		killed := time.Now()
		next := all[(at+1)%3]
		eventually(t, 20*time.Second, "a router that is left takes a report", func() bool { return next.report(after) })
		await(t, account, 10*time.Second, func(s fakepagerduty.Snapshot) bool { return pagedAt(s, before) == 1 && pagedAt(s, after) == 1 })
		if took := running(t, killed, time.Now()); took > 10*time.Second {
			t.Errorf("the next page came %s after the kill, want at most 10 s", took)
		} else {
			t.Logf("the next page came %s after the kill", took.Round(time.Millisecond))
		}
		if listed := next.command("nezuban-router", "incidents", "-config="+next.path("router.toml")); !strings.Contains(listed, "acknowledged") {
			t.Errorf("after the takeover incidents prints\n%s", listed)
		}
		all[at].startRouter()
	}
	seen := await(t, account, time.Second, func(fakepagerduty.Snapshot) bool { return true })
	for _, name := range []string{"first", "before0", "after0", "before1", "after1"} {
		if n := pagedAt(seen, name); n != 1 {
			t.Errorf("%s has %d incidents at PagerDuty, want one", name, n)
		}
	}

	// What is over is in the folder of every router, of the one that was away while it was closed too.
	away := (leads(t, all) + 1) % 3
	all[away].router.kill()
	s = all[leads(t, all)]
	s.command("nezuban-router", "resolve", "-by", "alice", id, "-config="+s.path("router.toml"))
	everywhere := func() bool {
		for i, s := range all {
			if _, err := os.Stat(s.path("state/closed/" + id + ".json")); err != nil && i != away {
				return false
			}
		}
		return true
	}
	eventually(t, 10*time.Second, "the closed incident is filed by all routers that run", everywhere)
	all[away].startRouter()
	away = -1
	eventually(t, 10*time.Second, "the closed incident is filed by the router that was away", everywhere)
}

// TestARouterLosesNothingWhenEtcdIsAway stops the majority of etcd's members, and demands that nothing is taken meanwhile
// and that all goes on by itself afterwards.
func TestARouterLosesNothingWhenEtcdIsAway(t *testing.T) {
	t.Parallel() // it mostly waits
	account, config := newPagerDuty(t)
	etcd := testenv.Etcd(t, 3)
	all := newCluster(t, etcd, 2, config+apart)
	for _, s := range all {
		s.startRouter()
	}
	etcd.Kill(0)
	eventually(t, 15*time.Second, "a report is taken without one member", func() bool { return all[0].report("one") })
	etcd.Kill(1)
	for range 20 {
		if all[0].report("lost") || all[1].report("lost") {
			t.Fatal("a report was taken without a majority")
		}
	}
	etcd.Start(0) // with 2
	eventually(t, 30*time.Second, "a report is taken with two members", func() bool { return all[1].report("two") })
	await(t, account, 10*time.Second, func(s fakepagerduty.Snapshot) bool { return pagedAt(s, "one") == 1 && pagedAt(s, "two") == 1 })
}

// edit replaces what stands once in a file.
func (s *stack) edit(name, old, with string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		s.t.Fatalf("%s does not have %q once:\n%s", name, old, text)
	}
	s.write(name, strings.Replace(string(text), old, with, 1), 0o644)
}

// answered is how a router answered one report.
type answered struct {
	name        string
	sent        time.Time
	took        time.Duration
	code        int
	retryAfter  string
	undelivered error
}

// keepReporting reports deaths one after another until stop is called, ten at a time; a report whose answer is late holds up no other.
func (s *stack) keepReporting(prefix string) (stop func() []answered) {
	var mu sync.Mutex
	var all []answered
	var sending sync.WaitGroup
	ended := make(chan struct{})
	for sender := range 10 {
		sending.Go(func() {
			ticker := time.NewTicker(200 * time.Millisecond)
			defer ticker.Stop()
			for i := 0; ; i++ {
				a := answered{name: fmt.Sprintf("%s-%d-%d", prefix, sender, i), sent: time.Now()}
				resp, err := http.Post("http://"+s.addr+"/api/v2/write", "text/plain", strings.NewReader(event(a.name, "die", a.sent, ",exit_code=7i,requested=false")))
				if err == nil {
					a.code, a.retryAfter = resp.StatusCode, resp.Header.Get("Retry-After")
					_ = resp.Body.Close()
				}
				a.took, a.undelivered = time.Since(a.sent), err
				mu.Lock()
				all = append(all, a)
				mu.Unlock()
				select {
				case <-ended:
					return
				case <-ticker.C:
				}
			}
		})
	}
	return func() []answered { close(ended); sending.Wait(); return all }
}

// TestALeaderThatIsCutOffFromEtcdStopsAtOnce takes etcd away from the router that leads, while it is sending and is sent reports. It
// demands that it leads no more when its lease is over, that it holds no report longer than that, and that it answers at once from
// then on; that the other router leads within 10 s and tells what was accepted; and that the first passes on what it is sent when
// it finds etcd again.
func TestALeaderThatIsCutOffFromEtcdStopsAtOnce(t *testing.T) {
	const (
		lease = 5 * time.Second
		slack = 1500 * time.Millisecond // of a busy machine
	)
	receiver := fakewebhook.New(t, fakewebhook.Secret)
	etcd := testenv.Etcd(t, 1)
	all := newCluster(t, etcd, 2, fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret))+apart)
	var ways []*testenv.Relay
	for i, s := range all {
		s.write("oncall.toml", pagedBy("webhook", "webhook", "10m"), 0o644)
		s.write("contacts.toml", fmt.Sprintf("[alice]\nwebhook = %q\n[bob]\nwebhook = %q\n", receiver.URL, receiver.URL), 0o600)
		ways = append(ways, testenv.NewRelay(t, strings.TrimPrefix(etcd.Endpoints[0], "http://")))
		s.edit("router.toml", etcd.Endpoints[0], "http://"+ways[i].Addr)
		s.startRouter()
	}
	leader := leads(t, all)
	cut, other, way := all[leader], all[1-leader], ways[leader]
	release := receiver.Hang()
	stop := cut.keepReporting("r")
	eventually(t, 10*time.Second, "messages are under way", func() bool { return len(receiver.Requests()) >= 10 })

	way.Still()
	begun := time.Now()
	eventually(t, 30*time.Second, "it leads no more", func() bool { return cut.metric("nezuban_leading") == 0 })
	ended := time.Now()
	eventually(t, 30*time.Second, "the other router leads", func() bool { return other.metric("nezuban_leading") == 1 })
	taken := time.Now()
	t.Logf("the router that is cut off leads no more after %s, the other one leads after %s", ended.Sub(begun).Round(10*time.Millisecond), taken.Sub(begun).Round(10*time.Millisecond))
	if running(t, begun, ended) > lease+slack {
		t.Errorf("it led for %s after it was cut off, want at most %s", ended.Sub(begun), lease)
	}
	if running(t, begun, taken) > 10*time.Second {
		t.Errorf("the other router leads after %s, want at most 10 s", taken.Sub(begun))
	}
	eventually(t, slack, "its log says that it leads no more", func() bool { return strings.Contains(cut.router.logged(), "this router leads no more") })
	eventually(t, 20*time.Second, "the hung messages go by the other router", func() bool { return other.metric("nezuban_leading") == 1 && len(receiver.Requests()) >= 20 })
	release()
	way.Open()
	eventually(t, 20*time.Second, "it passes on what it is sent", func() bool { return cut.report("later") })
	reports := stop()

	var longest, afterwards time.Duration
	refused := 0 // after it had stopped
	accepted := []string{"later"}
	for _, a := range reports {
		if a.undelivered != nil {
			t.Fatal(a.undelivered)
		}
		switch {
		case a.code == http.StatusNoContent:
			accepted = append(accepted, a.name)
		case a.code != http.StatusServiceUnavailable || a.retryAfter == "":
			t.Errorf("%s is answered %d, Retry-After %q", a.name, a.code, a.retryAfter)
		}
		took := a.took - machine.Within(a.sent, a.sent.Add(a.took))
		if a.sent.Before(ended) {
			longest = max(longest, took)
		} else if a.code == http.StatusServiceUnavailable {
			refused, afterwards = refused+1, max(afterwards, took)
		}
	}
	t.Logf("%d of %d reports were taken; the longest was held for %s while it led, and %s afterwards", len(accepted)-1, len(reports), longest.Round(10*time.Millisecond), afterwards.Round(10*time.Millisecond))
	if longest > lease+slack {
		t.Errorf("a report was held for %s, want no longer than the lease, %s", longest, lease)
	}
	if refused == 0 || afterwards > slack {
		t.Errorf("after it had stopped %d reports were refused, the latest after %s, want some, at once", refused, afterwards)
	}
	told := func() (missing []string) {
		var said strings.Builder
		for _, m := range receiver.Messages() {
			said.Write(m.Body)
		}
		for _, name := range accepted {
			if !strings.Contains(said.String(), fmt.Sprintf("%q", name)) {
				missing = append(missing, name)
			}
		}
		return missing
	}
	eventually(t, 30*time.Second, "all that was accepted is told", func() bool { return len(told()) == 0 })
}

// answer is the status and text with which a router answers a GET; 0 when it does not answer.
func (s *stack) answer(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// TestTwoRoutersWithOneURLAreTold gives the second router the URL of the first, as a copied router.toml does. It cannot pass anything on,
// and says why wherever somebody looks; a restart of the first, which finds what it was itself before, says nothing of the kind.
func TestTwoRoutersWithOneURLAreTold(t *testing.T) {
	t.Parallel() // it mostly waits
	all := newCluster(t, testenv.Etcd(t, 1), 2, "")
	first, second := all[0], all[1]
	for _, s := range all {
		s.write("oncall.toml", oncallText, 0o644)
	}
	second.edit("router.toml", "advertise = \"http://"+second.addr, "advertise = \"http://"+first.addr)
	first.startRouter()
	first.router.kill()
	first.startRouter()
	if logged := first.router.logged(); strings.Contains(logged, "advertise: found") {
		t.Errorf("a router that is alone logs\n%s", logged)
	}
	second.router = start(t, "nezuban-router", "run", "-config", second.path("router.toml"))
	why := fmt.Sprintf("advertise: found %q, which the router that leads, on ", "http://"+first.addr)
	eventually(t, 30*time.Second, "/readyz says it", func() bool {
		code, text := second.answer("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, why)
	})
	eventually(t, 5*time.Second, "the log says it", func() bool { return strings.Count(second.router.logged(), "with=advertise") == 1 })
	if status, body := second.post(die(time.Now())); status != http.StatusServiceUnavailable || !strings.Contains(body, "advertise: found") || !strings.Contains(body, first.addr) {
		t.Errorf("a report is answered %d %s", status, body)
	}
	if code, text := first.answer("/readyz"); code != http.StatusOK {
		t.Errorf("the router that leads: %d %s", code, text)
	}
}

// TestAFollowerThatReachesNoLeaderIsNotReady lets the router that leads say that it is where nobody is. The other one finds out without
// being sent anything, and is ready as soon as another router leads, which it reaches.
func TestAFollowerThatReachesNoLeaderIsNotReady(t *testing.T) {
	t.Parallel() // it mostly waits
	all := newCluster(t, testenv.Etcd(t, 1), 2, "")
	leader, follower := all[0], all[1]
	for _, s := range all {
		s.write("oncall.toml", oncallText, 0o644)
	}
	leader.edit("router.toml", "advertise = \"http://"+leader.addr, "advertise = \"http://"+testenv.FreeAddress(t))
	leader.startRouter()
	follower.router = start(t, "nezuban-router", "run", "-config", follower.path("router.toml"))
	eventually(t, 30*time.Second, "/readyz says why", func() bool {
		code, text := follower.answer("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "leader: this router cannot pass on what it is sent: ") && strings.Contains(text, "connection refused")
	})
	if code, text := follower.answer("/health"); code != http.StatusServiceUnavailable {
		t.Errorf("/health: %d %s", code, text)
	}
	said := func() int {
		return strings.Count(follower.router.logged(), "with=\"passing on to the router that leads\"")
	}
	eventually(t, 5*time.Second, "the log says it", func() bool { return said() > 0 })
	if n := said(); n != 1 {
		t.Errorf("the log says it %d times, want once:\n%s", n, follower.router.logged())
	}
	if status, body := follower.post(die(time.Now())); status != http.StatusServiceUnavailable || !strings.Contains(body, "this router cannot reach the one that leads") {
		t.Errorf("a report is answered %d %s", status, body)
	}
	if n := follower.metric("nezuban_forward_failures_total"); n != 1 {
		t.Errorf("nezuban_forward_failures_total is %v, want 1", n)
	}
	leader.router.stop(t)
	follower.awaitReady("http://" + follower.addr + "/readyz")
	leader.startRouter() // which reaches the other one, and says so by being ready
}

// TestALinkWorksAtEveryRouter presses the button of a message at a router that does not lead: what comes in by its public
// listener is the leader's to answer.
func TestALinkWorksAtEveryRouter(t *testing.T) {
	receiver := fakewebhook.New(t, fakewebhook.Secret)
	all := newCluster(t, testenv.Etcd(t, 1), 2, fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret)))
	public, _ := outside(t)
	listens := []string{strings.TrimPrefix(public, "http://"), testenv.FreeAddress(t)}
	for i, s := range all {
		text, err := os.ReadFile(s.path("router.toml"))
		if err != nil {
			t.Fatal(err)
		}
		s.write("router.toml", string(text)+fmt.Sprintf("[public]\nlisten = %q\nurl = %q\n", listens[i], public), 0o644)
		s.write("oncall.toml", pagedBy("webhook", "webhook", "10m"), 0o644)
		s.write("contacts.toml", fmt.Sprintf("[alice]\nwebhook = %q\n[bob]\nwebhook = %q\n", receiver.URL, receiver.URL), 0o600)
		s.startRouter()
	}
	leader := leads(t, all)
	all[1-leader].post(die(time.Now()))
	page, err := receiver.WaitFor(within(t, 20*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(regexp.QuoteMeta(public) + `/a/[^\s"\\]+`).FindString(string(page[0].Body))
	elsewhere := "http://" + listens[1-leader] + strings.TrimPrefix(link, public)
	if shown := scan(t, http.MethodGet, elsewhere); link == "" || shown != "200" {
		t.Fatalf("the link %q is answered %s by the router that does not lead", link, shown)
	}
	if nothing := scan(t, http.MethodGet, "http://"+listens[1-leader]+"/api/v1/incidents"); nothing != "404" {
		t.Errorf("the public listener answers the API with %s", nothing)
	}
	pressed, err := http.Post(elsewhere, "application/x-www-form-urlencoded", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = pressed.Body.Close()
	all[leader].becomes("acknowledged", "alice")
}

// TestNoRouterIsReadyBeforeARotationFileIsApplied asks both routers of a cluster, of which one leads.
func TestNoRouterIsReadyBeforeARotationFileIsApplied(t *testing.T) {
	all := newCluster(t, testenv.Etcd(t, 1), 2, "")
	for _, s := range all {
		text, err := os.ReadFile(s.path("router.toml"))
		if err != nil {
			t.Fatal(err)
		}
		s.write("router.toml", "oncall_source = \"apply\"\n"+string(text), 0o644)
		s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
	}
	leader := all[leads(t, all)]
	for _, s := range all {
		eventually(t, 10*time.Second, "the only reason why it is not ready is that nothing was applied", func() bool {
			code, text := s.answer("/readyz")
			return code == http.StatusServiceUnavailable && strings.Count(text, "\n") == 1 &&
				strings.Contains(text, "no rotation file was ever applied: run nezuban-oncall apply")
		})
		if code, text := s.answer("/health"); code != http.StatusServiceUnavailable {
			t.Errorf("/health: %d %s", code, text)
		}
	}
	text, err := os.ReadFile(leader.path("oncall.toml"))
	if err != nil {
		t.Fatal(err)
	}
	leader.write("oncall.toml", strings.ReplaceAll(string(text), `"pagerduty"`, `"terminal"`), 0o644) // these routers have no PagerDuty
	if printed, code := leader.apply("oncall.toml"); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	for _, s := range all {
		s.awaitReady("http://" + s.addr + "/readyz")
		if code, text := s.answer("/health"); code != http.StatusOK {
			t.Errorf("/health: %d %s", code, text)
		}
	}
}
