package app

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newDaemon is a daemon that logs to log.
func newDaemon(log io.Writer) *daemon.Daemon {
	return &daemon.Daemon{
		Log:     slog.New(slog.NewTextHandler(log, nil)),
		Health:  &daemon.Health{},
		Metrics: metrics.NewSet(),
	}
}

// record is a text that several goroutines write.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// count is how many lines of the record have all the words.
func (r *record) count(words ...string) (n int) {
line:
	for line := range strings.Lines(r.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue line
			}
		}
		n++
	}
	return n
}

// await polls until ok, at most a minute.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("still not after a minute: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// points is an output that keeps what it gets.
type points struct {
	mu       sync.Mutex
	all, now []influx.Point
}

func (p *points) Write(in ...influx.Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, in...)
}

func (p *points) WriteNow(in ...influx.Point) {
	p.Write(in...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = append(p.now, in...)
}
