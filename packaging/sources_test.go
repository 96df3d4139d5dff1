package packaging

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"nezuban/packaging/testenv"

	"github.com/getsentry/sentry-go"
)

// target is a web server that can be stopped and started again on the same port.
type target struct {
	t      *testing.T
	addr   string
	server *http.Server
}

func (w *target) start() {
	w.t.Helper()
	ln, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	w.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) })}
	go func() { _ = w.server.Serve(ln) }() // ends with stop
	w.t.Cleanup(w.stop)
}

func (w *target) stop() { _ = w.server.Close() }

// startChecks starts the checks of one location, which writes to the router.
func (s *stack) startChecks(location string) *process {
	s.t.Helper()
	listen := testenv.FreeAddress(s.t)
	name := "checks-" + location + ".toml"
	s.write(name, fmt.Sprintf(`location = %q
state_dir = %q
listen = %q
[router]
url = "http://%s"
token_file = %q
refresh = "1s"
[[output]]
name = "router"
url = "http://%s"
bucket = "nezuban"
`, location, s.path("state-"+location), listen, s.addr, s.path("state/tokens/read"), s.addr), 0o644)
	p := start(s.t, "nezuban-checks", "run", "-config", s.path(name))
	s.awaitReady("http://" + listen + "/readyz")
	return p
}

func TestACheckIsDownWhenAQuorumOfLocationsAgreesAndNotBefore(t *testing.T) {
	web := &target{t: t, addr: testenv.FreeAddress(t)}
	web.start()
	dir := t.TempDir()
	checks := fmt.Sprintf("locations = [\"tokyo\", \"frankfurt\", \"oregon\"]\n[[check]]\nname = \"shop\"\nurl = \"http://%s/\"\ninterval = \"1s\"\ntimeout = \"1s\"\n", web.addr)
	if err := os.WriteFile(dir+"/checks.toml", []byte(checks), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newStack(t, oncallText, fmt.Sprintf("checks = %q\n", dir+"/checks.toml"))
	s.startChecks("frankfurt")
	web.stop()
	// One location sees it down again and again (one point in five may be its heartbeat): nobody is woken.
	before := s.metric("nezuban_ingest_points_total")
	eventually(t, 20*time.Second, "frankfurt has reported several failures", func() bool {
		return s.metric("nezuban_ingest_points_total") >= before+5
	})
	if found := s.router.matching("^PAGE"); len(found) != 0 {
		t.Errorf("one location alone woke somebody: %q", found)
	}
	s.startChecks("tokyo")
	s.router.await(t, 15*time.Second, 0, "^PAGE alice TRIGGERED check-down check=shop")
	s.startChecks("oregon")
	web.start()
	s.router.await(t, 15*time.Second, 0, "^PAGE alice RESOLVED check-down check=shop")
}

func TestTheSameErrorAHundredTimesIsOneIncident(t *testing.T) {
	s := newStack(t, oncallText, "[[project]]\nid = \"1\"\nname = \"shop\"\nkey = \"publickey\"\n")
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: "http://publickey@" + s.addr + "/1"})
	if err != nil {
		t.Fatal(err)
	}
	hub := sentry.NewHub(client, sentry.NewScope())
	for range 100 {
		hub.CaptureException(errors.New("the till is stuck"))
	}
	if !hub.Flush(time.Minute) { // one after another, each on disk before it is answered
		t.Fatal("the SDK could not send its events")
	}
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED error-seen project=shop")
	var listed []struct {
		Alerts map[string]struct{ Count int }
	}
	s.incidents(&listed)
	if len(listed) != 1 {
		t.Fatalf("found %d incidents, want one", len(listed))
	}
	for _, alert := range listed[0].Alerts {
		if alert.Count != 100 {
			t.Errorf("counted %d, want 100", alert.Count)
		}
	}
	if pages := s.router.matching("^PAGE"); len(pages) != 1 {
		t.Errorf("found %d pages, want one: %q", len(pages), pages)
	}
}
