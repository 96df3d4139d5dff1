package influx

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/packaging/testenv"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWriterSendsToEveryOutput(t *testing.T) {
	plain, packed := newFakeServer(t, nil), newFakeServer(t, nil)
	w := newRig(
		t, WriterOptions{},
		Output{Name: "plain", URLs: []string{plain.URL}, Bucket: "db", Token: "t1"},
		Output{Name: "packed", URLs: []string{packed.URL}, Bucket: "db", Token: "t2", Gzip: true},
	)
	for i := range 10 {
		w.Write(sample(i))
	}
	for name, s := range map[string]*fakeServer{"plain": plain, "packed": packed} {
		await(t, "ten lines at "+name, func() bool { return len(s.accepted()) == 10 })
		for i, line := range s.accepted() {
			if want := fmt.Sprintf("m,host=a i=%di %d", i, i+1); line != want {
				t.Errorf("%s: found %q, expected %q", name, line, want)
			}
		}
		await(t, "the figure of "+name, func() bool { return w.figure(name, "lines_sent_total") == 10 })
	}
	if got := packed.headers.Get("Content-Encoding"); got != "gzip" {
		t.Errorf("found encoding %q, expected gzip", got)
	}
	if got := packed.headers.Get("Authorization"); got != "Token t2" {
		t.Errorf("found authorization %q", got)
	}
}

func TestWriterSendsAgainWhatWasNotTaken(t *testing.T) {
	var failing atomic.Bool
	failing.Store(true)
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	w.Write(sample(0))
	await(t, "three tries", func() bool { return len(server.tries()) >= 3 })
	w.Write(sample(1), sample(2))
	failing.Store(false)
	await(t, "all lines", func() bool { return len(server.accepted()) == 3 })
	await(t, "the end of the trouble", func() bool { return w.log.count("trouble is over") == 1 })
	if got := w.log.count("answered 500"); got != 1 {
		t.Errorf("found the trouble said %d times, expected once:\n%s", got, w.log)
	}
	if got := strings.Join(server.accepted(), "\n"); got != "m,host=a i=0i 1\nm,host=a i=1i 2\nm,host=a i=2i 3" {
		t.Errorf("found out of order:\n%s", got)
	}
}

func TestWriterTriesTheNextURL(t *testing.T) {
	dead := "http://" + testenv.FreeAddress(t)
	alive := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{}, Output{Name: "router", URLs: []string{dead, alive.URL}, Bucket: "db"})
	w.Write(sample(0))
	await(t, "the line at the second", func() bool { return len(alive.accepted()) == 1 })
	w.Write(sample(1))
	await(t, "the next line at the second", func() bool { return len(alive.accepted()) == 2 })
	if got := w.log.count("unreachable"); got != 1 {
		t.Errorf("found the trouble said %d times, expected once:\n%s", got, w.log)
	}
}

func TestWriterGoesOnAfterRefusedLines(t *testing.T) {
	server := newFakeServer(t, func(w http.ResponseWriter, body string) {
		if strings.Contains(body, "i=1i") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":"invalid","message":"partial write: field type conflict: input field \"i\" on \"m\" dropped=1"}`))
		}
	})
	w := newRig(t, WriterOptions{MaxBatch: 1}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	for i := range 4 {
		w.Write(sample(i))
	}
	await(t, "the good lines", func() bool { return len(server.accepted()) == 3 })
	if got := w.figure("db", "lines_refused_total"); got != 1 {
		t.Errorf("found %d lines refused, expected 1", got)
	}
	if w.log.count(`field type conflict: input field \"i\" on \"m\" dropped=1`) != 1 {
		t.Errorf("expected the server's words in the log:\n%s", w.log)
	}
}

func TestWriterKeepsDataWhileItsTokenIsWrong(t *testing.T) {
	var mended atomic.Bool
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) {
		if !mended.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	w := newRig(t, WriterOptions{}, Output{Name: "router", URLs: []string{server.URL}, Token: "s3cret", Bucket: "db"})
	w.Write(sample(0))
	await(t, "a refused token in the log", func() bool { return w.log.count("token refused") == 1 })
	mended.Store(true)
	await(t, "the line", func() bool { return len(server.accepted()) == 1 })
	if w.log.count("s3cret") > 0 {
		t.Errorf("found the token in the log:\n%s", w.log)
	}
}

func TestWriterHalvesWhatIsTooLarge(t *testing.T) {
	server := newFakeServer(t, func(w http.ResponseWriter, body string) {
		if len(body) > 100 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	var points []Point
	for i := range 100 {
		points = append(points, sample(i))
	}
	w.Write(points...)
	await(t, "all lines", func() bool { return len(server.accepted()) == 100 })
	for i, line := range server.accepted() {
		if want := fmt.Sprintf("m,host=a i=%di %d", i, i+1); line != want {
			t.Fatalf("found %q, expected %q", line, want)
		}
	}
	huge := sample(100)
	huge.Fields = append(huge.Fields, String("s", strings.Repeat("x", 200)))
	w.Write(huge, sample(101))
	await(t, "the line after the huge one", func() bool { return len(server.accepted()) == 101 })
	if got := w.figure("db", "lines_refused_total"); got != 1 {
		t.Errorf("found %d lines refused, expected the huge one", got)
	}
}

func TestWriterHonoursRetryAfter(t *testing.T) {
	var tries atomic.Int32
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) {
		if tries.Add(1) == 1 {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	w := newRig(t, WriterOptions{}, Output{Name: "router", URLs: []string{server.URL}, Bucket: "db"})
	w.Write(sample(0))
	await(t, "the first try", func() bool { return tries.Load() == 1 })
	w.WriteNow(sample(1)) // even a hurry waits
	await(t, "both lines", func() bool { return len(server.accepted()) == 2 })
	if at := server.tries(); at[1].Sub(at[0]) < 1900*time.Millisecond {
		t.Errorf("found a wait of %s, expected 2 s", at[1].Sub(at[0]))
	}
}

func TestWriteNowDoesNotWait(t *testing.T) {
	server := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{FlushEvery: time.Hour}, Output{Name: "router", URLs: []string{server.URL}, Bucket: "db"})
	w.WriteNow(sample(0))
	await(t, "the line", func() bool { return len(server.accepted()) == 1 })
}

func TestWriterDropsTheOldestWhenFull(t *testing.T) {
	address := testenv.FreeAddress(t)
	// Of one line a batch: a larger one that nobody took makes room as a whole, and leaves only what came while it was under way.
	w := newRig(t, WriterOptions{MaxBytes: 200, MaxBatch: 1}, Output{Name: "db", URLs: []string{"http://" + address}, Bucket: "db"})
	for i := range 100 { // 18 bytes each, a little more from the eleventh on
		w.Write(sample(i))
	}
	await(t, "the trouble", func() bool { return w.log.count("unreachable") == 1 })
	server := listenAt(t, address)
	await(t, "the newest line", func() bool {
		lines := server.accepted()
		return len(lines) > 0 && lines[len(lines)-1] == "m,host=a i=99i 100"
	})
	kept, dropped := len(server.accepted()), w.figure("db", "lines_dropped_total")
	if kept+dropped != 100 || kept < 5 {
		t.Errorf("found %d lines kept and %d counted as dropped of 100", kept, dropped)
	}
}

func TestWriterFlushesAtTheEnd(t *testing.T) {
	server := newFakeServer(t, nil)
	w := NewWriter(
		[]Output{{Name: "db", URLs: []string{server.URL}, Bucket: "db"}},
		WriterOptions{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), MaxBatch: 3},
	)
	for i := range 10 {
		w.Write(sample(i))
	}
	ended, end := context.WithCancel(t.Context())
	end() // before anything is under way: what a stop cuts off is sent again
	if err := w.Run(ended); err != nil {
		t.Error(err)
	}
	if got := len(server.accepted()); got != 10 {
		t.Errorf("found %d lines after the end, expected 10", got)
	}
}

func TestWriterSaysWhatItCouldNotSendAtTheEnd(t *testing.T) {
	w := newRig(t, WriterOptions{FlushEvery: time.Hour}, Output{Name: "db", URLs: []string{"http://" + testenv.FreeAddress(t)}, Bucket: "db", Gzip: true})
	w.Write(sample(0), sample(1))
	start := time.Now()
	w.stop()
	if w.log.count("points not sent before the stop") != 1 || w.log.count("lines=2") != 1 {
		t.Errorf("expected the loss in the log:\n%s", w.log)
	}
	if took := time.Since(start); took > lastFlushTimeout {
		t.Errorf("found a stop that took %s", took)
	}
}

func TestWriterLeavesOutBadPoints(t *testing.T) {
	server := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	bad := sample(1)
	bad.Fields = []Field{Float("ratio", math.NaN())}
	for range 3 {
		w.Write(sample(0), bad, sample(2))
	}
	await(t, "the good lines", func() bool { return len(server.accepted()) == 6 })
	if got := w.set.GetOrCreateCounter("nezuban_output_bad_points_total").Get(); got != 3 {
		t.Errorf("found %d bad points counted, expected 3", got)
	}
	if w.log.count("points left out") != 1 || w.log.count("ratio") != 1 {
		t.Errorf("expected the bad field named once:\n%s", w.log)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	ln, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// listenAt starts a fake server at an address that was free before.
func listenAt(t *testing.T, address string) *fakeServer {
	t.Helper()
	s := newFakeServer(t, nil)
	server := &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Second}
	ln := listen(t, address)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}
