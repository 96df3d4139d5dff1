package fakepagerduty

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

// Delivery is one try to deliver a webhook.
type Delivery struct {
	EventID, WebhookID, Type string
	Status                   int // of the answer; 0: there was none in time
	Took                     time.Duration
}

// hooks is the one webhook subscription (v3) of the account. Events go out one after the other, each until it is answered
// 2xx; one that is answered 4xx, but for 429, is dropped at once. After three drops in a row the subscription is disabled
// for 24 h, and what waits is dropped too.
type hooks struct {
	url     string
	secrets []string
	timeout time.Duration
	retry   time.Duration // pause before an event goes out again
	ended   sync.WaitGroup
	server  *Server

	mu         sync.Mutex
	queue      [][]byte
	queued     chan struct{} // holds one token when something may wait
	deliveries []Delivery
	drops      int // in a row
	disabled   bool
	lose       int  // so many events never go out
	double     int  // so many go out twice
	unsigned   int  // so many go out without a signature
	backwards  bool // what waits goes out the newest first
	held       bool
}

// HookOptions change what takes long; 0 is PagerDuty's own timeout of 5 s, and a pause of 100 ms before a retry in place of
// its minutes.
type HookOptions struct{ Timeout, Retry time.Duration }

// Subscribe makes the account's webhooks go to an address, signed with each of the secrets, until the test ends.
func (s *Server) Subscribe(tb fakehttp.Test, address string, o HookOptions, secrets ...string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &hooks{
		url: address, secrets: secrets, timeout: o.Timeout, retry: o.Retry, server: s, queued: make(chan struct{}, 1),
	}
	if h.timeout == 0 {
		h.timeout = 5 * time.Second
	}
	if h.retry == 0 {
		h.retry = 100 * time.Millisecond
	}
	h.ended.Go(func() { h.run(ctx) })
	tb.Cleanup(func() { cancel(); h.ended.Wait() })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = h
}

// Deliveries are all tries so far.
func (s *Server) Deliveries() []Delivery {
	h := s.subscription()
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.deliveries)
}

// Disabled says that the subscription is disabled for 24 h.
func (s *Server) Disabled() bool {
	h := s.subscription()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.disabled
}

// LoseHooks lets the next n events go out never; DoubleHooks twice each; UnsignedHooks without a signature. The latter
// stand in for somebody else.
func (s *Server) LoseHooks(n int) { s.subscription().plan(func(h *hooks) { h.lose += n }) }

// DoubleHooks lets the next n events go out twice, as two webhooks.
func (s *Server) DoubleHooks(n int) { s.subscription().plan(func(h *hooks) { h.double += n }) }

// UnsignedHooks lets the next n webhooks go out without a signature: they are somebody else's.
func (s *Server) UnsignedHooks(n int) { s.subscription().plan(func(h *hooks) { h.unsigned += n }) }

// HoldHooks holds all events back until release, which lets them go out the newest first.
func (s *Server) HoldHooks() (release func()) {
	h := s.subscription()
	h.plan(func(h *hooks) { h.held, h.backwards = true, true })
	return func() { h.plan(func(h *hooks) { h.held = false }) }
}

func (s *Server) subscription() *hooks {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hooks
}

func (h *hooks) plan(change func(*hooks)) {
	h.mu.Lock()
	change(h)
	h.mu.Unlock()
	h.wake()
}

func (h *hooks) wake() {
	select {
	case h.queued <- struct{}{}:
	default:
	}
}

// publish makes webhooks of what happened since the last time. The caller holds mu.
func (s *Server) publish() {
	for _, i := range s.incidents {
		for n := s.published[i.ID]; n < len(i.History); n++ {
			change := i.History[n]
			s.queue(i, n, change.Event, change)
			if n == 0 && change.Status == "acknowledged" { // born so
				s.queue(i, n, "incident.acknowledged", change)
			}
		}
		s.published[i.ID] = len(i.History)
	}
}

func (s *Server) queue(i *Incident, n int, event string, c Change) {
	if s.hooks == nil {
		return
	}
	assignees := []reference{}
	for _, id := range c.Assignees {
		assignees = append(assignees, reference{ID: id, Type: "user_reference", Summary: "user " + id})
	}
	body, err := json.Marshal(map[string]any{"event": map[string]any{
		"id": fmt.Sprintf("01E%s%d%s", i.ID, n, event), "event_type": event, "resource_type": "incident", "occurred_at": c.At.UTC(),
		"agent": s.agent(c.By), "client": nil,
		"data": map[string]any{
			"id": i.ID, "type": "incident", "number": json.Number(i.Number), "status": c.Status, "incident_key": i.Key, "title": i.Title,
			"created_at": i.History[0].At.UTC(), "assignees": assignees, "urgency": i.Urgency,
			"service": reference{ID: i.Service, Type: "service_reference", Summary: "Nezuban"},
		},
	}})
	if err != nil {
		panic(err) // these types can be written
	}
	s.hooks.plan(func(h *hooks) {
		switch {
		case h.disabled:
		case h.lose > 0:
			h.lose--
		case h.double > 0:
			h.double--
			h.queue = append(h.queue, body, body)
		default:
			h.queue = append(h.queue, body)
		}
	})
}

// run delivers until ctx ends.
func (h *hooks) run(ctx context.Context) {
	for n := 1; ; n++ {
		body, signed, ok := h.next(ctx)
		if !ok {
			return
		}
		for !h.deliver(ctx, body, signed, fmt.Sprintf("wh-%d", n)) {
			if !pause(ctx, h.retry) {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// next waits for an event.
func (h *hooks) next(ctx context.Context) (body []byte, signed, ok bool) {
	for {
		h.mu.Lock()
		if n := len(h.queue); n > 0 && !h.held {
			at := 0
			if h.backwards {
				at = n - 1
			}
			body, signed = h.queue[at], h.unsigned == 0
			h.queue = slices.Delete(h.queue, at, at+1)
			h.unsigned = max(h.unsigned-1, 0)
			h.mu.Unlock()
			return body, signed, true
		}
		h.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, false, false
		case <-h.queued:
		}
	}
}

// deliver makes one try, and reports whether the event is done with.
func (h *hooks) deliver(ctx context.Context, body []byte, signed bool, webhookID string) bool {
	trying, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(trying, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		panic(err) // the test's own address
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Webhook-Id", webhookID)
	if signed {
		r.Header.Set("X-PagerDuty-Signature", h.sign(body))
	}
	var in struct {
		Event struct {
			ID   string `json:"id"`
			Type string `json:"event_type"`
		} `json:"event"`
	}
	_ = json.Unmarshal(body, &in) // our own
	d := Delivery{EventID: in.Event.ID, WebhookID: webhookID, Type: in.Event.Type}
	began := time.Now()
	if answer, err := http.DefaultClient.Do(r); err == nil {
		_ = answer.Body.Close()
		d.Status = answer.StatusCode
	}
	d.Took = time.Since(began)
	done := h.note(d)
	h.server.Changed()
	return done
}

// note records a try and draws PagerDuty's conclusions.
func (h *hooks) note(d Delivery) (done bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliveries = append(h.deliveries, d)
	switch {
	case d.Status/100 == 2:
		h.drops = 0
		return true
	case d.Status == 0 || d.Status == http.StatusTooManyRequests || d.Status >= http.StatusInternalServerError:
		return false
	}
	if h.drops++; h.drops == 3 {
		h.disabled, h.queue = true, nil
	}
	return true
}

func (h *hooks) sign(body []byte) string {
	var all []string
	for _, secret := range h.secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		all = append(all, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, ",")
}
