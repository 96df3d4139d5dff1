package duty

import (
	"context"

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

// AcknowledgeOnce records that by has taken the incident; that whoever has it says so again changes nothing.
func (e *Engine) AcknowledgeOnce(ctx context.Context, id, by, note string) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) {
		if inc, ok := e.book.Incident(id); ok && inc.State == incident.Acknowledged && inc.AcknowledgedBy == by {
			return incident.Change{}, nil
		}
		return e.book.Acknowledge(env, id, by, note)
	})
}

// Heed takes in what somebody did at a provider. When it says that the incident is over the rules take back what they said
// of it, as after Resolve.
func (e *Engine) Heed(ctx context.Context, r incident.Report) error {
	return e.decide(ctx, func(env incident.Env) (decision, error) {
		change, err := e.book.Heed(env, r)
		if err != nil {
			return decision{}, err
		}
		d := decision{batch: record.Batch{Change: change}}
		if r.Kind == incident.ReportResolved && !change.Empty() {
			d.step = e.rules.Release(e.book.Holds(r.Incident)...)
			d.batch.Put, d.batch.Delete = d.step.Put, d.step.Delete
		}
		return d, nil
	})
}
