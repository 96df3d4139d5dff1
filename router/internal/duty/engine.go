// Package duty is the watch itself: the one lock under which the router decides, and the deliverer that sends what was
// decided. The router's app builds both, and gives them the store, the channels and the clock; packages rule and incident,
// which they call, decide.
package duty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"nezuban/agent/influx"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// Engine holds what the router knows and lets one decision at a time happen. Nothing is answered, and nothing goes out,
// before what it follows from is durable: see decide. It is safe for concurrent use.
type Engine struct {
	store   Committer
	now     func() time.Time
	uptime  func() time.Duration
	newID   func(time.Time) string
	log     *slog.Logger
	changed chan struct{} // holds one token when rows may have become due

	mu       sync.Mutex
	book     *incident.Book
	rules    *rule.Engine
	rotation *schedule.File // nil while no file has been accepted yet
	version  string         // of rotation, as timelines name it
	last     time.Time      // the latest time a decision was made at
	lastUp   time.Duration  // uptime then
	forming  *group         // that the next decision joins; nil: none
	storing  *group         // that is being stored; nil: none
	owed     []record.Batch // decided, but not known to be stored
}

// ErrNoRotation is why nothing is taken in that would have to be paged.
var ErrNoRotation = errors.New("no rotation file is in force yet: nobody could be paged")

// Options are what an engine is built from.
type Options struct {
	Store Committer
	Now   func() time.Time
	// Uptime is a clock that nobody puts: it only measures how long something took. Nil is that of the machine.
	Uptime func() time.Duration
	NewID  func(time.Time) string // see [NewID]
	Log    *slog.Logger
	Rules  *rule.Set

	Incidents incident.Settings // the zero value groups nothing
}

// New builds an engine that goes on from what was stored. Nothing is taken in before [Engine.SetRotation] has put a file in
// force; after that [Engine.Recover] makes what was being sent due again.
func New(o Options, stored record.Stored) *Engine {
	if o.Uptime == nil {
		started := time.Now()
		o.Uptime = func() time.Duration { return time.Since(started) }
	}
	book := incident.NewBook(stored.Incidents, stored.Rows, stored.Picks)
	book.Use(o.Incidents)
	book.Restore(stored.Silences)
	e := &Engine{
		store: o.Store, now: o.Now, uptime: o.Uptime, newID: o.NewID, log: o.Log, changed: make(chan struct{}, 1), book: book,
		rules: rule.NewEngine(o.Rules, stored.Records, book.Firing(), o.Now()),
	}
	for _, err := range e.rules.Unread() {
		o.Log.Error("a stored record of the rules cannot be read", "err", err)
	}
	return e
}

// Now is the engine's clock.
func (e *Engine) Now() time.Time { return e.now() }

// env is what a decision may know besides the book. Its time never goes back, and never stands still: when the clock is put
// back it goes on at half speed until the clock has caught up, so that what is to come does come. The caller holds mu.
func (e *Engine) env() incident.Env {
	clock, up := e.now(), e.uptime()
	now := clock
	if least := e.last.Add((up - e.lastUp) / 2); now.Before(least) {
		now = least
	}
	e.last, e.lastUp = now, up
	return incident.Env{Now: now, Ahead: now.Sub(clock), Rotation: e.rotation, Version: e.version, NewID: e.newID}
}

// Ingest takes in points: it returns nil when everything that they open, change or close is durable.
//
// Next on a sample's path: [rule.Engine.Observe].
func (e *Engine) Ingest(ctx context.Context, points []influx.Point) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation == nil {
			return decision{}, ErrNoRotation
		}
		return e.follow(env, e.rules.Observe(points, env.Now)), nil
	})
}

// Report takes in alerts that need no rule, such as application errors, on the same terms as Ingest.
func (e *Engine) Report(ctx context.Context, alerts []incident.Alert) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) {
		if env.Rotation == nil {
			return incident.Change{}, ErrNoRotation
		}
		return e.book.Apply(env, alerts, nil), nil
	})
}

// Tick does what time alone brings about, which is nothing before the first rotation file. Escalation does not depend on
// the rules: it goes on when what they say is too large to be stored, or there is no room for it.
func (e *Engine) Tick(ctx context.Context) error {
	err := e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation == nil {
			return decision{}, ErrNoRotation
		}
		return e.follow(env, e.rules.Tick(env.Now)), nil
	})
	switch {
	case errors.Is(err, ErrNoRotation):
		return nil
	case err != nil && !errors.Is(err, record.ErrTooLarge) && !errors.Is(err, record.ErrFull):
		return err
	}
	return errors.Join(err, e.act(ctx, func(env incident.Env) (incident.Change, error) {
		return e.book.Tick(env), nil
	}))
}

// follow is what the rules said, applied, together with what the rules must remember.
func (e *Engine) follow(env incident.Env, step rule.Step) decision {
	remarks := make([]incident.Remark, 0, len(step.Notes))
	for _, n := range step.Notes {
		remarks = append(remarks, incident.Remark{Key: n.Key, Event: n.Event, Text: n.Text})
	}
	return decision{record.Batch{Change: e.book.Apply(env, step.Alerts, remarks), Put: step.Put, Delete: step.Delete}, step}
}

// Acknowledge records that by has taken the incident.
func (e *Engine) Acknowledge(ctx context.Context, id, by, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Acknowledge(env, id, by, note) })
}

// Snooze records that by has the incident and wants to hear of it again at a time. The error wraps [incident.ErrInvalid]
// for a time that is over or too far away.
func (e *Engine) Snooze(ctx context.Context, id, by, note string, until time.Time) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Snooze(env, id, by, note, until) })
}

// Reassign gives the incident to somebody else, who is told. The error wraps [incident.ErrInvalid] for somebody whom the
// rotation file does not have.
func (e *Engine) Reassign(ctx context.Context, id, by, to, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Reassign(env, id, by, to, note) })
}

// Note writes a remark into the incident's timeline.
func (e *Engine) Note(ctx context.Context, id, by, text string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Note(env, id, by, text) })
}

// Page opens an incident in the name of by and returns its id. The same key again, while that incident is open, opens no
// second one.
func (e *Engine) Page(ctx context.Context, key, by, summary string, severity incident.Severity, labels map[string]string) (id string, err error) {
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
// holding opens it again.
func (e *Engine) Resolve(ctx context.Context, id, by, note string) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		change, err := e.book.Resolve(env, id, by, note)
		if err != nil {
			return decision{}, err
		}
		step := e.rules.Release(e.book.Holds(id)...)
		return decision{record.Batch{Change: change, Put: step.Put, Delete: step.Delete}, step}, nil
	})
}

// Silence keeps alerts from paging for a time; it returns the silence with its id. The error wraps [incident.ErrInvalid].
func (e *Engine) Silence(ctx context.Context, s incident.Silence) (incident.Silence, error) {
	err := e.act(ctx, func(env incident.Env) (change incident.Change, err error) {
		change, s, err = e.book.Silence(env, s)
		return change, err
	})
	return s, err
}

// EndSilence ends a silence now. The error wraps [incident.ErrUnknown] for one that is over or was never there.
func (e *Engine) EndSilence(ctx context.Context, id, by string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.EndSilence(env, id, by) })
}

// Silences lists the silences, those that are over for up to a week included, by their begin.
func (e *Engine) Silences() []incident.Silence {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Silences()
}

// Forget records that a host has gone for good: it is not absent until it is seen again, and what fires about it as a
// condition, or was hidden by its absence, is over. For a host that no rule knows the error wraps [incident.ErrUnknown].
func (e *Engine) Forget(ctx context.Context, host string) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation == nil {
			return decision{}, ErrNoRotation
		}
		step := e.rules.Forget(host, env.Now)
		if step.Empty() {
			return decision{}, fmt.Errorf("forget host %q: %w", host, incident.ErrUnknown)
		}
		hidden := slices.DeleteFunc(step.Hidden, func(a incident.Alert) bool { return !e.book.Hidden(a.Key) })
		step.Alerts = slices.Concat(hidden, step.Alerts)
		return e.follow(env, step), nil
	})
}

// Counters are what the rules have dropped so far.
func (e *Engine) Counters() rule.Counters {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rules.Counters()
}

// act makes one decision about incidents.
func (e *Engine) act(ctx context.Context, decide func(incident.Env) (incident.Change, error)) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		change, err := decide(env)
		return decision{batch: record.Batch{Change: change}}, err
	})
}

// Over lists the incidents that are resolved and whose messages are done, all of which is stored.
func (e *Engine) Over(ctx context.Context) ([]string, error) {
	var ids []string
	err := e.decide(ctx, func(env incident.Env) (decision, error) {
		if env.Rotation != nil {
			ids = e.book.Over(env)
		}
		return decision{}, nil
	})
	return ids, err
}

// Filed drops incidents that have been filed away.
func (e *Engine) Filed(ctx context.Context, ids []string) error {
	return e.act(ctx, func(incident.Env) (incident.Change, error) { return incident.Change{Closed: ids}, nil })
}

// Recover makes what was being sent when the router died due again.
func (e *Engine) Recover(ctx context.Context) error {
	err := e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Recover(env), nil })
	if err != nil {
		return fmt.Errorf("resume the outbox: %w", err)
	}
	return nil
}

// Incidents lists what is not closed, oldest first.
func (e *Engine) Incidents() []incident.Incident {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Incidents()
}

// IDs lists what is not closed by id, oldest first. It copies no incident, however many are open.
func (e *Engine) IDs() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.IDs()
}

// Firing says that an alert fires in an unresolved incident.
func (e *Engine) Firing(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, ok := e.book.Holding(key)
	inc, _ := e.book.Incident(id)
	return ok && inc.Alerts[key].Firing
}

// Incident is the one of this id, unless it is closed or was never opened.
func (e *Engine) Incident(id string) (incident.Incident, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Incident(id)
}

// Open counts the incidents that are not resolved.
func (e *Engine) Open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Open()
}

// File is the rotation file in force; nil while there is none.
func (e *Engine) File() *schedule.File {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rotation
}

// SetRotation puts another rotation file in force, of this version.
func (e *Engine) SetRotation(f *schedule.File, version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rotation, e.version = f, version
}
