package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// sink keeps what it is given, or fails.
type sink struct {
	mu     sync.Mutex
	points []influx.Point
	alerts []incident.Alert
	fail   error
	came   chan struct{} // of await: closed when more alerts come
}

// await returns nil once cond holds of the alerts, or ctx's error.
func (s *sink) await(ctx context.Context, cond func([]incident.Alert) bool) error {
	for {
		s.mu.Lock()
		done, came := cond(s.alerts), make(chan struct{})
		s.came = came
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *sink) Ingest(_ context.Context, points []influx.Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.points = append(s.points, points...)
	}
	return s.fail
}

func (s *sink) Report(_ context.Context, alerts []incident.Alert) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.alerts = append(s.alerts, alerts...)
	}
	if s.came != nil {
		close(s.came)
		s.came = nil
	}
	return s.fail
}

func (s *sink) reported() []incident.Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]incident.Alert(nil), s.alerts...)
}

func options(s *sink) ingest.Options {
	return ingest.Options{
		Sink: s, Now: func() time.Time { return now }, Metrics: metrics.NewSet(), Log: slog.New(slog.DiscardHandler),
	}
}

func gzipped(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func post(h http.Handler, path string, body io.Reader, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
