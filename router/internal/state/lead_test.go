package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/state/record"
)

// connect makes a connection of its own to a cluster.
func connect(t *testing.T, endpoints ...string) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), Options{Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// steady makes a connection whose terms outlast a machine that stands still for a while, where it is not looked at how they are lost.
func steady(t *testing.T, endpoints ...string) *Conn {
	t.Helper()
	c := connect(t, endpoints...)
	c.lease = time.Minute
	return c
}

// candidate is a router whose clock is so far off.
func candidate(name string, off time.Duration) Candidate {
	return Candidate{Name: name, URL: "http://" + name, Now: func() time.Time { return time.Now().Add(off) }}
}

// lead campaigns in the background.
func lead(t *testing.T, c *Conn, self Candidate) <-chan *Term {
	t.Helper()
	won := make(chan *Term, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if term, err := c.Campaign(ctx, self); err == nil {
			won <- term
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		select {
		case term := <-won:
			term.Resign()
		default:
		}
	})
	return won
}

// patience is how long a test waits for what no time is promised for.
const patience = 30 * time.Second

// leads is the term that is won.
func leads(t *testing.T, won <-chan *Term) *Term {
	t.Helper()
	return within(t, patience, func() time.Duration { return 0 }, won)
}

// within is the term that is won in time; what slow grows by meanwhile does not count.
func within(t *testing.T, d time.Duration, slow func() time.Duration, won <-chan *Term) *Term {
	t.Helper()
	for begun, before := time.Now(), slow(); time.Since(begun)-(slow()-before) < d; {
		select {
		case term := <-won:
			t.Cleanup(term.Resign)
			return term
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("nobody has won the lead within %s", d)
	return nil
}

// slowness writes to etcd again and again, and says how much longer that has taken in all than it does on an idle machine: whoever
// else waited for this process and for etcd had to wait as long.
func slowness(t *testing.T, c *Conn) (untilNow func() time.Duration) {
	t.Helper()
	const every, try, idle = 20 * time.Millisecond, 500 * time.Millisecond, 70 * time.Millisecond // idle: with the pause before it
	var mu sync.Mutex
	var sum time.Duration
	last := time.Now()
	over := func() time.Duration { return max(0, time.Since(last)-idle) }
	write := func() {
		ctx, cancel := context.WithTimeout(t.Context(), try)
		defer cancel()
		if _, err := c.client.Put(ctx, "beside", ""); err == nil {
			mu.Lock()
			sum, last = sum+over(), time.Now()
			mu.Unlock()
		}
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for ; t.Context().Err() == nil; pause(t.Context(), every) {
			write()
		}
	})
	t.Cleanup(writing.Wait)
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return sum + over()
	}
}

// until waits for a condition.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func TestTheLeadGoesOnWhenTheLeaderResignsAndOldTermsCannotWrite(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, b := steady(t, cluster.Endpoints...), steady(t, cluster.Endpoints...)
	if err := b.reader().Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("a reader while nobody leads: found %v, want ErrFenced", err)
	}
	first := leads(t, lead(t, a, candidate("a", 0)))
	next, slow := lead(t, b, candidate("b", 0)), slowness(t, connect(t, cluster.Endpoints...))
	until(t, "b sees that a leads", func() bool { l, ok := b.Leader(); return ok && l.Name == "a" && l.URL == "http://a" })
	if err := first.Store.Commit(t.Context(), record.Batch{Change: sample("I1", 1, 1)}); err != nil {
		t.Fatal(err)
	}
	first.Resign()
	second := within(t, 2*time.Second, slow, next)
	if err := first.Store.Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("the old term: found %v, want record.ErrFenced", err)
	}
	if err := b.reader().Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("a reader: found %v, want record.ErrFenced", err)
	}
	// A router that leads again has a new term: what its old one still had in flight stays out.
	second.Resign()
	third := within(t, 2*time.Second, slow, lead(t, a, candidate("a", 0)))
	if err := first.Store.Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("the old term of the router that leads: found %v, want record.ErrFenced", err)
	}
	if stored, err := third.Store.Load(t.Context()); err != nil || len(stored.Incidents) != 1 {
		t.Errorf("found %+v, %v, want what the first term stored", stored, err)
	}
}

// A router knows another one by its life, not by its URL, which may be the same; what it was itself before a restart does not live.
func TestALeaderIsKnownByItsLife(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	way := testenv.NewRelay(t, strings.TrimPrefix(cluster.Endpoints[0], "http://"))
	a, b := connect(t, "http://"+way.Addr), connect(t, cluster.Endpoints...)
	leads(t, lead(t, a, candidate("a", 0)))
	if l, ok := a.Leader(); !ok || !l.Own || l.Lives() {
		t.Errorf("of itself a leader finds %+v", l)
	}
	next := lead(t, b, candidate("a", 0))
	until(t, "b sees that another one leads", func() bool { l, ok := b.Leader(); return ok && !l.Own && l.Lives() })
	way.Cut()
	late := connect(t, cluster.Endpoints...)
	won := lead(t, late, candidate("a", 0))
	until(t, "one of the others leads", func() bool {
		if len(next)+len(won) > 0 {
			return true
		}
		if l, ok := late.Leader(); ok && l.Lives() {
			t.Fatal("a router that has ended is taken for one that lives")
		}
		return false
	})
}

// A leader that is cut off must know that it leads no more before another one can lead.
func TestALeaderThatIsCutOffStopsBeforeTheNextOneLeads(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	way := testenv.NewRelay(t, strings.TrimPrefix(cluster.Endpoints[0], "http://"))
	a, b := connect(t, "http://"+way.Addr), connect(t, cluster.Endpoints...)
	first := leads(t, lead(t, a, candidate("a", 0)))
	next, slow := lead(t, b, candidate("b", 0)), slowness(t, connect(t, cluster.Endpoints...))
	until(t, "b sees that a leads", func() bool { _, ok := b.Leader(); return ok })
	cut := time.Now()
	way.Cut()
	within(t, 10*time.Second, slow, next)
	switch why := context.Cause(first.Context()); {
	case why == nil:
		t.Error("two routers lead")
	case !errors.Is(why, ErrLeadLost):
		t.Errorf("the leader stopped because of %v", why)
	}
	t.Logf("the lead was taken over %s after the cut", time.Since(cut).Round(time.Millisecond))
}

// What a term's store is doing when the lead is lost ends with it, however patient who asked is: nobody else may be kept waiting, or
// believe that it leads.
func TestWhatIsUnderWayEndsWithTheLead(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	way := testenv.NewRelay(t, strings.TrimPrefix(cluster.Endpoints[0], "http://"))
	a := connect(t, "http://"+way.Addr)
	term := leads(t, lead(t, a, candidate("a", 0)))
	slow := slowness(t, connect(t, cluster.Endpoints...))
	way.Still()
	type moment struct {
		at   time.Time
		slow time.Duration
	}
	ended := make(chan moment, 1)
	context.AfterFunc(term.Context(), func() { ended <- moment{time.Now(), slow()} })
	patient, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var asking sync.WaitGroup
	for name, ask := range map[string]func() error{
		"a commit": func() error { return term.Store.Commit(patient, record.Batch{Change: sample("I1", 1, 1)}) },
		"a read":   func() error { _, err := term.Store.Timeline(patient, "I1"); return err },
	} {
		asking.Go(func() {
			if err := ask(); !errors.Is(err, ErrLeadLost) {
				t.Errorf("%s: found %v, want ErrLeadLost", name, err)
			}
		})
	}
	asking.Wait()
	end := <-ended
	if late := time.Since(end.at) - (slow() - end.slow); late > 500*time.Millisecond {
		t.Errorf("it went on for %s after the lead was lost", late)
	}
	if l, ok := a.Leader(); ok {
		t.Errorf("found that %s leads, want nobody", l.Name)
	}
}

// Where the members that are left need most of a lease to go on, on a busy machine, no lead can survive: another cluster is tried.
func TestTheLeadSurvivesTheEndOfAMember(t *testing.T) {
	shown := false
	for try := 1; try <= 3 && !shown && !t.Failed(); try++ {
		t.Run(fmt.Sprint(try), func(t *testing.T) { shown = survives(t) })
	}
	if !shown && !t.Failed() {
		t.Error("found no cluster that goes on in time")
	}
}

// survives kills each member in turn; false when the lead was lost, and etcd was away for too long.
func survives(t *testing.T) bool {
	t.Helper()
	cluster := testenv.Etcd(t, 3)
	a, slow := connect(t, cluster.Endpoints...), slowness(t, connect(t, cluster.Endpoints...))
	term := leads(t, lead(t, a, candidate("a", 0)))
	for i := range 3 {
		before := slow()
		cluster.Kill(i)
		until(t, "a commit is taken", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			return term.Store.Commit(ctx, record.Batch{Change: sample("I1", 1, i+1)}) == nil || term.Context().Err() != nil
		})
		if err := context.Cause(term.Context()); err != nil {
			away := slow() - before
			t.Logf("with member %d killed, and etcd away for %s: %v", i, away.Round(time.Millisecond), err)
			if away < leaseTTL-beatEvery {
				t.Error("etcd was there in time")
			}
			return false
		}
		cluster.Start(i)
	}
	return true
}

// halting is an etcd that lets whoever keeps a lease wait at times, and agrees to all else.
type halting struct {
	clientv3.KV
	clientv3.Lease

	begun time.Time
	away  [][2]time.Duration // since then, from and until
}

func (h halting) KeepAliveOnce(ctx context.Context, _ clientv3.LeaseID) (*clientv3.LeaseKeepAliveResponse, error) {
	for _, span := range h.away {
		if since := time.Since(h.begun); since >= span[0] && since < span[1] {
			pause(ctx, span[1]-since)
		}
	}
	return &clientv3.LeaseKeepAliveResponse{TTL: 5}, ctx.Err()
}

func (halting) Grant(context.Context, int64) (*clientv3.LeaseGrantResponse, error) {
	return &clientv3.LeaseGrantResponse{ID: 1}, nil
}

func (halting) Revoke(context.Context, clientv3.LeaseID) (*clientv3.LeaseRevokeResponse, error) {
	return &clientv3.LeaseRevokeResponse{}, nil
}

func (halting) Get(context.Context, string, ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	return &clientv3.GetResponse{}, nil
}

func (halting) Txn(context.Context) clientv3.Txn { return agreed{} }

type agreed struct{}

func (a agreed) If(...clientv3.Cmp) clientv3.Txn  { return a }
func (a agreed) Then(...clientv3.Op) clientv3.Txn { return a }
func (a agreed) Else(...clientv3.Op) clientv3.Txn { return a }

func (agreed) Commit() (*clientv3.TxnResponse, error) {
	return &clientv3.TxnResponse{Header: &etcdserverpb.ResponseHeader{Revision: 1}, Succeeded: true}, nil
}

// As long as etcd answers once in a while within what is left of the lease, the lead is kept.
func TestALeaseIsKeptWheneverEtcdAnswers(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name string
		away [][2]time.Duration
		kept bool
	}{
		{"away twice, and there in between", [][2]time.Duration{{900 * ms, 3100 * ms}, {3500 * ms, 5100 * ms}}, true},
		{"away for nearly as long as the lease lasts", [][2]time.Duration{{900 * ms, 4900 * ms}}, true},
		{"away for longer", [][2]time.Duration{{900 * ms, 5100 * ms}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := halting{begun: time.Now(), away: tt.away}
				c := &Conn{client: &clientv3.Client{KV: h, Lease: h}, lease: leaseTTL}
				term, err := c.stand(t.Context(), candidate("a", 0))
				if err != nil {
					t.Fatal(err)
				}
				defer term.Resign()
				time.Sleep(3 * leaseTTL)
				if why := context.Cause(term.Context()); (why == nil) != tt.kept || !tt.kept && !errors.Is(why, ErrLeadLost) {
					t.Errorf("found %v, want it kept: %t", why, tt.kept)
				}
			})
		})
	}
}

// A router that follows says so when etcd is away, though nothing breaks off what it waits for, and leads soon after it is back.
func TestAFollowerWhoseEtcdIsAwaySaysSoAndLeadsWhenItIsBack(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, b := connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	leads(t, lead(t, a, candidate("a", 0)))
	said := make(chan error, 100)
	self := candidate("b", 0)
	self.Trouble = func(err error) { said <- err }
	next := lead(t, b, self)
	until(t, "b sees that a leads", func() bool { l, ok := b.Leader(); return ok && l.Name == "a" })
	cluster.Kill(0)
	killed := time.Now()
	for deadline := time.After(patience); ; {
		select {
		case err := <-said:
			if err == nil {
				continue
			}
			t.Logf("after %s: %v", time.Since(killed).Round(100*time.Millisecond), err)
		case <-deadline:
			t.Fatalf("nothing was said for %s", patience)
		}
		break
	}
	<-time.After(time.Until(killed.Add(25 * time.Second))) // long enough for the client's own pauses to grow
	cluster.Start(0)
	back := time.Now()
	within(t, 10*time.Second, slowness(t, connect(t, cluster.Endpoints...)), next)
	t.Logf("leads %s after etcd was back", time.Since(back).Round(100*time.Millisecond))
}

func TestARouterWithAWrongClockDoesNotTakeOver(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, ahead, good := steady(t, cluster.Endpoints...), connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	first := leads(t, lead(t, a, candidate("a", 0)))
	said := make(chan error, 100)
	wrong := candidate("ahead", 3*time.Second)
	wrong.Trouble = func(err error) { said <- err }
	never := lead(t, ahead, wrong)
	until(t, "it is said that the clock is off", func() bool {
		select {
		case err := <-said:
			return errors.Is(err, ErrClock)
		default:
			return false
		}
	})
	next, slow := lead(t, good, candidate("good", -time.Second)), slowness(t, connect(t, cluster.Endpoints...))
	until(t, "the good one sees the leader's time", func() bool { return good.clock.offset() != 0 })
	first.Resign()
	within(t, 10*time.Second, slow, next)
	select {
	case <-never:
		t.Error("the router whose clock is 3 s ahead leads")
	default:
	}
}

// A wrong clock is better than nobody.
func TestARouterWithAWrongClockLeadsWhenNobodyElseDoes(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, ahead := steady(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	ahead.patience = 2 * time.Second // else 30 s
	first := leads(t, lead(t, a, candidate("a", 0)))
	said := make(chan error, 100)
	wrong := candidate("ahead", 3*time.Second)
	wrong.Trouble = func(err error) { said <- err }
	won := lead(t, ahead, wrong)
	until(t, "it is said that the clock is off", func() bool {
		select {
		case err := <-said:
			return errors.Is(err, ErrClock)
		default:
			return false
		}
	})
	left := time.Now()
	first.Resign()
	within(t, 10*time.Second, slowness(t, connect(t, cluster.Endpoints...)), won)
	if took := time.Since(left); took < ahead.patience {
		t.Errorf("it leads after %s, before anybody else had %s", took, ahead.patience)
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		way   []time.Duration // how long each beat took to arrive, by a clock that is right, plus how far ours is ahead
		trips []time.Duration
		want  time.Duration
		leads bool
	}{
		{"nothing known", nil, nil, 0, true},
		{"equal, 2 ms away", []time.Duration{2 * time.Millisecond}, []time.Duration{3 * time.Millisecond}, 0, true},
		{"3 s ahead", []time.Duration{3 * time.Second}, []time.Duration{10 * time.Millisecond}, 2990 * time.Millisecond, false},
		{"3 s behind", []time.Duration{-3 * time.Second}, []time.Duration{10 * time.Millisecond}, -3 * time.Second, false},
		{"2 s ahead is near enough", []time.Duration{2 * time.Second}, nil, 2 * time.Second, true},
		{"one beat hung for 5 s", []time.Duration{time.Millisecond, 5 * time.Second}, []time.Duration{time.Millisecond}, 0, true},
		{"every way takes 3 s", []time.Duration{3 * time.Second}, []time.Duration{3 * time.Second}, 0, true},
		{"one slow round trip hides nothing", []time.Duration{4 * time.Second}, []time.Duration{5 * time.Second, time.Millisecond}, 3999 * time.Millisecond, false},
		{"a clock that was set", append([]time.Duration{-9 * time.Second}, make([]time.Duration, remembered)...), nil, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c clock
			for _, d := range tt.trips {
				c.trip(d)
			}
			for i, d := range tt.way {
				sent := start.Add(time.Duration(i) * time.Second)
				c.beat(sent, sent.Add(d))
			}
			if got := c.offset(); got != tt.want || c.mayLead() != tt.leads {
				t.Errorf("found %s, may lead %t; want %s, %t", got, c.mayLead(), tt.want, tt.leads)
			}
		})
	}
}

func TestWhatIsWrongWithAClusterIsSaid(t *testing.T) {
	cluster := testenv.Etcd(t, 1, "-root-password", "secret")
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"no user":        {Options{}, "set etcd.username and etcd.password_file"},
		"wrong password": {Options{Username: "root", Password: "guess"}, "does not know this user with this password"},
		"right":          {Options{Username: "root", Password: "secret"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Endpoints = cluster.Endpoints
			c, err := Connect(t.Context(), tt.o)
			if err == nil {
				defer c.Close()
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "":
				leads(t, lead(t, c, candidate("a", 0)))
			case err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), cluster.Endpoints[0]) || strings.Contains(err.Error(), "guess"):
				t.Errorf("found %v, want %q", err, tt.want)
			}
		})
	}
}
