package app

import (
	"context"
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

// committer is the durable side of the engine.
type committer interface {
	Commit(ctx context.Context, b state.Batch) error
}

// engine holds what the router knows and lets one decision at a time happen: decide, make durable, then take over.
// Nothing is answered, and nothing goes out, before the middle part is done. It is safe for concurrent use.
type engine struct {
	store   committer
	now     func() time.Time
	newID   func(time.Time) string
	log     *slog.Logger
	changed chan struct{} // holds one token when rows may have become due

	mu       sync.Mutex
	book     *incident.Book
	rules    *rule.Engine
	rotation *schedule.File
	last     time.Time // the latest time a decision was made at: the clock never goes back
}

// commitWithin bounds one commit: a store that hangs must not hang every sender.
const commitWithin = 5 * time.Second

// env is what a decision may know besides the book. The caller holds mu.
func (e *engine) env() incident.Env {
	now := e.now()
	if now.Before(e.last) {
		now = e.last
	}
	e.last = now
	return incident.Env{Now: now, Rotation: e.rotation, NewID: e.newID}
}

// Ingest takes in points: it returns nil when everything that they open, change or close is durable.
//
// Next on a sample's path: [rule.Engine.Observe].
func (e *engine) Ingest(ctx context.Context, points []influx.Point) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	env := e.env()
	return e.step(ctx, env, e.rules.Observe(points, env.Now))
}

// Report takes in alerts that need no rule, such as application errors, on the same terms as Ingest.
func (e *engine) Report(ctx context.Context, alerts []incident.Alert) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.commit(ctx, state.Batch{Change: e.book.Apply(e.env(), alerts, nil)})
}

// tick does what time alone brings about.
func (e *engine) tick(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	env := e.env()
	if err := e.step(ctx, env, e.rules.Tick(env.Now)); err != nil {
		return err
	}
	change := e.book.Tick(env)
	change.Closed = nil // filed away by sweep, which reads them from the store first
	return e.commit(ctx, state.Batch{Change: change})
}

// step applies what the rules said and makes it durable together with what the rules must remember. The caller holds
// mu.
func (e *engine) step(ctx context.Context, env incident.Env, step rule.Step) error {
	remarks := make([]incident.Remark, 0, len(step.Notes))
	for _, n := range step.Notes {
		remarks = append(remarks, incident.Remark{Key: n.Key, Event: n.Event, Text: n.Text})
	}
	batch := state.Batch{Change: e.book.Apply(env, step.Alerts, remarks), Put: step.Put, Delete: step.Delete}
	if err := e.commit(ctx, batch); err != nil {
		return err
	}
	e.rules.Accept(step)
	return nil
}

// commit makes a batch durable and takes it over. The caller holds mu.
func (e *engine) commit(ctx context.Context, batch state.Batch) error {
	if batch.Empty() {
		return nil
	}
	// The sender may hang up at any time; what is decided is stored all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	if err := e.store.Commit(ctx, batch); err != nil {
		return err
	}
	e.book.Accept(batch.Change)
	e.wake()
	return nil
}

// wake lets the deliverer look again.
func (e *engine) wake() {
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// Acknowledge records that by has taken the incident.
func (e *engine) Acknowledge(ctx context.Context, id, by, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Acknowledge(env, id, by, note) })
}

// Resolve records that by says the incident is over.
func (e *engine) Resolve(ctx context.Context, id, by, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Resolve(env, id, by, note) })
}

func (e *engine) act(ctx context.Context, decide func(incident.Env) (incident.Change, error)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	change, err := decide(e.env())
	if err != nil {
		return err
	}
	return e.commit(ctx, state.Batch{Change: change})
}

// over lists the incidents that are resolved and whose messages are done.
func (e *engine) over() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Tick(e.env()).Closed
}

// forget drops incidents that have been filed away.
func (e *engine) forget(ctx context.Context, ids []string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.commit(ctx, state.Batch{Change: incident.Change{Closed: ids}})
}

// recover makes what was being sent when the router died due again.
func (e *engine) recover(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.commit(ctx, state.Batch{Change: e.book.Recover(e.env())}); err != nil {
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

// file is the rotation file in force.
func (e *engine) file() *schedule.File {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rotation
}

// setRotation puts another rotation file in force.
func (e *engine) setRotation(f *schedule.File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rotation = f
}
