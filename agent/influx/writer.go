package influx

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Defaults of WriterOptions.
const (
	defaultMaxBytes   = 64 << 20
	defaultFlushEvery = time.Second
	defaultMaxBatch   = 5000
	maxBatchBytes     = 4 << 20
	lastFlushTimeout  = 5 * time.Second
)

// WriterOptions bound a Writer and say where it reports.
type WriterOptions struct {
	Log        *slog.Logger  // required
	Metrics    *metrics.Set  // required; gets nezuban_output_*
	MaxBytes   int           // that wait for one output; 0: 64 MiB
	FlushEvery time.Duration // longest wait of a point before it is sent; 0: 1 s
	MaxBatch   int           // lines in a request; 0: 5000

	// Tried, unless nil, is told how each batch that was offered to an output ended, from several goroutines: began is
	// when the first request for it began, err is nil when a server accepted all of it. What is cut off by our own end,
	// and what is sent again at once in halves, is not told. It must return quickly.
	Tried func(output string, began time.Time, err error)
}

// Writer sends points to several outputs. Each has its own queue and sender, so
// that one that is down or slow holds up no other. It is safe for concurrent use.
type Writer struct {
	log     *slog.Logger
	senders []*sender
	bad     *metrics.Counter

	mu      sync.Mutex
	badSaid time.Time
}

// NewWriter makes a writer; nothing is sent before Run.
func NewWriter(outputs []Output, opts WriterOptions) *Writer {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = defaultMaxBytes
	}
	if opts.FlushEvery == 0 {
		opts.FlushEvery = defaultFlushEvery
	}
	if opts.MaxBatch == 0 {
		opts.MaxBatch = defaultMaxBatch
	}
	if opts.Tried == nil {
		opts.Tried = func(string, time.Time, error) {}
	}
	w := &Writer{log: opts.Log, bad: opts.Metrics.GetOrCreateCounter("nezuban_output_bad_points_total")}
	for _, o := range outputs {
		w.senders = append(w.senders, newSender(o, opts))
	}
	return w
}

// Write queues points for every output and returns at once. When a queue is
// full its oldest lines are dropped and counted. Points that have no line
// protocol are left out, counted, and named in the log.
//
// Next on a sample's path: sender.deliver.
func (w *Writer) Write(points ...Point) {
	encoded, err := Encode(nil, points)
	if err != nil {
		w.noteBad(err)
	}
	block := string(encoded)
	for _, s := range w.senders {
		s.push(block)
	}
}

// WriteLines is Write for whole lines of samples, which are encoded already.
//
// Next on a sample's path: sender.deliver.
func (w *Writer) WriteLines(lines []byte) {
	block := string(lines)
	for _, s := range w.senders {
		s.push(block)
	}
}

// WriteNow is Write for what must not wait, such as events: the outputs send
// at once, even when they wait to try again (but not when a server asked to be
// left alone).
func (w *Writer) WriteNow(points ...Point) {
	w.Write(points...)
	for _, s := range w.senders {
		s.hurry()
	}
}

// Run sends until ctx ends, then tries for at most 5 s to send what still
// waits. It returns nil after all its goroutines have ended. Call it once.
func (w *Writer) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, s := range w.senders {
		running.Go(func() { s.run(ctx) })
	}
	running.Wait()
	return nil
}

// noteBad says bad points at most once a minute: they come with every sample.
func (w *Writer) noteBad(err error) {
	w.bad.Add(1 + strings.Count(err.Error(), "\n"))
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.badSaid) >= time.Minute {
		w.badSaid = now
		w.log.Error("points left out", "error", err)
	}
}
