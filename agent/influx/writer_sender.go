package influx

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"nezuban/agent/daemon"
)

// sender brings the queue of one output to its server, in order. Except for
// push and hurry its methods belong to the goroutine of run.
type sender struct {
	output  Output
	log     *slog.Logger
	opts    WriterOptions
	queue   queue
	wake    chan struct{} // holds one hurry
	figures figures
	trouble *daemon.Condition

	urls     []endpoint
	at       int // index of the URL in use
	maxBytes int // of a batch; shrinks when the server says 413
	refused  refusals
}

func newSender(o Output, opts WriterOptions) *sender {
	s := &sender{
		output:   o,
		log:      opts.Log.With("output", o.Name),
		opts:     opts,
		queue:    queue{limit: opts.MaxBytes},
		wake:     make(chan struct{}, 1),
		trouble:  daemon.NewCondition(opts.Log, "output "+o.Name),
		maxBytes: maxBatchBytes,
	}
	s.figures = newFigures(opts.Metrics, s)
	for _, url := range o.URLs {
		client := o.client(url)
		s.urls = append(s.urls, endpoint{client, client.WriteAPIBlocking(o.Org, o.Bucket)})
	}
	return s
}

func (s *sender) push(block string) { s.figures.dropped.Add(s.queue.push(block)) }

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

// drain delivers until the queue is empty or ctx ends, and rests after failures.
func (s *sender) drain(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		batch := s.queue.take(s.opts.MaxBatch, s.maxBytes)
		if batch == "" {
			return
		}
		settled, asked := s.deliver(ctx, batch)
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

// lastFlush tries each batch once and says what is lost.
func (s *sender) lastFlush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlushTimeout)
	defer cancel()
	for settled := true; settled && ctx.Err() == nil; {
		batch := s.queue.take(s.opts.MaxBatch, s.maxBytes)
		if batch == "" {
			return
		}
		settled, _ = s.deliver(ctx, batch)
	}
	if lost := lineCount(s.queue.take(int(^uint(0)>>1), int(^uint(0)>>1))); lost > 0 {
		s.log.Warn("points not sent before the stop", "lines", lost)
	}
}

func (s *sender) close() {
	for _, url := range s.urls {
		url.client.Close()
	}
}
