package testenv

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"nezuban/packaging/influxd"
)

// Influxd starts an empty InfluxDB 1.8.10 with Flux on a free loopback port
// and returns its base URL; it is stopped and its data removed when the test
// ends. A start costs about five seconds of CPU: share one between subtests.
func Influxd(tb testing.TB) string {
	tb.Helper()
	return InfluxdWith(tb, influxd.Options{})
}

// InfluxdWith is Influxd for a server that asks for users, or speaks TLS.
func InfluxdWith(tb testing.TB, o influxd.Options) string {
	tb.Helper()
	path := InfluxdPath(tb)
	ctx, cancel := context.WithTimeout(tb.Context(), 90*time.Second)
	defer cancel()
	var log logBuffer
	s, err := influxd.Start(ctx, path, tb.TempDir(), "127.0.0.1:0", o, &log)
	if err != nil {
		tb.Fatalf("%v; its log:\n%s", err, log.String())
	}
	tb.Cleanup(func() {
		s.Stop()
		if tb.Failed() {
			tb.Logf("influxd's log:\n%s", log.String())
		}
	})
	return s.URL
}

// InfluxdPath returns the path of the server's program, which it builds once
// into the repository's .tools when it is missing.
func InfluxdPath(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 9*time.Minute)
	defer cancel()
	path, err := influxd.Install(ctx, Repo(tb), os.Stderr)
	if err != nil {
		tb.Log(err)
		LeftOut(tb, "influxd", "make .tools/bin/influxd")
	}
	return path
}

// logBuffer collects a server's log while the test may read it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
