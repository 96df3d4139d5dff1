package duty

import (
	"context"
	"time"

	"nezuban/router/internal/incident"
)

// Restored tells whoever is on call that the state came at a time from a backup that was taken at another, and that so many messages
// are held.
func (e *Engine) Restored(ctx context.Context, at, taken time.Time, held int) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Restored(env, at, taken, held), nil })
}
