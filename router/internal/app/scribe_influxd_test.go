package app

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/packaging/testenv"
)

// One real InfluxDB 1.8.10 serves all subtests; each has a database of its own.
func TestClosedIncidentsInInfluxDB(t *testing.T) {
	server := testenv.Influxd(t)
	t.Run("TheRightFigures", func(t *testing.T) { testFigures(t, server) })
	t.Run("HostileText", func(t *testing.T) { testHostile(t, server) })
	t.Run("AwayForAWhile", func(t *testing.T) { testAway(t, server) })
	t.Run("ACrashBetweenWriteAndList", func(t *testing.T) { testCrashBetween(t, server) })
	t.Run("KilledAtAnyInstant", func(t *testing.T) { testKilled(t, server) })
	t.Run("OneIsRefused", func(t *testing.T) { testRefused(t, server) })
	t.Run("EveryRouterWritesTheSamePoint", func(t *testing.T) { testEveryRouter(t, server) })
}

func database(server, bucket string) influx.Output {
	return influx.Output{Name: "influxdb", URLs: []string{server}, Bucket: bucket}
}

// stored reads all points of incidents back, by the incident's id. An id with two points fails the test.
func stored(t *testing.T, o influx.Output) map[string]map[string]any {
	t.Helper()
	rows, err := influx.Query(t.Context(), o, fmt.Sprintf(`from(bucket: %q) |> range(start: 2000-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)
		|> filter(fn: (r) => r._measurement == "nezuban_incident")
		|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`, o.Bucket+"/autogen"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]any{}
	for _, row := range rows {
		id, _ := row["id"].(string)
		if found[id] != nil {
			t.Errorf("%s has two points: %v and %v", id, found[id], row)
		}
		found[id] = row
	}
	return found
}

// emptied waits until nothing waits for InfluxDB.
func (w *writingDesk) emptied() {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); w.unwritten() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%d incidents still wait; the log says\n%s", w.unwritten(), w.log)
		}
	}
}

func testFigures(t *testing.T, server string) {
	o := database(server, "figures")
	w := sitDown(t, t.TempDir(), o)
	w.start()
	w.file("01ABC")
	w.emptied()
	w.stop()
	row := stored(t, o)["01ABC"]
	for name, want := range map[string]any{
		"severity": "page", "team": "web", "service": "shop", "rule": "checkout-slow", "summary": "checkout is slow",
		"opened_at": int64(1795316400250000000), "acknowledged_at": int64(1795316490250000000), "acknowledged_by": "alice", "resolved_at": int64(1795320000250000000), "resolved_by": "bob",
		"ttd": 30.0, "tta": 90.0, "ttr": 3600.0, "alerts": int64(5), "pages": int64(2), "people": int64(3), "unpaged": false, "flapping": false, "part_of": nil,
	} {
		if row[name] != want {
			t.Errorf("%s: found %v, want %v", name, row[name], want)
		}
	}
	if at, _ := row["_time"].(time.Time); !at.Truncate(time.Second).Equal(closedAt.Truncate(time.Second)) {
		t.Errorf("found time %s, want the second of %s", at, closedAt)
	}
}

func testHostile(t *testing.T, server string) {
	o := database(server, "hostile")
	w := sitDown(t, t.TempDir(), o)
	texts := []string{"a\nnezuban_incident ttd=0\r\n", `"\",=\`, `web\`, "a\x00\x1b[31m\u202e", strings.Repeat("界", 5000), "   ", "a,b=c d"}
	for i, text := range texts {
		closed := closedIncident(fmt.Sprint(i))
		for key, a := range closed.Incident.Alerts {
			a.Summary, a.Rule, a.Labels = text, text, map[string]string{"team": text, "service": text}
			closed.Incident.Alerts[key] = a
		}
		fileAway(t, w.dir, closed)
	}
	w.start()
	w.file("last")
	w.emptied()
	w.stop()
	if found := stored(t, o); len(found) != len(texts)+1 || w.refused.Get() != 0 {
		t.Errorf("found %d of %d; the log says\n%s", len(found), len(texts)+1, w.log)
	}
}

func testAway(t *testing.T, server string) {
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var up atomic.Bool
	tried := make(chan struct{}, 1)
	proxy := httputil.NewSingleHostReverseProxy(target)
	gate := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			select {
			case tried <- struct{}{}:
			default:
			}
			panic(http.ErrAbortHandler) // cuts the connection
		}
		proxy.ServeHTTP(rw, r)
	}))
	defer gate.Close()
	w := sitDown(t, t.TempDir(), database(gate.URL, "away"))
	w.start()
	defer func() { w.stop() }()
	w.file("before")
	<-tried
	w.file("meanwhile")
	up.Store(true)
	w.emptied()
	if found := stored(t, database(server, "away")); len(found) != 2 {
		t.Errorf("found %v, want both", found)
	}
}

// What was written and not noted is written once more after the start, which leaves one point.
func testCrashBetween(t *testing.T, server string) {
	o, dir := database(server, "between"), t.TempDir()
	w := sitDown(t, dir, o)
	written := make(chan struct{})
	w.write = func(ctx context.Context, o influx.Output, points []influx.Point) error {
		if err := influx.Write(ctx, o, points); err != nil {
			return err
		}
		close(written)
		runtime.Goexit()
		return nil
	}
	w.start()
	w.file("01")
	<-written
	w.stop()
	if found := stored(t, o); len(found) != 1 {
		t.Errorf("found %v, want it written", found)
	}
	repeats := 0
	again := sitDown(t, dir, o)
	again.write = func(ctx context.Context, o influx.Output, points []influx.Point) error {
		err := influx.Write(ctx, o, points)
		if err == nil { // else they are written once more, which is no repeat
			repeats += len(points)
		}
		return err
	}
	again.start()
	again.file("02")
	again.emptied()
	again.stop()
	if found := stored(t, o); len(found) != 2 || repeats != 2 {
		t.Errorf("found %v after %d were written, want one repeat", found, repeats)
	}
}

func testRefused(t *testing.T, server string) {
	o := database(server, "refused")
	other := influx.Point{Measurement: influx.Incident, Fields: []influx.Field{influx.Int(influx.FieldPartOf, 1)}, Time: closedAt} // a text in our table
	if err := influx.Write(t.Context(), o, []influx.Point{other}); err != nil {
		t.Fatal(err)
	}
	w := sitDown(t, t.TempDir(), o)
	for i := range 20 {
		closed := closedIncident(fmt.Sprint(i))
		if i == 7 {
			closed.Incident.PartOf = "01HEAD"
		}
		fileAway(t, w.dir, closed)
	}
	w.start()
	w.file("last")
	w.emptied()
	w.stop()
	found := stored(t, o)
	delete(found, "")
	if len(found) != 20 || found["7"] != nil {
		t.Errorf("found %d, want all but the one with the conflict", len(found))
	}
	if said := w.log.String(); strings.Count(said, "is skipped") != 1 || !strings.Contains(said, "incident=7 ") || !strings.Contains(said, "field type conflict") {
		t.Errorf("the log says\n%s", said)
	}
}

func testEveryRouter(t *testing.T, server string) {
	o := database(server, "every")
	for range 3 {
		w := sitDown(t, t.TempDir(), o)
		w.start()
		for i := range 50 { // all at one instant
			w.file(fmt.Sprint(i))
		}
		w.emptied()
		w.stop()
	}
	if found := stored(t, o); len(found) != 50 {
		t.Errorf("found %d, want a point for each of 50", len(found))
	}
}

const scribeChildEnv = "NEZUBAN_TEST_SCRIBE"

// TestScribeChild is no test: it is the process that testKilled kills. It files incidents, says each, and writes them.
func TestScribeChild(t *testing.T) {
	dir, server, ok := strings.Cut(os.Getenv(scribeChildEnv), " ")
	if !ok {
		return
	}
	w := sitDown(t, dir, database(server, "killed"))
	first := len(filesIn(t, dir))
	w.start()
	for i := range 40 {
		w.file(fmt.Sprintf("%06d", first+i))
		fmt.Println(i)
	}
	select {} // until it is killed
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, closedDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// testKilled kills a router's part that files and writes incidents, at random moments, and demands that each file has its
// point in the end.
func testKilled(t *testing.T, server string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	o, dir := database(server, "killed"), t.TempDir()
	if err := influx.Ensure(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	between := 0 // kills that left something unwritten
	for range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestScribeChild$")
		cmd.Env = append(os.Environ(), scribeChildEnv+"="+dir+" "+server)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + random.IntN(40) {
			lines.Scan()
		}
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond) // any instant of what goes on beside the filing
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // "signal: killed"
		if len(stored(t, o)) < len(filesIn(t, dir)) {
			between++
		}
	}
	w := sitDown(t, dir, o)
	w.start()
	w.file("999999")
	w.emptied()
	w.stop()
	found := stored(t, o)
	for _, name := range filesIn(t, dir) {
		id := strings.TrimSuffix(filepath.Base(name), ".json")
		if found[id] == nil {
			t.Errorf("%s is lost", id)
		}
	}
	t.Logf("%d incidents, %d of 12 kills left some unwritten", len(found), between)
	if between == 0 {
		t.Error("no kill came between a file and its point")
	}
}
