package packaging

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakewebhook"
)

// stateUnwritable is the rule of the message that goes past the outbox.
const stateUnwritable = "nezuban-state-unwritable"

// told counts what a receiver was told of something.
type told struct{ triggers, resolves int }

// toldOf counts the messages that name what.
func toldOf(receiver *fakewebhook.Server, what string) told {
	var n told
	for _, m := range receiver.Messages() {
		switch {
		case !strings.Contains(string(m.Body), what):
		case m.Said["type"] == "page.trigger":
			n.triggers++
		case m.Said["type"] == "page.resolve":
			n.resolves++
		}
	}
	return n
}

// handOver makes the other one of two routers lead, while the one that led lives on.
func handOver(t *testing.T, all []*stack) {
	t.Helper()
	at := leads(t, all)
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := all[at].router.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	eventually(t, 20*time.Second, "the other router leads", func() bool { return all[1-at].metric("nezuban_leading") == 1 })
	signal(syscall.SIGCONT)
	eventually(t, 20*time.Second, "one router leads, and the other knows that", func() bool { return all[at].metric("nezuban_leading") == 0 && all[at].report("handed-over") })
}

// TestAnOutageOfEtcdIsToldPastTheOutboxOnceAndThatItIsOver stops two of three members for more than 30 s. Nothing is taken
// meanwhile; whoever is on call hears of it once, although both routers have led and could tell, and once that it is over, and what was
// accepted before and what is accepted after are paged once.
func TestAnOutageOfEtcdIsToldPastTheOutboxOnceAndThatItIsOver(t *testing.T) {
	t.Parallel() // it mostly waits
	const outage = 35 * time.Second
	receiver := fakewebhook.New(t, fakewebhook.Secret)
	etcd := testenv.Etcd(t, 3)
	all := newCluster(t, etcd, 2, fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret))+apart)
	for _, s := range all {
		s.write("oncall.toml", pagedBy("webhook", "webhook", "10m"), 0o644)
		s.write("contacts.toml", fmt.Sprintf("[alice]\nwebhook = %q\n[bob]\nwebhook = %q\n", receiver.URL, receiver.URL), 0o600)
		s.startRouter()
	}
	await := func(within time.Duration, what string, want told) {
		t.Helper()
		ctx, cancel := patiently(t, within)
		defer cancel()
		if err := receiver.Await(ctx, func() bool { return toldOf(receiver, what) == want }); err != nil {
			t.Fatalf("%s within %s: found %+v, want %+v", what, within, toldOf(receiver, what), want)
		}
	}
	eventually(t, 20*time.Second, "a report is taken", func() bool { return all[0].report("earlier") })
	await(10*time.Second, "earlier", told{triggers: 1})

	handOver(t, all) // now both know by which means people are reached
	eventually(t, 20*time.Second, "all that was told is stored", func() bool {
		var open []struct{ Reached []any }
		err := all[0].askIncidents(&open) // who leads may change
		return err == nil && len(open) == 2 && len(open[0].Reached) > 0 && len(open[1].Reached) > 0
	})
	stopped := time.Now()
	etcd.Kill(0)
	etcd.Kill(1)
	await(40*time.Second, stateUnwritable, told{triggers: 1}) // though there is nothing to store
	eventually(t, time.Minute, "the outage is long", func() bool {
		for i, s := range all {
			if status, body := s.post(event("meanwhile", "die", time.Now(), ",exit_code=7i,requested=false")); status != http.StatusServiceUnavailable {
				t.Fatalf("router %d answers %d %s after %s without a majority, want 503", i, status, body, time.Since(stopped))
			}
		}
		return time.Since(stopped) > outage
	})
	message := receiver.Messages()[slices.IndexFunc(receiver.Messages(), func(m fakewebhook.Message) bool { return strings.Contains(string(m.Body), stateUnwritable) })]
	if text := string(message.Body); !strings.Contains(text, `"person":"alice"`) || !strings.Contains(text, "the router's state cannot be written") {
		t.Errorf("the message is %s", text)
	}

	etcd.Start(0)
	etcd.Start(1)
	await(30*time.Second, stateUnwritable, told{triggers: 1, resolves: 1})
	eventually(t, 10*time.Second, "a report is taken again", func() bool { return all[1].report("later") })
	await(10*time.Second, "later", told{triggers: 1})
	for what, want := range map[string]told{stateUnwritable: {1, 1}, "earlier": {1, 0}, "later": {1, 0}} {
		if got := toldOf(receiver, what); got != want {
			t.Errorf("%s: found %+v, want %+v", what, got, want)
		}
	}
}
