package influx

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx/spool"
	"nezuban/agent/transport"
)

// sender brings what waits for one output to its server. Except for push, hurry and count its methods belong to the goroutine of run.
type sender struct {
	output  Output
	log     *slog.Logger
	opts    WriterOptions
	store   store
	wake    chan struct{} // holds one hurry
	figures figures
	trouble *daemon.Condition

	refusing atomic.Bool // the newest batch whose fate is known was refused for good

	over     *transport.Transport
	urls     []endpoint
	at       int    // index of the URL in use
	maxBytes int    // of the next batch
	refused  seldom // refusals
	shrunk   seldom // words that batches get smaller

	filtering sync.Mutex
	sieve     sieve // filtering guards it

	counting sync.Mutex
	before   uint64 // lines that the spool had lost when it was counted last; counting guards it
}

func newSender(o Output, opts WriterOptions) *sender {
	s := &sender{
		output: o,
		log:    opts.Log.With("output", o.Name),
		opts:   opts,
		store: store{
			queue:    queue{limit: opts.MaxBytes},
			hand:     newHand(),
			patience: cmp.Or(opts.patience, diskPatience),
			trouble:  daemon.NewCondition(opts.Log, "spool of output "+o.Name),
		},
		wake:     make(chan struct{}, 1),
		trouble:  daemon.NewCondition(opts.Log, "output "+o.Name),
		maxBytes: maxBatchBytes,
		sieve:    sieve{filter: o.Filter},
	}
	s.store.lost = func(lines int) { s.figures.dropped.Add(lines) }
	s.store.openSpool(opts, o.Name)
	s.before = s.store.stats().Lost
	s.figures = newFigures(opts.Metrics, s)
	s.sayFilter()
	s.over = transport.New(o.Transport, s.log)
	for _, url := range o.URLs {
		client := o.client(url, s.over)
		s.urls = append(s.urls, endpoint{client, writer(client, o)})
	}
	return s
}

// push takes in those of some lines that the output's filter lets pass. When it returns true, lines is no longer the caller's.
func (s *sender) push(kind spool.Kind, lines []byte) (kept bool) {
	if s.output.Filter.open() {
		return s.store.push(kind, lines)
	}
	s.filtering.Lock()
	defer s.filtering.Unlock()
	if s.store.push(kind, s.sieve.lines(lines)) {
		s.sieve.room = nil
	}
	return false
}

// sayFilter tells, once, what an output does not get, lest it be missed.
func (s *sender) sayFilter() {
	var without []string
	for _, m := range Measurements() {
		if !s.output.Filter.Passes(m.Name) {
			without = append(without, m.Name)
		}
	}
	if len(without) > 0 {
		s.log.Info("the output's filter keeps measurements from it", "measurements", strings.Join(without, " "))
	}
}

// count gives the figures of what waits, and adds what the spool has lost since the last time to those of the output.
func (s *sender) count() spool.Stats {
	s.counting.Lock()
	defer s.counting.Unlock()
	stats := s.store.stats()
	s.figures.dropped.Add(int(stats.Lost - s.before))
	s.before = stats.Lost
	return stats
}

// hurry wakes run; a second call before it woke is the same as one.
func (s *sender) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run delivers what comes until ctx ends, then tries once more what is left.
func (s *sender) run(ctx context.Context) {
	defer s.close()
	tick := time.NewTicker(s.opts.FlushEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.drain(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.wake:
		}
	}
	s.lastFlush(context.WithoutCancel(ctx))
}

// drain delivers until nothing waits or ctx ends, and rests after failures.
func (s *sender) drain(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		b, more := s.store.take(s.opts.MaxBatch, s.maxBytes)
		if !more {
			return
		}
		settled, asked := s.deliver(ctx, b)
		if settled {
			failures = 0
			continue
		}
		failures++
		s.rest(ctx, max(asked, minBackoff), backoff(failures, rand.Float64()))
	}
}

// rest waits for the longer of the two times, but when something is in a hurry
// only for the first. A new point must not wait 30 s for a server that is back.
func (s *sender) rest(ctx context.Context, atLeast, atMost time.Duration) {
	first := time.NewTimer(atLeast)
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
	}
	second := time.NewTimer(atMost - atLeast)
	defer second.Stop()
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-second.C:
	}
}

// lastFlush tries each batch once and says what becomes of the rest.
func (s *sender) lastFlush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlushTimeout)
	defer cancel()
	for settled := true; settled && ctx.Err() == nil; {
		b, more := s.store.take(s.opts.MaxBatch, s.maxBytes)
		if !more {
			return
		}
		settled, _ = s.deliver(ctx, b)
	}
}

func (s *sender) close() {
	waiting := s.count().Bytes
	lost := s.store.close()
	switch {
	case lost > 0:
		s.log.Warn("points not sent before the stop", "lines", lost)
	case waiting > 0:
		s.log.Info("what was not sent before the stop is sent after the next start", "bytes", waiting)
	}
	for _, url := range s.urls {
		url.client.Close()
	}
	s.over.CloseIdleConnections()
}
