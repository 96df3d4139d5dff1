package app

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/stall"
)

// output is a server that takes line protocol and keeps it.
type output struct {
	recorder
	server *httptest.Server
}

func newOutput(t testing.TB) *output {
	t.Helper()
	o := &output{}
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil { // an agent that is stopped cuts off what it is sending: a server takes nothing of it
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		points, bad := influx.Decode(body, lineprotocol.Nanosecond, time.Now())
		if len(bad) > 0 {
			t.Errorf("body of %d bytes: %v", len(body), bad)
		}
		o.Write(points...)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(o.server.Close)
	return o
}

// states are the heartbeats so far.
func (o *output) states() []influx.Point {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []influx.Point
	for _, p := range o.points {
		if p.Measurement == influx.Agent {
			found = append(found, p)
		}
	}
	return found
}

// settled waits until the agent has sent something more: what came before it does not send again when it is stopped now.
func (o *output) settled(t *testing.T) {
	t.Helper()
	before := len(o.states())
	await(t, "one more heartbeat", func() bool { return len(o.states()) > before })
}

func state(p influx.Point) string { s, _ := p.Text(influx.FieldState); return s }

// running runs an agent; the function stops it and waits for its end.
func running(t *testing.T, cfg Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, testDaemon(t), cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// No Docker, and one output that is never there: the agent runs, its ticks are
// aligned, and it says goodbye.
func TestRunWithoutDocker(t *testing.T) {
	o := newOutput(t)
	address := testenv.FreeAddress(t)
	stop := running(t, Config{
		Host: testHost, Interval: time.Second, LogLevel: "info", Listen: address,
		DockerSocket: filepath.Join(t.TempDir(), "docker.sock"),
		Outputs: []influx.Output{
			{Name: "there", URLs: []string{o.server.URL}, Bucket: "nezuban"},
			{Name: "away", URLs: []string{"http://" + testenv.FreeAddress(t)}, Bucket: "nezuban"},
		},
	})
	await(t, "three heartbeats", func() bool { return len(o.states()) >= 3 })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := client.Do(req); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
	stop()
	states := o.states()
	last := len(states) - 1
	for i, p := range states {
		checkNames(t, p)
		want := influx.StateUp
		if i == last {
			want = influx.StateGoodbye
		}
		if state(p) != want {
			t.Errorf("heartbeat %d of %d says %q, expected %q", i, last, state(p), want)
		}
		if i > 0 && i < last && p.Time.Nanosecond() != 0 {
			t.Errorf("tick %d at %s, expected a whole second", i, p.Time)
		}
		if up, ok := p.Bool(influx.FieldDockerUp); up || !ok {
			t.Errorf("docker is up: %v", p)
		}
	}
	if !o.has(influx.CPU) || !o.has(influx.Mem) || !o.has(influx.System) {
		t.Error("the host is not sampled")
	}
}

// An agent is ready from its first round on, not before, and needs neither Docker nor an output for that.
func TestRunIsReadyWithItsFirstRound(t *testing.T) {
	for name, interval := range map[string]time.Duration{"no round for a long time": 24 * 365 * time.Hour, "a round each second": time.Second} {
		t.Run(name, func(t *testing.T) {
			start := func() (address string) {
				address = testenv.FreeAddress(t)
				running(t, Config{
					Host: testHost, Interval: interval, LogLevel: "info", Listen: address,
					DockerSocket: filepath.Join(t.TempDir(), "docker.sock"),
					Outputs:      []influx.Output{{Name: "away", URLs: []string{"http://" + testenv.FreeAddress(t)}, Bucket: "nezuban"}},
				})
				return address
			}
			if interval > time.Second {
				address := start()
				await(t, "an answer", func() bool { status, _ := get(t, address, "/readyz"); return status != 0 })
				if status, body := get(t, address, "/readyz"); status != http.StatusServiceUnavailable || body != "samples: no round yet\n" {
					t.Errorf("/readyz: %d %q, expected 503 and what is missing", status, body)
				}
				if status, _ := get(t, address, "/healthz"); status != http.StatusOK {
					t.Errorf("/healthz: %d, expected 200", status)
				}
				return
			}
			machine := stall.Watch(t)
			begun := time.Now()
			address := start()
			await(t, "ready", func() bool { status, _ := get(t, address, "/readyz"); return status == http.StatusOK })
			if took := machine.Ran(begun, time.Now()); took > interval+5*time.Second {
				t.Errorf("ready after %s, expected it with the first round", took)
			}
		})
	}
}

// get is what a running agent answers; 0 when nobody does.
func get(t *testing.T, address, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(text)
}

func (o *output) has(measurement string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.points, func(p influx.Point) bool { return p.Measurement == measurement })
}

// Docker appears while the agent runs, and is picked up without a restart.
func TestRunPicksDockerUp(t *testing.T) {
	e := newEngine(t)
	var events []string
	for range 5 {
		var took time.Duration
		if events, took = pickedUp(t, e); took <= soon {
			break
		}
		t.Logf("Docker was late: a stop took %s", took) // a death may be let go before it is explained
	}
	if len(events) == 0 || events[0] != "present running" {
		t.Errorf("events %q, expected the present state first", events)
	}
	if slices.ContainsFunc(events, func(s string) bool { return s == "die 137 requested=false" || s == "die 0 requested=false" }) {
		t.Errorf("events %q: a stop looks like a crash", events)
	}
}

// pickedUp runs an agent before there is a Docker. It gives what is told of a container that is stopped just before the agent, and how
// long Docker took for that.
func pickedUp(t *testing.T, e *engine) (events []string, took time.Duration) {
	t.Helper()
	p := newProxy(t, e.path)
	name := e.run(spec{Cmd: []string{"sleep"}})
	o := newOutput(t)
	stop := running(t, Config{
		Host: testHost, Interval: time.Second, LogLevel: "info", DockerSocket: p.front,
		Outputs: []influx.Output{{Name: "there", URLs: []string{o.server.URL}, Bucket: "nezuban"}},
	})
	await(t, "a heartbeat", func() bool { return len(o.states()) >= 1 })
	p.restore()
	o.awaitPoints(t, 2, influx.ContainerCPU, name)
	took = e.stop(name, "0") // and the agent at once after: the death is still explained
	stop()
	return texts(o.of(influx.ContainerEvent, name)), took
}

func TestRunOnTakenAddress(t *testing.T) {
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = Run(t.Context(), testDaemon(t), Config{Host: testHost, Interval: time.Second, Listen: taken.Addr().String()})
	want := fmt.Sprintf("listen for health and metrics: listen tcp %s: bind: address already in use", taken.Addr())
	if err == nil || err.Error() != want {
		t.Errorf("Run: %v, expected %s", err, want)
	}
}

// The files that are held open leave descriptors to all else, whatever the limit.
func TestFilesWithinTheLimit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit uint64
		want  int
	}{
		{"the packaged unit's", 65536, 65280},
		{"a shell's", 1024, 768},
		{"twice what others need", 512, 256},
		{"less than that", 500, 250},
		{"odd", 7, 4},
		{"one", 1, 1},
		{"none", 0, 0},
		{"a million", 1 << 20, 1<<20 - 256},
		{"infinity", math.MaxUint64, 1<<20 - 256},
	} {
		if got := filesWithin(tt.limit); got != tt.want {
			t.Errorf("%s, %d: found %d, expected %d", tt.name, tt.limit, got, tt.want)
		}
	}

	// It is this process's own limit that counts.
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	for _, limit := range []uint64{before.Cur, min(700, before.Cur)} {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		s, _ := testSampler(t, docker.NewTable())
		if got, want := s.files.Most(), filesWithin(limit); got != want {
			t.Errorf("under a limit of %d the sampler holds %d, expected %d", limit, got, want)
		}
	}
}
