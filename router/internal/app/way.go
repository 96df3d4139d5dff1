package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/router/internal/state"
)

// way is whether this router reaches the one that leads. It asks that one every second, by the connections that requests are
// passed on by: a load balancer hears of a way that is closed before a sender does. It is safe for concurrent use.
type way struct {
	client   *http.Client
	trouble  *daemon.Condition
	failures *metrics.Counter // requests that could not be passed on

	mu      sync.Mutex
	reached bool      // a leader was, or this router was one, since the start
	since   time.Time // of the first look in vain; zero: the last one was not
	why     error     // it was in vain
	failed  time.Time // when a request could last not be passed on
}

const (
	lookLeaderWithin = 2 * time.Second
	closedAfter      = 10 * time.Second // looks are in vain: by then another router leads after one that has died
)

// maxHealth bounds what is read of an answer of /healthz, in bytes.
const maxHealth = 4 << 10

// leadingHeader says, in each answer of /healthz, whether it is from the router that leads: "true" or "false".
const leadingHeader = "Nezuban-Leading"

func newWay(by http.RoundTripper, d *daemon.Daemon) *way {
	return &way{
		client: &http.Client{
			Transport: by, Timeout: lookLeaderWithin,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		trouble: daemon.NewCondition(d.Log, "passing on to the router that leads"), failures: d.Metrics.GetOrCreateCounter("nezuban_forward_failures_total"),
	}
}

// ask says why the router that leads is not reached; nil when it is.
func (w *way) ask(ctx context.Context, leader state.Leader) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, leader.URL+"/healthz", http.NoBody)
	if err != nil {
		return fmt.Errorf("reach the router that leads, on %q: %w", leader.Name, err)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return fmt.Errorf("reach the router that leads, on %q: %w", leader.Name, err)
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxHealth) // the header says all; read to its end, the connection is used again
	_ = answer.Body.Close()
	switch answer.Header.Get(leadingHeader) {
	case "true":
		return nil
	case "":
		return fmt.Errorf("reach the router that leads, on %q: at its advertise, %q, no router answers: found %s", leader.Name, leader.URL, answer.Status)
	}
	return fmt.Errorf("reach the router that leads, on %q: at its advertise, %q, a router answers that does not lead", leader.Name, leader.URL)
}

// looked notes what a look has found: why the leader is not reached, or nil.
func (w *way) looked(now time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.why = err
	if err != nil {
		w.trouble.Failed(err)
		if w.since.IsZero() {
			w.since = now
		}
		return
	}
	w.reached, w.since = true, time.Time{}
	if w.failed.IsZero() || now.Sub(w.failed) >= closedAfter {
		w.trouble.OK()
	}
}

// refused notes that a request could not be passed on.
func (w *way) refused(now time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures.Inc()
	w.failed = now
	w.trouble.Failed(fmt.Errorf("pass a request on: %w", err))
}

// closed says that this router cannot pass anything on, and why; nil when it can. One that has not reached any leader says so at
// once, the others when it lasts longer than a takeover does.
func (w *way) closed(now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() || (w.reached && now.Sub(w.since) < closedAfter) {
		return nil
	}
	return fmt.Errorf("this router cannot pass on what it is sent: %w", w.why)
}

// look asks the router that leads, unless that is this one.
func (n *node) look(ctx context.Context) {
	leader, ok := n.conn.Leader()
	if !ok || (!leader.Own && leader.URL == n.cfg.Advertise) {
		return // noLeader says so
	}
	var err error
	if !leader.Own {
		err = n.forward.way.ask(ctx, leader)
	}
	if !errors.Is(err, context.Canceled) {
		n.forward.way.looked(time.Now(), err)
	}
}

// saysWhetherItLeads adds to an answer whether this router leads, or begins to.
func (n *node) saysWhetherItLeads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leader, ok := n.forward.leader()
		w.Header().Set(leadingHeader, strconv.FormatBool(ok && leader.Own))
		next.ServeHTTP(w, r)
	})
}
