package duty

import (
	"context"
	"errors"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// Look is an incident that is not closed, and its messages in order, which the caller must not alter; false when there is
// none.
func (e *Engine) Look(id string) (incident.Incident, []incident.Row, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	inc, ok := e.book.Incident(id)
	return inc, e.book.Rows(id), ok
}

// Merged lists the incidents that a message speaks for besides its own and that nobody has.
func (e *Engine) Merged(row incident.Row) []incident.Incident {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Merged(row)
}

// AcknowledgePage records that by has taken the incident of a message, and those that it speaks for. That whoever has one
// says so again changes nothing. The error wraps [incident.ErrUnknown] when all are over.
func (e *Engine) AcknowledgePage(ctx context.Context, row incident.Row, by, note string) error {
	err := e.acknowledgeOnce(ctx, row.Incident, by, note)
	if err != nil && !errors.Is(err, incident.ErrUnknown) {
		return err
	}
	for _, inc := range e.Merged(row) {
		if other := e.acknowledgeOnce(ctx, inc.ID, by, note); !errors.Is(other, incident.ErrUnknown) {
			err = other
		}
		if err != nil && !errors.Is(err, incident.ErrUnknown) {
			return err
		}
	}
	return err
}

func (e *Engine) acknowledgeOnce(ctx context.Context, id, by, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) {
		if inc, ok := e.book.Incident(id); ok && inc.State == incident.Acknowledged && inc.AcknowledgedBy == by && inc.RetriggerAt.IsZero() {
			return incident.Change{}, nil
		}
		return e.book.Acknowledge(env, id, by, note)
	})
}

// Heed takes in what somebody did at a provider. When it says that the incident is over the rules take back what they said
// of it, as after Resolve.
func (e *Engine) Heed(ctx context.Context, r incident.Report) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		before, _ := e.book.Incident(r.Incident)
		change, err := e.book.Heed(env, r)
		if err != nil {
			return decision{}, err
		}
		d := decision{batch: record.Batch{Change: change}}
		if r.Kind == incident.ReportResolved && before.State != incident.Resolved && !change.Empty() {
			d.step = e.rules.Release(e.book.Holds(r.Incident)...)
			d.batch.Put, d.batch.Delete = d.step.Put, d.step.Delete
		}
		return d, nil
	})
}
