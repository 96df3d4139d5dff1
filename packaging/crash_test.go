package packaging

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/packaging/testenv/fakewebhook"
)

// Environment of the crash test, for `make crash` and for a run that is to be repeated.
const (
	crashesEnv   = "NEZUBAN_CRASHES"    // how many kills; 30 unless set
	crashSeedEnv = "NEZUBAN_CRASH_SEED" // from which every moment and choice is drawn; the time unless set
)

const (
	killsPerEpoch   = 25               // between two looks at everything
	restartToPage   = 10 * time.Second // what was accepted before a kill is paged at most this long after the next start
	longestLife     = 1000             // milliseconds to a router's kill: from its start one time in three, else from when it serves
	longestOfMany   = 8000             // the same for one of several: without its leader nothing is taken for some seconds
	slowestReporter = 60               // milliseconds between two reports of one reporter
)

// TestNothingAcceptedIsLostWhenTheRouterIsKilledAtRandom kills a router again and again, at moments drawn from a seed and
// in the middle of its start too, while problems are reported to it, acknowledged, resolved and silenced. The test counts
// what was answered with success. Of that it demands that each problem is paged, by a webhook or at PagerDuty, as one
// incident and one message, whose repeats say that they are some; that what was acknowledged stays so; that of what was
// resolved everybody heard; that what was silenced pages nobody; and that all pages are out ten seconds after the last
// start.
func TestNothingAcceptedIsLostWhenTheRouterIsKilledAtRandom(t *testing.T) {
	account, hook, config := crashProviders(t)
	s := prepareStack(t, crashOncall, config)
	crashContacts(s, hook)
	newCrashes(t, account, hook, []*stack{s}, nil).run(crashCount(t, crashesEnv, 30))
}

// TestNothingAcceptedIsLostWhenRoutersAndMembersAreKilledAtRandom does the same with three routers on an etcd of three
// members, which are killed as well.
func TestNothingAcceptedIsLostWhenRoutersAndMembersAreKilledAtRandom(t *testing.T) {
	account, hook, config := crashProviders(t)
	etcd := testenv.Etcd(t, 3)
	routers := newCluster(t, etcd, 3, config)
	for _, s := range routers {
		s.write("oncall.toml", crashOncall, 0o644)
		crashContacts(s, hook)
	}
	newCrashes(t, account, hook, routers, etcd).run(max(crashCount(t, crashesEnv, 30)/5, 10))
}

// crashProviders are the fakes, and the routers' settings for them. Of a storm each problem is paged by itself.
func crashProviders(t *testing.T) (*fakepagerduty.Server, *fakewebhook.Server, string) {
	t.Helper()
	const many = "pages_per_minute = 100000\n"
	account, config := newPagerDuty(t)
	hook := fakewebhook.New(t, fakewebhook.Secret)
	return account, hook, config + many + fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret)) + many + apart
}

func crashContacts(s *stack, hook *fakewebhook.Server) {
	s.write("contacts.toml", fmt.Sprintf("[alice]\nwebhook = %q\n[bob]\npagerduty = \"PBOB\"\n", hook.URL+"/"), 0o600)
}

// The rotation of the crash tests: alice hears by webhook of what is reported as alerts, bob at PagerDuty of containers.
const crashOncall = `zone = "UTC"
[people]
alice = { page = ["webhook"] }
bob   = { page = ["pagerduty"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.hook]
steps = [{ page = "primary", wait = "12h" }]
fallback = "alice"
[policy.account]
steps = [{ page = "bob", wait = "12h" }]
fallback = "bob"
[[route]]
match = { alertname = "Crash" }
policy = "hook"
[[route]]
policy = "account"
`

// crashCount is how many kills are asked for by a variable of the environment.
func crashCount(t *testing.T, variable string, unless int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return unless
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: found %q, expected a number from 1", variable, text)
	}
	return n
}

// crashSeed is the seed that a variable of the environment asks for, or else of this moment; the log has it.
func crashSeed(t *testing.T, variable string) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(variable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
	}
	t.Logf("seed %d: %s=%d repeats its choices", seed, variable, seed)
	return seed
}

// crashes is one run: routers, providers, and what was answered with success.
type crashes struct {
	t       *testing.T
	seed    uint64
	random  *rand.Rand // of the killer alone
	fleet   *fleet
	account *fakepagerduty.Server
	hook    *fakewebhook.Server

	youngest int // the router that was started last

	mu      sync.Mutex
	number  int                 // of the next problem
	open    map[string]*problem // by name: of this epoch, and those that were acknowledged
	heard   int                 // messages of the webhook that were looked at
	ids     map[string]string   // problem → incident
	pages   map[string]string   // problem → page id of its trigger
	ends    map[string]string   // problem → page id of its resolve
	acked   []*problem
	silent  []string // problems for which a silence was taken
	counted counts
}

// counts are what a run is told by.
type counts struct {
	kills, inStart, members           int
	reports, accepted, acks, resolves int
	silenced                          int           // problems that were taken while a silence held for them
	waiting                           int           // nobody told of them before a burst's kill
	slowest                           time.Duration // from a start to the last page
}

// problem is what was reported.
type problem struct {
	name     string
	account  bool   // told at PagerDuty, else by webhook
	id       string // of its incident, once a message has named it
	acked    bool   // answered with success
	resolved bool   // answered with success
	touched  bool   // somebody has tried to end or to take it: how it stands may be unknown
}

func newCrashes(t *testing.T, account *fakepagerduty.Server, hook *fakewebhook.Server, routers []*stack, members *testenv.EtcdCluster) *crashes {
	t.Helper()
	seed := crashSeed(t, crashSeedEnv)
	return &crashes{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), fleet: newFleet(t, routers, members), account: account, hook: hook,
		open: map[string]*problem{}, ids: map[string]string{}, pages: map[string]string{}, ends: map[string]string{},
	}
}

// run kills so many times, and looks at everything now and then.
func (c *crashes) run(kills int) {
	for epoch := 0; c.counted.kills < kills && !c.t.Failed(); epoch++ {
		c.epoch(epoch, min(killsPerEpoch, kills-c.counted.kills-1))
	}
	n := c.counted
	c.t.Logf("%d kills of routers, %d of them while one was starting, %d of etcd's members; %d of %d reports were taken, %d acknowledged, %d resolved, %d silenced; %d deliveries were repeats; after bursts %d pages were out at most %s after the start",
		n.kills, n.inStart, n.members, n.accepted, n.reports, n.acks, n.resolves, n.silenced, c.hook.Doubled(), n.waiting, n.slowest.Round(time.Millisecond))
	const enough = 30 // for chance to have brought each kind
	if kills >= enough && (n.inStart == 0 || (c.fleet.members != nil && n.members == 0)) {
		c.t.Errorf("nothing was killed while it started, or no member of etcd was")
	}
	if n.accepted < kills || n.silenced == 0 || n.acks == 0 || n.resolves == 0 || n.waiting == 0 {
		c.t.Errorf("too little was taken to prove anything")
	}
}

// epoch kills under load, then lets everything come to rest and checks it.
func (c *crashes) epoch(number, kills int) {
	loading, rest := context.WithCancel(c.t.Context())
	var load sync.WaitGroup
	for worker := range 3 {
		random := rand.New(rand.NewPCG(c.seed, uint64(1+worker+10*number)))
		load.Go(func() { c.report(loading, random, worker == 0) })
	}
	load.Go(func() { c.act(loading, rand.New(rand.NewPCG(c.seed, uint64(8+10*number)))) })
	load.Go(func() { c.silence(loading, rand.New(rand.NewPCG(c.seed, uint64(9+10*number)))) })
	for range kills {
		c.kill()
	}
	rest()
	load.Wait()
	c.burst()
	c.settle()
}

// burst kills a router in the moment in which it has taken many problems, most of which nobody has been told.
func (c *crashes) burst() {
	const many = 50
	var problems []*problem
	var alerts []string
	for range many {
		p := c.newProblem(false)
		problems, alerts = append(problems, p), append(alerts, crashAlert(p.name, time.Time{}))
	}
	victim := c.random.IntN(len(c.fleet.routers))
	// Of several routers the one that leads may live on, and tell of all at once; and one that is killed a little late has told of all.
	if c.fleet.members != nil || c.counted.waiting == 0 {
		defer c.hook.Hang()()
	}
	eventually(c.t, 30*time.Second, "the burst is taken", func() bool {
		status, _ := c.fleet.ask(victim, http.MethodPost, "/api/v2/alerts", "", "["+strings.Join(alerts, ",")+"]")
		return status == http.StatusOK
	})
	c.fleet.killAfter(victim, 0, false)
	for _, p := range problems {
		c.taken(p, true)
	}
	c.listen()
	c.counted.kills++
	c.counted.waiting += len(c.missing(false))
	c.fleet.start(victim)
}

// kill lets a router live for a while, kills it, and starts it again.
func (c *crashes) kill() {
	victim, longest := c.random.IntN(len(c.fleet.routers)), longestLife
	serving := c.random.IntN(3) > 0
	switch {
	case !serving:
		victim = c.youngest
	case c.fleet.members != nil:
		longest = longestOfMany
	}
	life := time.Duration(c.random.IntN(longest)) * time.Millisecond
	if c.fleet.members != nil && c.random.IntN(3) == 0 {
		c.fleet.killMember(c.random.IntN(len(c.fleet.members.Endpoints)))
		c.counted.members++
	}
	inStart := c.fleet.killAfter(victim, life, serving)
	c.counted.kills++
	if inStart {
		c.counted.inStart++
	}
	c.fleet.start(victim)
	c.youngest = victim
}
