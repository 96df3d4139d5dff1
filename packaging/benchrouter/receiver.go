package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// receiver takes the webhooks of both, and notes when it heard first that an alert fires, and that it is over; of the router
// also that a second alert has joined an incident.
type receiver struct {
	url string

	mu       sync.Mutex
	fired    map[string]time.Time // by bench_id
	resolved map[string]time.Time
	joined   map[string]time.Time // by bench_pair
	changed  chan struct{}
}

// said is what either sends.
type said struct {
	Type string `json:"type"` // Nezuban: page.trigger, page.update, page.resolve
	Data struct {
		Incident struct {
			Labels map[string]string `json:"labels"`
		} `json:"incident"`
	} `json:"data"`
	Alerts []struct { // Alertmanager
		Status string            `json:"status"`
		Labels map[string]string `json:"labels"`
	} `json:"alerts"`
}

func newReceiver(ctx context.Context) (*receiver, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + ln.Addr().String() + "/", changed: make(chan struct{})}
	r.forget()
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // ends with Close
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return r, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	var s said
	if err := json.NewDecoder(req.Body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s.Type {
	case "":
	case "page.update":
		if pair := s.Data.Incident.Labels["bench_pair"]; r.joined[pair].IsZero() {
			r.joined[pair] = at
		}
	default:
		r.note(s.Data.Incident.Labels, s.Type == "page.resolve", at)
	}
	for _, a := range s.Alerts {
		r.note(a.Labels, a.Status == "resolved", at)
	}
	close(r.changed)
	r.changed = make(chan struct{})
	w.WriteHeader(http.StatusOK)
}

func (r *receiver) note(labels map[string]string, over bool, at time.Time) {
	times := r.fired
	if over {
		times = r.resolved
	}
	if id := labels["bench_id"]; times[id].IsZero() {
		times[id] = at
	}
}

// forget begins anew.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fired, r.resolved, r.joined = map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}
}

// await waits until it has heard of so many alerts that they fire.
func (r *receiver) await(ctx context.Context, n int) error {
	return r.until(ctx, func() bool { return len(r.fired) >= n })
}

// awaitOne waits until it has heard that an alert fires, or is over, and says when.
func (r *receiver) awaitOne(ctx context.Context, id string, over bool) (at time.Time, err error) {
	err = r.until(ctx, func() bool {
		if over {
			at = r.resolved[id]
		} else {
			at = r.fired[id]
		}
		return !at.IsZero()
	})
	return at, err
}

// awaitJoined waits until it has heard that a second alert has joined the incident of a pair, and says when.
func (r *receiver) awaitJoined(ctx context.Context, pair string) (at time.Time, err error) {
	err = r.until(ctx, func() bool { at = r.joined[pair]; return !at.IsZero() })
	return at, err
}

func (r *receiver) until(ctx context.Context, cond func() bool) error {
	for {
		r.mu.Lock()
		done, changed, n := cond(), r.changed, len(r.fired)
		r.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("await webhooks: %w; %d alerts were paged", ctx.Err(), n)
		}
	}
}
