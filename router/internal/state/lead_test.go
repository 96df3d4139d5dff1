package state

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

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

// within is the term that is won in time.
func within(t *testing.T, d time.Duration, won <-chan *Term) *Term {
	t.Helper()
	select {
	case term := <-won:
		t.Cleanup(term.Resign)
		return term
	case <-time.After(d):
		t.Fatalf("nobody has won the lead within %s", d)
		return nil
	}
}

// until waits for a condition.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestTheLeadGoesOnWhenTheLeaderResignsAndOldTermsCannotWrite(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, b := connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	if err := b.reader().Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("a reader while nobody leads: found %v, want ErrFenced", err)
	}
	first := within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
	next := lead(t, b, candidate("b", 0))
	until(t, "b sees that a leads", func() bool { l, ok := b.Leader(); return ok && l.Name == "a" && l.URL == "http://a" })
	if err := first.Store.Commit(t.Context(), record.Batch{Change: sample("I1", 1, 1)}); err != nil {
		t.Fatal(err)
	}
	first.Resign()
	second := within(t, 2*time.Second, next)
	if err := first.Store.Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("the old term: found %v, want record.ErrFenced", err)
	}
	if err := b.reader().Commit(t.Context(), record.Batch{Change: sample("I2", 1, 1)}); !errors.Is(err, record.ErrFenced) {
		t.Errorf("a reader: found %v, want record.ErrFenced", err)
	}
	// A router that leads again has a new term: what its old one still had in flight stays out.
	second.Resign()
	third := within(t, 2*time.Second, lead(t, a, candidate("a", 0)))
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
	within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
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
	first := within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
	stopped := make(chan time.Time, 1)
	context.AfterFunc(first.Context(), func() { stopped <- time.Now() })
	next := lead(t, b, candidate("b", 0))
	until(t, "b sees that a leads", func() bool { _, ok := b.Leader(); return ok })
	cut := time.Now()
	way.Cut()
	within(t, 10*time.Second, next)
	won := time.Now()
	t.Logf("the lead was taken over %s after the cut", won.Sub(cut).Round(time.Millisecond))
	select {
	case at := <-stopped:
		if !at.Before(won) || !errors.Is(context.Cause(first.Context()), ErrLeadLost) {
			t.Errorf("the leader stopped at %s because of %v, the next led at %s", at, context.Cause(first.Context()), won)
		}
	default:
		t.Error("two routers lead")
	}
}

// What a term's store is doing when the lead is lost ends with it, however patient who asked is: nobody else may be kept waiting, or
// believe that it leads.
func TestWhatIsUnderWayEndsWithTheLead(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	way := testenv.NewRelay(t, strings.TrimPrefix(cluster.Endpoints[0], "http://"))
	a := connect(t, "http://"+way.Addr)
	term := within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
	way.Still()
	ended := make(chan time.Time, 1)
	context.AfterFunc(term.Context(), func() { ended <- time.Now() })
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
	if late := time.Since(<-ended); late > 500*time.Millisecond {
		t.Errorf("it went on for %s after the lead was lost", late)
	}
	if l, ok := a.Leader(); ok {
		t.Errorf("found that %s leads, want nobody", l.Name)
	}
}

func TestTheLeadSurvivesTheEndOfAMember(t *testing.T) {
	cluster := testenv.Etcd(t, 3)
	a := connect(t, cluster.Endpoints...)
	term := within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
	for i := range 3 {
		cluster.Kill(i)
		until(t, "a commit is taken", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			return term.Store.Commit(ctx, record.Batch{Change: sample("I1", 1, i+1)}) == nil || term.Context().Err() != nil
		})
		if err := context.Cause(term.Context()); err != nil {
			t.Fatalf("with member %d killed: %v", i, err)
		}
		cluster.Start(i)
	}
}

// A router that follows says so when etcd is away, though nothing breaks off what it waits for, and leads soon after it is back.
func TestAFollowerWhoseEtcdIsAwaySaysSoAndLeadsWhenItIsBack(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, b := connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
	said := make(chan error, 100)
	self := candidate("b", 0)
	self.Trouble = func(err error) { said <- err }
	next := lead(t, b, self)
	until(t, "b sees that a leads", func() bool { l, ok := b.Leader(); return ok && l.Name == "a" })
	cluster.Kill(0)
	killed := time.Now()
	for deadline := time.After(12 * time.Second); ; {
		select {
		case err := <-said:
			if err == nil {
				continue
			}
			t.Logf("after %s: %v", time.Since(killed).Round(100*time.Millisecond), err)
		case <-deadline:
			t.Fatal("nothing was said for 12 s")
		}
		break
	}
	<-time.After(time.Until(killed.Add(25 * time.Second))) // long enough for the client's own pauses to grow
	cluster.Start(0)
	back := time.Now()
	within(t, 10*time.Second, next)
	t.Logf("leads %s after etcd was back", time.Since(back).Round(100*time.Millisecond))
}

func TestARouterWithAWrongClockDoesNotTakeOver(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, ahead, good := connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	first := within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
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
	next := lead(t, good, candidate("good", -time.Second))
	until(t, "the good one sees the leader's time", func() bool { return good.clock.offset() != 0 })
	first.Resign()
	within(t, 10*time.Second, next)
	select {
	case <-never:
		t.Error("the router whose clock is 3 s ahead leads")
	default:
	}
}

// A wrong clock is better than nobody.
func TestARouterWithAWrongClockLeadsWhenNobodyElseDoes(t *testing.T) {
	cluster := testenv.Etcd(t, 1)
	a, ahead := connect(t, cluster.Endpoints...), connect(t, cluster.Endpoints...)
	ahead.patience = 2 * time.Second // else 30 s
	first := within(t, 5*time.Second, lead(t, a, candidate("a", 0)))
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
	first.Resign()
	left := time.Now()
	within(t, 10*time.Second, won)
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
				within(t, 5*time.Second, lead(t, c, candidate("a", 0)))
			case err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), cluster.Endpoints[0]) || strings.Contains(err.Error(), "guess"):
				t.Errorf("found %v, want %q", err, tt.want)
			}
		})
	}
}
