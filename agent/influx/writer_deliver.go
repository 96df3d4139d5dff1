package influx

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// deliver offers a batch to each URL in turn until one settles its fate:
// accepted, refused for good, or cut smaller. Otherwise the batch waits again,
// and asked is the longest wait that a server asked for.
//
// Next on a sample's path: the server that the URL names; in a router of ours, its access.Gate.Require.
func (s *sender) deliver(ctx context.Context, b batch) (settled bool, asked time.Duration) {
	began := time.Now()
	var last error
	answered, slow := false, false
	for range s.urls {
		start := time.Now()
		err := s.send(ctx, b.lines)
		took := time.Since(start)
		s.figures.requests.Inc()
		s.figures.seconds.Add(took.Seconds())
		switch judge(err) {
		case fateSent:
			s.trouble.OK()
			s.refusing.Store(false)
			s.figures.sent.Add(lineCount(b.lines))
			s.maxBytes = larger(s.maxBytes, len(b.lines), took)
			s.store.settle(b)
			s.opts.Tried(s.output.Name, began, nil)
			return true, 0
		case fateRefused: // the end of no trouble: it has accepted nothing
			s.refuse(b, err)
			s.opts.Tried(s.output.Name, began, s.output.explain(err))
			return true, 0
		case fateHalve:
			s.halve(b, err)
			return true, 0
		case fateRetry:
		}
		if ctx.Err() != nil {
			break // our own end, not the server's fault
		}
		last = s.output.explain(err)
		answered, slow = answered || statusOf(err) != 0, slow || isSlow(err)
		s.trouble.Failed(last)
		asked = max(asked, retryAfter(err, time.Now()))
		s.at = (s.at + 1) % len(s.urls)
	}
	if slow {
		s.shrink(b, "no answer in time")
	}
	s.store.giveBack(b, answered)
	if last != nil {
		s.opts.Tried(s.output.Name, began, last)
	}
	return false, asked
}

// send writes to the URL in use.
func (s *sender) send(ctx context.Context, lines string) error {
	made, err := s.urls[s.at].put(ctx, s.output, lines)
	if made {
		s.log.Info("made the database", "bucket", s.output.Bucket)
	}
	return err
}

// refuse gives a batch up, in the server's own words, and sets it aside where there is a spool. Of a partial write it
// counts the good lines too: the server does not say reliably how many it kept.
func (s *sender) refuse(b batch, err error) {
	now, lines := time.Now(), lineCount(b.lines)
	s.figures.refused.Add(lines)
	s.refusing.Store(true)
	aside := s.store.refuse(err.Error(), b.lines, now)
	s.store.settle(b)
	if unsaid, say := s.refused.note(now); say {
		s.log.Error("server refused lines", "error", inShort(err), "lines_in_batch", lines, "batches_refused_unsaid", unsaid, "set_aside", aside)
	}
}

// halve sends a batch that was too large again in smaller ones, from which on they grow again.
func (s *sender) halve(b batch, err error) {
	if lineCount(b.lines) <= 1 {
		s.refuse(b, err)
		return
	}
	s.shrink(b, "too large")
	s.store.halve(b)
}

// shrink makes the next batches smaller than one that was too much, and says why once a minute.
func (s *sender) shrink(b batch, why string) {
	s.maxBytes = smaller(len(b.lines))
	if unsaid, say := s.shrunk.note(time.Now()); say {
		s.log.Info("server gets smaller batches", "because", why, "bytes", s.maxBytes, "unsaid", unsaid)
	}
}

// explain begins an error with what it means to an operator. What a server said is bounded.
func (o Output) explain(err error) error {
	status, said := statusOf(err), inShort(err)
	unauthorized := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case isSlow(err):
		return fmt.Errorf("did not answer within %s: %w", requestTimeout, said)
	case status == 0:
		return fmt.Errorf("unreachable: %w", said)
	case unauthorized && o.Username != "":
		return fmt.Errorf("user or password refused: %w", said)
	case unauthorized && o.Token != "":
		return fmt.Errorf("token refused: %w", said)
	case unauthorized:
		return fmt.Errorf("answered %d, and no token and no user is configured: %w", status, said)
	case status == http.StatusProxyAuthRequired:
		return fmt.Errorf("the proxy asks for its user and password: %w", said)
	case status >= 300 && status < 400: // without its words, which may repeat the address with its secrets
		return &wordsError{fmt.Sprintf("answered %d, a redirect to %q, which is not followed: name the right address", status, locationOf(err)), err}
	default:
		return fmt.Errorf("answered %d: %w", status, said)
	}
}

// maxSaid bounds an error in the log, in bytes.
const maxSaid = 300

// wordsError is an error in other words.
type wordsError struct {
	words string
	err   error
}

func (e *wordsError) Error() string { return e.words }
func (e *wordsError) Unwrap() error { return e.err }

// inShort is an error on one line, and not longer than maxSaid: a server may answer with a page.
func inShort(err error) error {
	words := strings.Join(strings.Fields(err.Error()), " ")
	if len(words) > maxSaid {
		words = strings.ToValidUTF8(words[:maxSaid], "") + "…"
	}
	return &wordsError{words, err}
}

// seldom lets one message a minute through to the log.
type seldom struct {
	said   time.Time
	unsaid int
}

func (r *seldom) note(now time.Time) (unsaid int, say bool) {
	if now.Sub(r.said) < time.Minute {
		r.unsaid++
		return 0, false
	}
	unsaid, r.said, r.unsaid = r.unsaid, now, 0
	return unsaid, true
}

// figures are the writer's own metrics of one output.
type figures struct {
	sent, dropped, refused *metrics.Counter // lines
	requests               *metrics.Counter
	seconds                *metrics.FloatCounter // that the requests took
}

func newFigures(set *metrics.Set, s *sender) figures {
	name := func(metric string) string {
		return fmt.Sprintf("nezuban_output_%s{output=%s}", metric, strconv.Quote(s.output.Name))
	}
	set.GetOrCreateGauge(name("queue_bytes"), func() float64 { return float64(s.count().Bytes) })
	set.GetOrCreateGauge(name("queue_oldest_seconds"), func() float64 {
		if oldest := s.count().Oldest; !oldest.IsZero() {
			return time.Since(oldest).Seconds()
		}
		return 0
	})
	set.GetOrCreateGauge(name("failing"), func() float64 {
		if s.trouble.Failing() || s.refusing.Load() {
			return 1
		}
		return 0
	})
	return figures{
		sent:     set.GetOrCreateCounter(name("lines_sent_total")),
		dropped:  set.GetOrCreateCounter(name("lines_dropped_total")),
		refused:  set.GetOrCreateCounter(name("lines_refused_total")),
		requests: set.GetOrCreateCounter(name("requests_total")),
		seconds:  set.GetOrCreateFloatCounter(name("request_seconds_total")),
	}
}
