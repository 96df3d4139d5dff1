package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx/spool"
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
	MaxBytes   int           // that wait for one output in memory; 0: 64 MiB
	FlushEvery time.Duration // longest wait of a point before it is sent; 0: 1 s
	MaxBatch   int           // lines in a request; 0: 5000

	// What waits for an output is kept in a folder of its own below SpoolDir, where it outlives this process; empty: in memory alone.
	SpoolDir   string
	SpoolBytes int64         // of one output; 0: 1 GiB
	SpoolAge   time.Duration // of what waits; 0: 7 days

	// Tried, unless nil, is told how each batch that was offered to an output ended, from several goroutines: began is
	// when the first request for it began, err is nil when a server accepted all of it. What is cut off by our own end,
	// and what is sent again at once in halves, is not told. It must return quickly.
	Tried func(output string, began time.Time, err error)

	// patience is how long the disk of a spool may take; 0: diskPatience. A test whose subject is another one has more, lest it takes
	// a machine that is busy for a disk that does not answer.
	patience time.Duration
}

// Writer sends points to several outputs. Each has its own spool or queue, and its own sender, so that one that is down or slow holds
// up no other. It is safe for concurrent use.
type Writer struct {
	log     *slog.Logger
	senders []*sender
	bad     *metrics.Counter

	saying  sync.Mutex
	badSaid time.Time // saying guards it
}

// NewWriter makes a writer; nothing is sent before Run. A spool that cannot be opened is said, and its output does without.
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

// Write queues points for every output whose filter they pass, and returns as soon as they are written down, in its spool if it has one, or, where
// the disk does not answer, when diskPatience is over. What does not fit makes the oldest lines go, which are counted. Points that have no line protocol are left out, counted, and named in the log.
//
// Next on a sample's path: sender.deliver.
func (w *Writer) Write(points ...Point) {
	events, samples := split(points)
	w.write(spool.Event, events)
	w.write(spool.Sample, samples)
}

// split tells events, whose order counts, from all else.
func split(points []Point) (events, samples []Point) {
	for _, p := range points {
		if isEvent(p.Measurement) {
			events = append(events, p)
		}
	}
	if len(events) == 0 {
		return nil, points
	}
	return events, slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return isEvent(p.Measurement) })
}

func isEvent(measurement string) bool {
	return measurement == ContainerEvent || measurement == DockerEvent
}

func (w *Writer) write(kind spool.Kind, points []Point) {
	encoded, err := Encode(nil, w.wanted(points))
	if err != nil {
		w.noteBad(err)
	}
	for _, s := range w.senders {
		s.push(kind, encoded)
	}
}

// wanted is points without those that pass the filter of no output: they need not be encoded.
func (w *Writer) wanted(points []Point) []Point {
	if slices.ContainsFunc(w.senders, func(s *sender) bool { return s.output.Filter.open() }) {
		return points
	}
	return slices.DeleteFunc(slices.Clone(points), func(p Point) bool {
		return !slices.ContainsFunc(w.senders, func(s *sender) bool { return s.output.Filter.Passes(p.Measurement) })
	})
}

// WriteLines is Write for lines of samples, which are encoded already, and for points of the same moment that are no events: they
// are added to the lines, wait, and go, together. The lines may be used again once it has returned.
//
// Next on a sample's path: sender.deliver.
func (w *Writer) WriteLines(lines *Lines, points ...Point) {
	var err error
	if lines.text, err = Encode(lines.text, w.wanted(points)); err != nil {
		w.noteBad(err)
	}
	kept := false
	for _, s := range w.senders {
		kept = s.push(spool.Sample, lines.text) || kept
	}
	if kept {
		lines.text = nil
	}
}

// Sync returns when all events that were written are on the disks of the spools, or sent: a loss of power does not lose them any
// more. Outputs without a spool are not waited for. A disk that does not answer is an error.
func (w *Writer) Sync() error {
	var errs []error
	for _, s := range w.senders {
		if err := s.store.sync(); err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", s.output.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Stats are figures of all outputs together.
type Stats struct {
	Waiting int64     // bytes that wait
	Oldest  time.Time // when the oldest line that waits was written; zero when none does, or in memory alone
	Lost    uint64    // lines that were dropped or damaged since the start
}

// Stats are the figures of now.
func (w *Writer) Stats() Stats {
	var all Stats
	for _, s := range w.senders {
		stats := s.count()
		all.Waiting += stats.Bytes
		all.Lost += s.figures.dropped.Get()
		if !stats.Oldest.IsZero() && (all.Oldest.IsZero() || stats.Oldest.Before(all.Oldest)) {
			all.Oldest = stats.Oldest
		}
	}
	return all
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
	w.saying.Lock()
	defer w.saying.Unlock()
	if now := time.Now(); now.Sub(w.badSaid) >= time.Minute {
		w.badSaid = now
		w.log.Error("points left out", "error", err)
	}
}
