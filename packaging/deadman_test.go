package packaging

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakehttp"
	"nezuban/packaging/testenv/fakepagerduty"
)

// awaitAlerts waits until the integration's alerts are as the test wants them.
func awaitAlerts(t *testing.T, events *fakepagerduty.EventsServer, within time.Duration, seen func([]fakepagerduty.Alert) bool) []fakepagerduty.Alert {
	t.Helper()
	ctx, cancel := patiently(t, within)
	defer cancel()
	alerts, err := events.WaitFor(ctx, seen)
	if err != nil {
		t.Fatal(err)
	}
	return alerts
}

// startSenders starts an agent and two locations of the checks, each with a dead man's switch.
func (s *stack) startSenders(events *fakepagerduty.EventsServer) {
	s.t.Helper()
	s.write("events.key", fakepagerduty.RoutingKey+"\n", 0o600)
	both := fmt.Sprintf("[dead_man]\nevents_key_file = \"events.key\"\nbase_url = %q\nafter = \"10s\"\n[[output]]\nname = \"router\"\nurl = \"http://%s\"\n", events.URL, s.addr)
	listen := testenv.FreeAddress(s.t)
	s.write("watched.toml", fmt.Sprintf("host = \"web1\"\ninterval = \"1s\"\ndocker_socket = \"\"\nstate_dir = \"state-agent\"\nlisten = %q\n%s", listen, both), 0o644)
	start(s.t, "nezuban-agent", "run", "-config", s.path("watched.toml"))
	for _, location := range []string{"tokyo", "oregon"} {
		file := "location-" + location + ".toml"
		s.write(file, fmt.Sprintf("location = %q\nstate_dir = %q\nlisten = \"\"\nheartbeat = \"1s\"\n[router]\nurl = \"http://%s\"\ntoken_file = \"state/tokens/read\"\n%s",
			location, "state-"+location, s.addr, both), 0o644)
		start(s.t, "nezuban-checks", "run", "-config", s.path(file))
	}
	s.awaitReady("http://" + listen + "/readyz")
}

// TestTheRouterStopsAndThreeSendersOpenOneAlert holds the promise that somebody is told when the router itself is down: one
// alert, however many senders find out, and its resolve when the router is back.
func TestTheRouterStopsAndThreeSendersOpenOneAlert(t *testing.T) {
	t.Parallel() // it mostly waits
	events := fakepagerduty.NewEvents(t)
	s := newStack(t, oncallText, "")
	s.startSenders(events)
	const senders = 3
	if alerts := events.Alerts(); len(alerts) != 0 {
		t.Fatalf("found %+v while the router runs", alerts)
	}

	events.Limit(1, http.Header{"Retry-After": {"1"}}) // one of the three is told to wait
	s.router.stop(t)
	open := awaitAlerts(t, events, 60*time.Second, func(alerts []fakepagerduty.Alert) bool {
		return len(alerts) == 1 && alerts[0].Triggers == senders
	})
	if a := open[0]; a.Key != "nezuban-router-down" || a.Status != "triggered" || !strings.Contains(a.Summary, "accepts nothing") {
		t.Errorf("found %+v", a)
	}

	s.startRouter()
	awaitAlerts(t, events, 90*time.Second, func(alerts []fakepagerduty.Alert) bool { return alerts[0].Status == "resolved" })
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	resolves := func() (n int) {
		for _, e := range events.Taken() {
			if e.Action == "resolve" {
				n++
			}
		}
		return n
	}
	if err := events.Await(ctx, func() bool { return resolves() == senders }); err != nil {
		t.Fatalf("found %d resolves, expected one from each sender: %v", resolves(), err)
	}
	if alerts := events.Alerts(); len(alerts) != 1 {
		t.Errorf("found %+v, expected one alert in all", alerts)
	}
	clients := map[string]bool{}
	for _, e := range events.Taken() {
		clients[e.Client] = true
	}
	if len(clients) != senders {
		t.Errorf("found events from %v, expected three senders", clients)
	}
}

// The router tells a service outside that it is alive, again and again, until it is not.
func TestTheRouterTellsThatItIsAlive(t *testing.T) {
	t.Parallel() // it mostly waits
	outside := fakehttp.New(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, func(status int) any { return status })
	s := newStack(t, oncallText, fmt.Sprintf("[dead_man]\nurl_file = %q\nevery = \"5s\"\n", secretFile(t, outside.URL+"/ping/SECRET")))
	outside.Fail(1, http.StatusBadGateway) // what fails once goes on
	if err := outside.Await(within(t, 60*time.Second), func() bool { return len(outside.Requests()) >= 3 }); err != nil {
		t.Fatalf("it told %d times: %v", len(outside.Requests()), err)
	}
	s.router.stop(t)
	for _, r := range outside.Requests() {
		if r.Method != http.MethodPost || r.Path != "/ping/SECRET" || len(r.Body) != 0 {
			t.Errorf("told by %s %s %q", r.Method, r.Path, r.Body)
		}
	}
	s.unsaid("SECRET")
}
