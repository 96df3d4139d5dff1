package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// fakeServer takes writes as InfluxDB does, and answers as it is told.
type fakeServer struct {
	*httptest.Server
	answer func(w http.ResponseWriter, body string) // nil: 204 to everything

	mu       sync.Mutex
	lines    []string // accepted
	requests []time.Time
	headers  http.Header // of the newest request
}

func newFakeServer(t *testing.T, answer func(w http.ResponseWriter, body string)) *fakeServer {
	t.Helper()
	s := &fakeServer{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	data, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, time.Now())
	s.headers = r.Header.Clone()
	s.mu.Unlock()
	status := &statusRecorder{ResponseWriter: w, status: http.StatusNoContent}
	if s.answer != nil {
		s.answer(status, string(data))
	}
	if status.status == http.StatusNoContent {
		s.mu.Lock()
		s.lines = append(s.lines, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *fakeServer) accepted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

func (s *fakeServer) tries() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.requests...)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// logText collects a log that several goroutines write.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logText) count(text string) int { return strings.Count(l.String(), text) }

// rig is a running writer with its log and figures.
type rig struct {
	*Writer
	log  *logText
	set  *metrics.Set
	stop func() // ends Run and waits for it
}

func newRig(t *testing.T, opts WriterOptions, outputs ...Output) *rig {
	t.Helper()
	r := &rig{log: &logText{}, set: metrics.NewSet()}
	opts.Log, opts.Metrics = slog.New(slog.NewTextHandler(r.log, nil)), r.set
	if opts.FlushEvery == 0 {
		opts.FlushEvery = 10 * time.Millisecond
	}
	if opts.patience == 0 {
		opts.patience = time.Minute
	}
	r.Writer = NewWriter(outputs, opts)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r
}

// figure is the value of one of the output's counters.
func (r *rig) figure(output, name string) int {
	return int(r.set.GetOrCreateCounter(`nezuban_output_` + name + `{output="` + output + `"}`).Get())
}

// await waits until ok, at most 10 s.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	awaitFor(t, 10*time.Second, what, ok)
}

func awaitFor(t *testing.T, atMost time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(atMost); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// sample is the i-th point of a series.
func sample(i int) Point {
	return Point{Measurement: "m", Tags: []Tag{{"host", "a"}}, Fields: []Field{Int("i", int64(i))}, Time: at(int64(i) + 1)}
}
