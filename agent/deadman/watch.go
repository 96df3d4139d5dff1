package deadman

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
)

// Watch is one sender's switch at work.
type Watch struct {
	config  Config
	http    *http.Client
	daemon  *daemon.Daemon
	telling *daemon.Condition
	disk    *daemon.Condition
	opened  *metrics.Gauge
	news    chan struct{} // holds one token when a delivery has ended

	mu       sync.Mutex
	evidence Evidence

	// Only run's own goroutine uses these.
	record   Record
	failures int       // tries in a row that told nobody
	resting  time.Time // no try before
}

// New makes the switch of a sender and reads what an earlier run of it left. With a nil transport each request has a
// connection of its own: days may lie between two.
func New(config Config, d *daemon.Daemon, transport http.RoundTripper) *Watch {
	if transport == nil {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	}
	w := &Watch{
		config: config, daemon: d, news: make(chan struct{}, 1),
		http: &http.Client{
			Timeout: requestTimeout, Transport: transport,
			// A redirect would take the key to where nobody meant it to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		telling: daemon.NewCondition(d.Log, "dead man's switch"),
		disk:    daemon.NewCondition(d.Log, "dead man's record"),
		opened:  d.Metrics.GetOrCreateGauge("nezuban_dead_man_open", nil),
	}
	var err error
	if w.record, err = loadRecord(config.StateDir); err != nil {
		w.disk.Failed(err)
	}
	w.show()
	return w
}

// Tried takes in how a delivery to an output ended, as package influx tells it. It is safe for concurrent use.
func (w *Watch) Tried(output string, began time.Time, err error) {
	if output != w.config.Output {
		return
	}
	w.mu.Lock()
	w.evidence = w.evidence.Tried(began, time.Now(), err)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// Run tells what is to be told until ctx ends, and then returns nil. Call it once.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.news:
		case <-tick.C:
		}
		w.step(ctx)
	}
}

// step sends what the evidence asks for, if anything.
func (w *Watch) step(ctx context.Context) {
	now := time.Now()
	w.mu.Lock()
	evidence := w.evidence
	w.mu.Unlock()
	action := Decide(w.record, evidence, w.config.After, now)
	if action == Nothing || now.Before(w.resting) {
		return
	}
	next := w.record
	if action == Trigger && !next.Open {
		next = Record{Open: true, Since: evidence.Failing}
		w.remember(next) // first: a trigger that arrives and is forgotten would never be resolved
	}
	since := next.Since
	if since.IsZero() {
		since = evidence.Failing
	}
	err := w.config.send(ctx, w.http, w.config.message(action, since, evidence, now), now)
	switch {
	case err != nil && ctx.Err() != nil: // cut off by our own end
	case err != nil:
		w.failed(err)
	default:
		w.told(action, next, evidence)
	}
}

// told goes on after a message was taken.
func (w *Watch) told(action Action, r Record, e Evidence) {
	w.failures, w.resting = 0, time.Time{}
	w.telling.OK()
	if action == Resolve {
		w.daemon.Log.Info("the router accepts again: the dead man's switch resolved its alert")
		w.remember(Record{})
		return
	}
	w.daemon.Log.Warn("the router accepts nothing: the dead man's switch triggered its alert", "since", r.Since, "error", e.Reason)
	r.Told = time.Now()
	w.remember(r)
}

// failed rests after a message that was not taken.
func (w *Watch) failed(err error) {
	w.telling.Failed(err)
	w.failures++
	var wait time.Duration
	if refused, ok := errors.AsType[*refusal](err); ok {
		wait = refused.after
	}
	w.resting = time.Now().Add(pause(w.failures, wait, rand.Float64()))
}

// remember keeps a record. When the disk does not take it the switch works on, until the next restart.
func (w *Watch) remember(r Record) {
	w.record = r
	w.show()
	if err := saveRecord(w.config.StateDir, r); err != nil {
		w.disk.Failed(err)
		return
	}
	w.disk.OK()
}

func (w *Watch) show() {
	open := 0.0
	if w.record.Open {
		open = 1
	}
	w.opened.Set(open)
}
