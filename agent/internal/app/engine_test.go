package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
	"nezuban/packaging/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// testHost is the host's name in all points of a test.
const testHost = "h1"

// testBoot is the machine's boot in all tests.
const testBoot = "f3a1"

// engine makes containers in the real Docker for one test.
type engine struct {
	t     testing.TB
	http  *http.Client
	image string
	path  string // of the socket
}

func newEngine(t testing.TB) *engine {
	t.Helper()
	path := testenv.Docker(t)
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}
	return &engine{t: t, http: &http.Client{Transport: transport, Timeout: time.Minute}, image: testenv.DockerImage(t), path: path}
}

// spec is what POST /containers/create takes.
type spec struct {
	Image       string
	Cmd         []string
	Labels      map[string]string `json:",omitempty"`
	Healthcheck *healthcheck      `json:",omitempty"`
	HostConfig  hostConfig
}

type healthcheck struct {
	Test     []string
	Interval time.Duration
	Retries  int
}

type hostConfig struct {
	AutoRemove          bool
	NetworkMode         string            `json:",omitempty"`
	RestartPolicy       *restartPolicy    `json:",omitempty"`
	Memory              int64             `json:",omitempty"`
	NanoCPUs            int64             `json:"NanoCpus,omitempty"` // billionths of a CPU
	Tmpfs               map[string]string `json:",omitempty"`
	BlkioDeviceWriteBps []throttle        `json:",omitempty"`
}

type restartPolicy struct {
	Name              string
	MaximumRetryCount int
}

type throttle struct {
	Path string
	Rate int64
}

// create makes a container that runs a testload command and returns its name.
// It is removed with the test.
func (e *engine) create(s spec) string {
	e.t.Helper()
	name, err := e.tryCreate(s)
	if err != nil {
		e.t.Fatal(err)
	}
	return name
}

// tryCreate is create for other goroutines than the test's own.
func (e *engine) tryCreate(s spec) (name string, err error) {
	name = "nz-agent-" + strings.ToLower(rand.Text()[:10])
	s.Image = e.image
	body, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	e.t.Cleanup(func() { e.try(context.Background(), http.MethodDelete, "/containers/"+name+"?force=1", nil) })
	return name, e.tryPost("/containers/create?name="+name, body)
}

// tryRun is tryCreate and start.
func (e *engine) tryRun(s spec) (name string, err error) {
	if name, err = e.tryCreate(s); err != nil {
		return "", err
	}
	return name, e.tryPost("/containers/"+name+"/start", nil)
}

// run is create and start.
func (e *engine) run(s spec) string {
	e.t.Helper()
	name := e.create(s)
	e.start(name)
	return name
}

func (e *engine) start(name string) { e.t.Helper(); e.post("/containers/"+name+"/start", nil) }
func (e *engine) kill(name string)  { e.t.Helper(); e.post("/containers/"+name+"/kill", nil) }

// stop is docker stop, with seconds of grace, of a container that says when it listens.
func (e *engine) stop(name, seconds string) (took time.Duration) {
	e.t.Helper()
	e.awaitReady(name)
	begun := time.Now()
	e.post("/containers/"+name+"/stop?t="+seconds, nil)
	return time.Since(begun)
}

// soon is how long a stop may take at most of which Docker must have told in time, however slow its disk is.
const soon = event.HoldFor / 2

// restart is docker restart, likewise.
func (e *engine) restart(name, seconds string) {
	e.t.Helper()
	e.awaitReady(name)
	e.post("/containers/"+name+"/restart?t="+seconds, nil)
}

// awaitReady waits until the program of a container has said that it is ready.
func (e *engine) awaitReady(name string) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, "http://docker/containers/"+name+"/logs?stdout=1&follow=1", nil)
	if err != nil {
		e.t.Fatal(err)
	}
	res, err := e.http.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	const frame = len("\x01\x00\x00\x00") + 4 // before each line: the stream, and the length
	said := make([]byte, frame+len("ready"))
	if _, err := io.ReadFull(res.Body, said); err != nil || !bytes.HasSuffix(said, []byte("ready")) {
		e.t.Fatalf("logs of %s: %d %q, %v, want ready", name, res.StatusCode, said, err)
	}
}

// remove is docker rm -f.
func (e *engine) remove(name string) {
	e.t.Helper()
	if status, text := e.try(e.t.Context(), http.MethodDelete, "/containers/"+name+"?force=1", nil); status != http.StatusNoContent {
		e.t.Fatalf("remove %s: %d %s", name, status, text)
	}
}

func (e *engine) post(path string, body []byte) {
	e.t.Helper()
	if err := e.tryPost(path, body); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) tryPost(path string, body []byte) error {
	if status, text := e.try(e.t.Context(), http.MethodPost, path, body); status == 0 || status >= 300 {
		return fmt.Errorf("POST %s: %d %s", path, status, text)
	}
	return nil
}

func (e *engine) try(ctx context.Context, method, path string, body []byte) (status int, text string) {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := e.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(answer)
}

// recorder is a writer that keeps what is written.
type recorder struct {
	stats  influx.Stats // that it gives
	mu     sync.Mutex
	points []influx.Point
}

func (r *recorder) Write(points ...influx.Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, points...)
}

func (r *recorder) WriteNow(points ...influx.Point) { r.Write(points...) }
func (r *recorder) Sync() error                     { return nil }
func (r *recorder) Stats() influx.Stats             { return r.stats }

// WriteLines takes the points; the lines a test takes from the sampler.
func (r *recorder) WriteLines(_ *influx.Lines, points ...influx.Point) { r.Write(points...) }

// of gives the points of a measurement of one container, in the order written.
func (r *recorder) of(measurement, container string) []influx.Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []influx.Point
	for _, p := range r.points {
		if p.Measurement == measurement && p.Tag(influx.TagContainerName) == container {
			found = append(found, p)
		}
	}
	return found
}

// await waits until ok holds.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// awaitPoints waits for so many points of a container.
func (r *recorder) awaitPoints(t testing.TB, n int, measurement, container string) []influx.Point {
	t.Helper()
	var found []influx.Point
	deadline := time.Now().Add(patience)
	for {
		if found = r.of(measurement, container); len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d points of %s of %s, expected %d: %v", len(found), measurement, container, n, found)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// following runs a follower of the engine behind path until the test ends.
func following(t testing.TB, path string) (*recorder, *docker.Table) {
	t.Helper()
	written, table, _ := followingWith(t, path, "", newLastSamples())
	return written, table
}

// followingWith is the same with a memory in a folder; stop ends the follower
// before the test ends.
func followingWith(t testing.TB, path, stateDir string, last *lastSamples) (written *recorder, table *docker.Table, stop func()) {
	t.Helper()
	written, table = &recorder{}, docker.NewTable()
	client := docker.New(path)
	log := testLog(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	seen := newMemory(stateDir, time.Now(), durable, log)
	told := newLedger(stateDir, testBoot, seen.seenUntil(), log)
	go func() {
		defer close(done)
		f := newFollower(client, table, last, written, testHost, seen, told)
		if err := f.run(ctx, &session{client: client, table: table, log: log, trouble: daemon.NewCondition(log, "docker"), seen: event.NewSeen()}); err != nil {
			t.Errorf("follower: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		client.Close()
		seen.landed()
		told.landed()
	})
	t.Cleanup(stop)
	return written, table, stop
}

// connected waits until the engine is followed.
func connected(t testing.TB, table *docker.Table) {
	t.Helper()
	await(t, "docker to be followed", func() bool { _, _, up := table.Engine(); return up })
}

func testLog(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func testDaemon(t testing.TB) *daemon.Daemon {
	return &daemon.Daemon{Log: testLog(t), Health: &daemon.Health{}, Metrics: metrics.NewSet()}
}
