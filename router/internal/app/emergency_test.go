package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
	"nezuban/router/internal/state/record"
)

// threeDeep is a rotation file whose policy has two steps and a fallback.
const threeDeep = `zone = "UTC"
[people]
alice = { page = ["sms"] }
bob = { page = ["sms"] }
carol = { page = ["sms"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "1999-01-04 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "5m" }, { page = "bob", wait = "5m" }]
repeat = 3
fallback = "carol"
[[route]]
policy = "standard"
`

// inTrouble is an emergency whose people have a text message and, if that fails, the terminal.
func inTrouble(t *testing.T, sms func(page.Message) error) (*emergency, chan page.Message) {
	t.Helper()
	file, err := schedule.Parse("oncall.toml", []byte(strings.Replace(rotationText, `["terminal"]`, `["sms", "terminal"]`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/contacts.toml"
	write(t, path, "[alice]\nsms = \"+4915112345678\"\n")
	contacts, err := escalation.LoadContacts(path)
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan page.Message, 100)
	e := &emergency{router: "http://router1", now: time.Now, guard: testDaemon().Guard, log: discard}
	e.equip(means{
		rotation: func() *schedule.File { return file }, contacts: func() *escalation.Contacts { return contacts },
		pagers: map[string]page.Pager{
			"sms":      pagerFunc(func(m page.Message) error { sent <- m; return sms(m) }),
			"terminal": pagerFunc(func(m page.Message) error { sent <- m; return nil }),
		},
	})
	return e, sent
}

type pagerFunc func(page.Message) error

func (f pagerFunc) Page(_ context.Context, m page.Message) (string, error) { return "provider-1", f(m) }

func TestAStateThatCannotBeWrittenIsToldOnceAndThenEveryHalfHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, sent := inTrouble(t, func(page.Message) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		go e.run(ctx)
		defer func() { cancel(); synctest.Wait() }()
		e.failed(errFull)
		time.Sleep(10 * time.Second)
		e.ok() // a moment of it is nobody's business
		time.Sleep(time.Minute)
		if len(sent) != 0 {
			t.Fatal("somebody was told of a moment")
		}
		e.failed(errFull)
		for range 3 {
			e.refusedOne()
		}
		for range 29 * 60 { // every second, as the ticks do
			e.failed(errFull)
			time.Sleep(time.Second)
		}
		if len(sent) != 1 {
			t.Fatalf("found %d messages in 29 minutes, want one", len(sent))
		}
		first := <-sent
		if first.Kind != page.KindTrigger || first.Title != "the router's state cannot be written: the disk is full; 3 reports were refused" || first.People[0].Address != "+4915112345678" || !strings.Contains(first.Text, errFull.Error()) || first.Why == "" {
			t.Errorf("found %+v", first)
		}
		time.Sleep(5 * time.Minute)
		second := <-sent
		if second.IncidentID != first.IncidentID || second.PageID == first.PageID {
			t.Errorf("the second message is %s of %s, the first %s of %s", second.PageID, second.IncidentID, first.PageID, first.IncidentID)
		}
		e.ok()
		if over := <-sent; over.Kind != page.KindResolve || over.IncidentID != first.IncidentID || over.ProviderID != "provider-1" || len(sent) != 0 {
			t.Errorf("found %+v and %d more, want one that says it is over", over, len(sent))
		}
		e.ok()
		time.Sleep(time.Hour)
		if len(sent) != 0 {
			t.Error("it goes on after it was over")
		}
	})
}

// Who was told by a router that has ended since, because its etcd could not go on, hears from the next one that it is over, once.
func TestWhoWasToldHearsAfterARestartThatItIsOver(t *testing.T) {
	file := t.TempDir() + "/told.json"
	start := func() (*emergency, chan page.Message) {
		t.Helper()
		e, sent := inTrouble(t, func(page.Message) error { return nil })
		e.file = file
		if err := e.recall(); err != nil {
			t.Fatal(err)
		}
		return e, sent
	}
	e, sent := start()
	e.failed(errFull)
	e.tell(t.Context(), true)
	first := <-sent

	e, sent = start()
	if e.tellOver(t.Context()); len(sent) > 0 {
		t.Error("it is told that it is over before the state can be written")
	}
	by := e.means
	e.means = nil // not yet
	e.ok()
	e.tellOver(t.Context())
	e.means = by
	e.tellOver(t.Context())
	if len(sent) != 1 {
		t.Fatalf("found %d messages, want one that says it is over", len(sent))
	}
	over := <-sent
	if over.Kind != page.KindResolve || over.IncidentID != first.IncidentID || over.ProviderID != "provider-1" || over.People[0] != first.People[0] ||
		over.Title != "the router's state can be written again" || over.PageID != first.PageID+"-over" || over.Labels["router"] != first.Labels["router"] {
		t.Errorf("found %+v of %+v", over, first)
	}

	e, sent = start()
	e.ok()
	if e.tellOver(t.Context()); len(sent) > 0 {
		t.Error("it is told a second time that it is over")
	}
	write(t, file, "{")
	if err := e.recall(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that is none: %v, want an error that names it", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil { // it cannot be written: that holds nobody up
		t.Fatal(err)
	}
	e.failed(errFull)
	if e.tell(t.Context(), true); len(sent) != 1 {
		t.Errorf("found %d messages, want one", len(sent))
	}
}

func TestAnEmergencyTakesTheNextChannelWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, sent := inTrouble(t, func(page.Message) error { panic("no provider") })
		e.failed(errFull)
		e.tell(t.Context(), true)
		if len(sent) != 2 {
			t.Fatalf("found %d tries, want the text message and the terminal", len(sent))
		}
		e.tell(t.Context(), true)
		if len(sent) != 2 {
			t.Error("told again at once")
		}
	})
}

// deep is an emergency under [threeDeep], whose provider takes a message when takes says so.
func deep(t *testing.T, takes func(page.Message) bool) (e *emergency, tries chan page.Message) {
	t.Helper()
	file, err := schedule.Parse("oncall.toml", []byte(threeDeep))
	if err != nil {
		t.Fatal(err)
	}
	tries = make(chan page.Message, 1000)
	pager := pagerFunc(func(m page.Message) error {
		tries <- m
		if !takes(m) {
			return errors.New("no network")
		}
		return nil
	})
	e = &emergency{router: "http://router1", now: time.Now, guard: testDaemon().Guard, log: discard}
	e.equip(means{
		rotation: func() *schedule.File { return file }, contacts: func() *escalation.Contacts { return &escalation.Contacts{} },
		pagers: map[string]page.Pager{"sms": pager},
	})
	return e, tries
}

func TestAnEmergencyGoesOnUntilSomebodyIsReached(t *testing.T) {
	begin := time.Time{}
	after := func(d time.Duration) bool { return time.Since(begin) >= emergencyAfter+d }
	for _, row := range []struct {
		name  string
		takes func(page.Message) bool
		tries string // in order
		last  time.Duration
	}{
		{"the first step at once", func(page.Message) bool { return true }, "alice", 0},
		{"the first step after a bad moment", func(page.Message) bool { return after(time.Second) }, "alice alice", time.Second},
		{"the second step", func(m page.Message) bool { return m.People[0].Person == "bob" }, "alice alice bob", time.Second},
		{"the fallback", func(m page.Message) bool { return m.People[0].Person == "carol" }, "alice alice bob alice bob carol", 3 * time.Second},
		{
			"nobody for a while", func(page.Message) bool { return after(30 * time.Second) },
			"alice alice bob alice bob carol alice bob carol alice bob carol alice", 31 * time.Second,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, tries := deep(t, row.takes)
				ctx, cancel := context.WithCancel(t.Context())
				begin = time.Now()
				e.failed(errFull)
				go e.run(ctx)
				time.Sleep(emergencyAfter + row.last + time.Second)
				var people []string
				for n := len(tries); n > 0; n-- {
					m := <-tries
					people = append(people, m.People[0].Person)
					if m.PageID[len(m.PageID)-2:] != "-1" || m.Repeat != (len(people) > 1) {
						t.Errorf("try %d: found page id %s, repeat %v", len(people), m.PageID, m.Repeat)
					}
				}
				if got := strings.Join(people, " "); got != row.tries {
					t.Errorf("found tries to reach %q, want %q", got, row.tries)
				}
				time.Sleep(29 * time.Minute)
				if len(tries) > 0 {
					t.Error("somebody was reached, and it was told again")
				}
				time.Sleep(2 * time.Minute)
				if m := <-tries; m.People[0].Person != "alice" || m.Repeat || !strings.HasSuffix(m.PageID, "-2") {
					t.Errorf("after half an hour: found %+v, want the second message to the first step", m)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

func TestAnEmergencyThatReachesNobodyTriesOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, tries := deep(t, func(page.Message) bool { return false })
		ctx, cancel := context.WithCancel(t.Context())
		e.failed(errFull)
		go e.run(ctx)
		time.Sleep(30 * time.Minute)
		before := len(tries)
		time.Sleep(10*time.Minute - time.Second)
		if n := len(tries) - before; n != 30 { // of three people
			t.Errorf("found %d tries in 10 minutes, want 30", n)
		}
		if m := <-tries; m.Failing != 0 {
			t.Errorf("the first try: found %s of failing", m.Failing)
		}
		if m := <-tries; m.Failing != time.Second {
			t.Errorf("the second try: found %s of failing, want a second", m.Failing)
		}
		cancel()
		synctest.Wait()
	})
}

func TestARouterThatMustEndTriesTheWholePolicyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, tries := deep(t, func(m page.Message) bool { return m.People[0].Person == "carol" })
		e.failed(errFull)
		begin := time.Now()
		e.tell(t.Context(), true)
		if len(tries) != 3 || !time.Now().Equal(begin) {
			t.Errorf("found %d tries in %s, want three at once", len(tries), time.Since(begin))
		}
	})
}

func TestWhatIsOverWhileItIsToldIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e *emergency
		e, tries := deep(t, func(m page.Message) bool {
			if m.Kind == page.KindTrigger {
				e.ok()
			}
			return true
		})
		ctx, cancel := context.WithCancel(t.Context())
		e.failed(errFull)
		go e.run(ctx)
		time.Sleep(time.Hour)
		if len(tries) != 2 || (<-tries).Kind != page.KindTrigger || (<-tries).Kind != page.KindResolve {
			t.Error("want a message, and one that takes it back")
		}
		cancel()
		synctest.Wait()
	})
}

// The tick notes that it is over, and must not wait for a provider.
func TestThatItIsOverHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := deep(t, func(page.Message) bool { time.Sleep(emergencyWithin); return true })
		ctx, cancel := context.WithCancel(t.Context())
		e.failed(errFull)
		go e.run(ctx)
		time.Sleep(emergencyAfter + time.Second)
		begin := time.Now()
		e.failed(errFull)
		e.ok()
		if took := time.Since(begin); took > 0 {
			t.Errorf("it took %s", took)
		}
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
	})
}

func TestTheTitleOfAnEmergencySaysWhy(t *testing.T) {
	full := fmt.Errorf("%w: the disk has 110 MiB left", record.ErrFull)
	for _, row := range []struct {
		name    string
		why     error
		refused int
		want    string
	}{
		{"nothing refused", full, 0, "the router's state cannot be written: the disk has 110 MiB left"},
		{"one", full, 1, "the router's state cannot be written: the disk has 110 MiB left; 1 report was refused"},
		{"two", full, 2, "the router's state cannot be written: the disk has 110 MiB left; 2 reports were refused"},
		{"another reason", errNoAnswer, 1, "the router's state cannot be written: no answer from the store; 1 report was refused"},
		{"full, and nothing else is known", record.ErrFull, 1, "the router's state cannot be written: the state is full; 1 report was refused"},
		{"a long reason", errors.New(strings.Repeat("x", 1000)), 123456, "the router's state cannot be written: " + strings.Repeat("x", whyMax-1) + "…; 123456 reports were refused"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, _ := deep(t, func(page.Message) bool { return true })
			e.failed(row.why)
			for range row.refused {
				e.refusedOne()
			}
			a, ok := e.due(true)
			if !ok || a.Title != row.want {
				t.Errorf("found %q, want %q", a.Title, row.want)
			}
			if !strings.Contains(a.Text, row.why.Error()[:min(len(row.why.Error()), 200)]) {
				t.Errorf("found %q, want the whole reason in it", a.Text)
			}
		})
	}
}

func TestWithoutARotationFileAnEmergencyTellsNobody(t *testing.T) {
	e := &emergency{now: time.Now, log: discard}
	e.failed(errors.New("x"))
	e.tell(t.Context(), true)
	e.equip(means{rotation: func() *schedule.File { return nil }})
	e.tell(t.Context(), true)
	e.ok()
}
