package fakepagerduty

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

// RoutingKey is the only integration that the Events API knows.
const RoutingKey = "R0UTINGKEYKEEPITSECRET0123456789"

// dedupKeyMax and summaryMax bound texts of an event, in characters.
const (
	dedupKeyMax = 255
	summaryMax  = 1024
)

// Events is the Events API v2 of one integration: a trigger with the key of an open alert is merged into it, after a resolve
// it opens another; what is said of a key without an open alert is taken and changes nothing. The zero value is ready.
type Events struct {
	Changed func()       // called after each event, unless nil
	raised  func(*Event) // also, by the account whose incidents they raise; nil: none

	mu     sync.Mutex
	alerts []Alert
	events []Event
	named  int // events that were given a key, or had one
}

// Event is one event as it was taken.
type Event struct {
	Action   string `json:"event_action"`
	DedupKey string `json:"dedup_key"`
	Client   string `json:"client"`
	Payload  struct {
		Summary  string `json:"summary"`
		Source   string `json:"source"`
		Severity string `json:"severity"`
	} `json:"payload"`

	RoutingKey string `json:"routing_key"`
}

// Alert is one alert of the integration.
type Alert struct {
	Key      string
	Status   string // triggered, acknowledged, resolved
	Summary  string // of the trigger that opened it
	Triggers int    // merged into it, the first included
	Opened   time.Time
	Resolved time.Time
}

// EventsServer is the API on a loopback port.
type EventsServer struct {
	*fakehttp.Server // URL, Requests, Fail, Limit, Hang, Swallow, Garble
	*Events
}

// NewEvents starts the API; it ends with the test.
func NewEvents(tb fakehttp.Test) *EventsServer {
	tb.Helper()
	s := &EventsServer{Events: &Events{}}
	s.Server = fakehttp.New(tb, s.ServeHTTP, func(status int) any { return refused(http.StatusText(status)) })
	s.Events.Changed = s.Server.Changed
	return s
}

// WaitFor returns the alerts, as opened, once seen accepts them. When ctx ends before, the error says what there is.
func (s *EventsServer) WaitFor(ctx context.Context, seen func([]Alert) bool) ([]Alert, error) {
	var last []Alert
	err := s.Await(ctx, func() bool {
		last = s.Alerts()
		return seen(last)
	})
	if err != nil {
		return last, fmt.Errorf("await fake events API: %w; it has seen %d requests and has %+v", err, len(s.Requests()), last)
	}
	return last, nil
}

// Alerts are all alerts, as opened.
func (e *Events) Alerts() []Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.alerts)
}

// Taken are all events, as they came.
func (e *Events) Taken() []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events)
}

// ServeHTTP answers one request as the real API would.
func (e *Events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" {
		fakehttp.WriteJSON(w, http.StatusNotFound, refused("not found"))
		return
	}
	var in Event
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fakehttp.WriteJSON(w, http.StatusBadRequest, refused(err.Error()))
		return
	}
	if why := in.wrong(); why != "" {
		fakehttp.WriteJSON(w, http.StatusBadRequest, refused(why))
		return
	}
	e.name(&in)
	if e.raised != nil {
		e.raised(&in) // before the alert can be seen, which has its incident then
	}
	e.take(in)
	if e.Changed != nil {
		e.Changed()
	}
	fakehttp.WriteJSON(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": in.DedupKey})
}

func refused(why string) any {
	return map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{why}}
}

// wrong says what the API has against an event; "" when nothing.
func (e Event) wrong() string {
	trigger := e.Action == "trigger"
	switch {
	case e.RoutingKey != RoutingKey:
		return "Invalid routing key " + e.RoutingKey
	case !trigger && e.Action != "acknowledge" && e.Action != "resolve":
		return "'event_action' is invalid"
	case len(e.DedupKey) > dedupKeyMax || !trigger && e.DedupKey == "":
		return "'dedup_key' is invalid"
	case trigger && (e.Payload.Summary == "" || len(e.Payload.Summary) > summaryMax || e.Payload.Source == ""):
		return "'payload.summary' or 'payload.source' is missing or too long"
	case trigger && !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity):
		return "'payload.severity' is invalid"
	}
	return ""
}

// name gives an event without a key one of the API's own.
func (e *Events) name(in *Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.named++; in.DedupKey == "" {
		in.DedupKey = fmt.Sprintf("made-up-%d", e.named)
	}
}

func (e *Events) take(in Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	in.RoutingKey = ""
	e.events = append(e.events, in)
	at := slices.IndexFunc(e.alerts, func(a Alert) bool { return a.Key == in.DedupKey && a.Status != "resolved" })
	switch {
	case in.Action == "trigger" && at < 0:
		e.alerts = append(e.alerts, Alert{Key: in.DedupKey, Status: "triggered", Summary: in.Payload.Summary, Triggers: 1, Opened: time.Now()})
	case in.Action == "trigger":
		e.alerts[at].Triggers++
	case at >= 0 && in.Action == "acknowledge":
		e.alerts[at].Status = "acknowledged"
	case at >= 0:
		e.alerts[at].Status, e.alerts[at].Resolved = "resolved", time.Now()
	}
}
