package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"nezuban/agent/influx"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state"
)

// engine holds what the router knows and lets one decision at a time happen. Nothing is answered, and nothing goes out,
// before what it follows from is durable: see decide. It is safe for concurrent use.
type engine struct {
	store   committer
	now     func() time.Time
	newID   func(time.Time) string
	log     *slog.Logger
	changed chan struct{} // holds one token when rows may have become due

	mu       sync.Mutex
	book     *incident.Book
	rules    *rule.Engine
	rotation *schedule.File // nil while no file has been accepted yet
	version  string         // of rotation, as timelines name it
	last     time.Time      // the latest time a decision was made at: the clock never goes back
	forming  *group         // that the next decision joins; nil: none
	storing  *group         // that is being stored; nil: none
	owed     []state.Batch  // decided, but not known to be stored
}

// errNoRotation is why nothing is taken in that would have to be paged.
var errNoRotation = errors.New("no rotation file is in force yet: nobody could be paged")

// env is what a decision may know besides the book. The caller holds mu.
func (e *engine) env() incident.Env {
	now := e.now()
	if now.Before(e.last) {
		now = e.last
	}
	e.last = now
	return incident.Env{Now: now, Rotation: e.rotation, Version: e.version, NewID: e.newID}
}

// Ingest takes in points: it returns nil when everything that they open, change or close is durable.
//
// Next on a sample's path: [rule.Engine.Observe].
func (e *engine) Ingest(ctx context.Context, points []influx.Point) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation == nil {
			return decision{}, errNoRotation
		}
		return e.follow(env, e.rules.Observe(points, env.Now)), nil
	})
}

// Report takes in alerts that need no rule, such as application errors, on the same terms as Ingest.
func (e *engine) Report(ctx context.Context, alerts []incident.Alert) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) {
		if env.Rotation == nil {
			return incident.Change{}, errNoRotation
		}
		return e.book.Apply(env, alerts, nil), nil
	})
}

// tick does what time alone brings about, which is nothing before the first rotation file. Escalation does not depend on
// the rules: it goes on when what they say is too large to be stored.
func (e *engine) tick(ctx context.Context) error {
	err := e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation == nil {
			return decision{}, errNoRotation
		}
		return e.follow(env, e.rules.Tick(env.Now)), nil
	})
	switch {
	case errors.Is(err, errNoRotation):
		return nil
	case err != nil && !errors.Is(err, state.ErrTooLarge):
		return err
	}
	return errors.Join(err, e.act(ctx, func(env incident.Env) (incident.Change, error) {
		change := e.book.Tick(env)
		change.Closed = nil // filed away by sweep, which reads them from the store first
		return change, nil
	}))
}

// follow is what the rules said, applied, together with what the rules must remember.
func (e *engine) follow(env incident.Env, step rule.Step) decision {
	remarks := make([]incident.Remark, 0, len(step.Notes))
	for _, n := range step.Notes {
		remarks = append(remarks, incident.Remark{Key: n.Key, Event: n.Event, Text: n.Text})
	}
	return decision{state.Batch{Change: e.book.Apply(env, step.Alerts, remarks), Put: step.Put, Delete: step.Delete}, step}
}

// Acknowledge records that by has taken the incident.
func (e *engine) Acknowledge(ctx context.Context, id, by, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Acknowledge(env, id, by, note) })
}

// Snooze records that by has the incident and wants to hear of it again at a time. The error wraps [incident.ErrInvalid]
// for a time that is over or too far away.
func (e *engine) Snooze(ctx context.Context, id, by, note string, until time.Time) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Snooze(env, id, by, note, until) })
}

// Reassign gives the incident to somebody else, who is told. The error wraps [incident.ErrInvalid] for somebody whom the
// rotation file does not have.
func (e *engine) Reassign(ctx context.Context, id, by, to, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Reassign(env, id, by, to, note) })
}

// Note writes a remark into the incident's timeline.
func (e *engine) Note(ctx context.Context, id, by, text string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Note(env, id, by, text) })
}

// Page opens an incident in the name of by and returns its id. The same key again, while that incident is open, opens no
// second one.
func (e *engine) Page(ctx context.Context, key, by, summary string, severity incident.Severity, labels map[string]string) (id string, err error) {
	alert, err := incident.Manual(key, by, summary, severity, labels, e.now())
	if err != nil {
		return "", err
	}
	if err := e.Report(ctx, []incident.Alert{alert}); err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id, ok := e.book.Holding(alert.Key)
	if !ok { // resolved in the same moment
		return "", fmt.Errorf("open an incident: %w", incident.ErrUnknown)
	}
	return id, nil
}

// Resolve records that by says the incident is over. The rules take back what they said of it: a condition that goes on
// holding opens a new incident.
func (e *engine) Resolve(ctx context.Context, id, by, note string) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		change, err := e.book.Resolve(env, id, by, note)
		if err != nil {
			return decision{}, err
		}
		inc, _ := e.book.Incident(id)
		step := e.rules.Release(inc.FiringKeys(incident.KindState)...)
		return decision{state.Batch{Change: change, Put: step.Put, Delete: step.Delete}, step}, nil
	})
}

// Forget records that a host has gone for good: it is not absent until it is seen again, and what fires about it as a
// condition is over. For a host that no rule knows the error wraps [incident.ErrUnknown].
func (e *engine) Forget(ctx context.Context, host string) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation == nil {
			return decision{}, errNoRotation
		}
		step := e.rules.Forget(host, env.Now)
		if step.Empty() {
			return decision{}, fmt.Errorf("forget host %q: %w", host, incident.ErrUnknown)
		}
		return e.follow(env, step), nil
	})
}

// counters are what the rules have dropped so far.
func (e *engine) counters() rule.Counters {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rules.Counters()
}

// act makes one decision about incidents.
func (e *engine) act(ctx context.Context, decide func(incident.Env) (incident.Change, error)) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		change, err := decide(env)
		return decision{batch: state.Batch{Change: change}}, err
	})
}

// over lists the incidents that are resolved and whose messages are done, all of which is stored.
func (e *engine) over(ctx context.Context) ([]string, error) {
	var ids []string
	err := e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation != nil {
			ids = e.book.Tick(env).Closed
		}
		return decision{}, nil
	})
	return ids, err
}

// forget drops incidents that have been filed away.
func (e *engine) forget(ctx context.Context, ids []string) error {
	return e.act(ctx, func(incident.Env) (incident.Change, error) { return incident.Change{Closed: ids}, nil })
}

// recover makes what was being sent when the router died due again.
func (e *engine) recover(ctx context.Context) error {
	err := e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Recover(env), nil })
	if err != nil {
		return fmt.Errorf("resume the outbox: %w", err)
	}
	return nil
}

// incidents lists what is not closed, oldest first.
func (e *engine) incidents() []incident.Incident {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Incidents()
}

// file is the rotation file in force; nil while there is none.
func (e *engine) file() *schedule.File {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rotation
}

// setRotation puts another rotation file in force, of this version.
func (e *engine) setRotation(f *schedule.File, version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rotation, e.version = f, version
}
