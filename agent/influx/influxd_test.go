package influx

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// One real InfluxDB 1.8.10 serves all subtests; each has a database of its own.
func TestAgainstInfluxDB(t *testing.T) {
	server := testenv.Influxd(t)
	t.Run("EveryKindReadsBack", func(t *testing.T) { testReadBack(t, server) })
	t.Run("Ensure", func(t *testing.T) { testEnsureDatabase(t, server) })
	t.Run("ConflictNamesWhatWasRefused", func(t *testing.T) { testConflict(t, server) })
	t.Run("DownAtStart", func(t *testing.T) { testDownAtStart(t, server) })
	t.Run("Write", func(t *testing.T) { testWrite(t, server) })
	t.Run("Filters", func(t *testing.T) { testFilters(t, server) })
	t.Run("QueryOfNonsense", func(t *testing.T) { testBadQuery(t, server) })
}

// The writer finds no database, makes it, and both query languages find the data.
func testReadBack(t *testing.T, server string) {
	o := Output{Name: "influxdb", URLs: []string{server}, Bucket: "readback", Gzip: true}
	w := newRig(t, WriterOptions{}, o)
	when := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	w.Write(Point{
		Measurement: ContainerMem,
		Tags:        []Tag{{TagHost, "h 1"}, {TagContainerName, "api,x"}},
		Fields:      []Field{Uint(FieldUsage, 12345), Float(FieldUsagePercent, 1.5), Bool("flag", true), String(FieldContainerID, `say "x"`)},
		Time:        when,
	})
	awaitFor(t, time.Minute, "the line to be accepted", func() bool { return w.figure("influxdb", "lines_sent_total") == 1 })
	if w.log.count("made the database") != 1 {
		t.Errorf("expected the log to say that the database was made:\n%s", w.log)
	}

	rows, err := Query(t.Context(), o, `from(bucket:"readback/autogen") |> range(start:-1h) |> filter(fn:(r) => r._measurement == "docker_container_mem")`)
	if err != nil {
		t.Fatal(err)
	}
	got := map[any]any{}
	for _, row := range rows {
		got[row["_field"]] = row["_value"]
		if row["host"] != "h 1" || row["container_name"] != "api,x" || !row["_time"].(time.Time).Equal(when) {
			t.Errorf("found %v, expected the point's tags and time %s", row, when)
		}
	}
	want := map[any]any{FieldUsage: int64(12345), FieldUsagePercent: 1.5, "flag": true, FieldContainerID: `say "x"`}
	for field, value := range want {
		if got[field] != value {
			t.Errorf("Flux: %v: found %v, expected %v", field, got[field], value)
		}
	}

	answer := influxQL(t, server, "readback", `SELECT usage FROM docker_container_mem WHERE container_name = 'api,x'`)
	if !strings.Contains(answer, "12345") {
		t.Errorf("InfluxQL: found %s, expected 12345 in it", answer)
	}
}

func testEnsureDatabase(t *testing.T, server string) {
	tests := []struct{ name, bucket, want string }{
		{"new", "ensured", ""},
		{"again", "ensured", ""},
		{"odd name", `odd "name" it is`, ""},
		{"with a retention policy", "policed/short", ""},
		{"and again", "policed/short", ""},
		{"another policy of the same", "policed/long", "retention policy conflicts with an existing policy"},
		{"no name", "", "invalid name"},
	}
	for _, test := range tests {
		err := Ensure(t.Context(), Output{URLs: []string{"http://" + testenv.FreeAddress(t), server}, Bucket: test.bucket})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: found %v, expected %q", test.name, err, test.want)
		}
	}
	answer := influxQL(t, server, "", "SHOW DATABASES")
	for _, name := range []string{"ensured", "policed"} {
		if !strings.Contains(answer, name) {
			t.Errorf("found %s, expected %q among them", answer, name)
		}
	}
}

// A field that changes its kind is refused, the other lines of the batch are
// kept, and what comes later is not held up.
func testConflict(t *testing.T, server string) {
	o := Output{Name: "influxdb", URLs: []string{server}, Bucket: "conflict"}
	w := newRig(t, WriterOptions{}, o)
	w.Write(sample(0))
	awaitFor(t, time.Minute, "the first line", func() bool { return w.figure("influxdb", "lines_sent_total") == 1 })
	changed := sample(1)
	changed.Fields = []Field{String("i", "text")}
	w.Write(changed, sample(2))
	awaitFor(t, time.Minute, "the refusal", func() bool { return w.figure("influxdb", "lines_refused_total") == 2 })
	w.Write(sample(3))
	awaitFor(t, time.Minute, "the last line", func() bool { return w.figure("influxdb", "lines_sent_total") == 2 })
	for _, want := range []string{"partial write", "field type conflict", "dropped=1"} {
		if w.log.count(want) != 1 {
			t.Errorf("expected %q once in the log:\n%s", want, w.log)
		}
	}
	if answer := influxQL(t, server, "conflict", "SELECT count(i) FROM m"); !strings.Contains(answer, `,3]`) {
		t.Errorf("found %s, expected the three good lines", answer)
	}
}

// The database comes up after the writer, goes away and comes back: nothing
// is lost, and the trouble is said once each time.
func testDownAtStart(t *testing.T, server string) {
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var up atomic.Bool
	gate := newFakeServer(t, nil)
	proxy := httputil.NewSingleHostReverseProxy(target)
	gate.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		proxy.ServeHTTP(w, r)
	})
	w := newRig(t, WriterOptions{}, Output{Name: "influxdb", URLs: []string{gate.URL}, Bucket: "late"})
	next := 0
	for episode := 1; episode <= 2; episode++ {
		for range 5 {
			w.Write(sample(next))
			next++
		}
		awaitFor(t, time.Minute, "the trouble", func() bool { return w.log.count("unreachable") == episode })
		up.Store(true)
		w.WriteNow(sample(next))
		next++
		awaitFor(t, time.Minute, "the end of the trouble", func() bool { return w.log.count("trouble is over") == episode })
		awaitFor(t, time.Minute, "all lines", func() bool { return w.figure("influxdb", "lines_sent_total") == next })
		up.Store(false)
	}
	if answer := influxQL(t, server, "late", "SELECT count(i) FROM m"); !strings.Contains(answer, `,12]`) {
		t.Errorf("found %s, expected all twelve lines", answer)
	}
}

func testBadQuery(t *testing.T, server string) {
	_, err := Query(t.Context(), Output{URLs: []string{server}}, "from(")
	if err == nil || !strings.HasPrefix(err.Error(), "query "+server+": ") {
		t.Errorf("found %v, expected an error that names the server", err)
	}
}

// influxQL asks as `influx -execute` does and gives the raw answer.
func influxQL(t *testing.T, server, database, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	address := server + "/query?" + url.Values{"db": {database}, "q": {query}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !json.Valid(body) {
		t.Fatalf("found %q, %v", body, err)
	}
	return string(body)
}
