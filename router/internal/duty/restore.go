package duty

import (
	"context"
	"time"

	"nezuban/router/internal/incident"
)

// Restored tells whoever is on call that the state came from a backup taken at a time, and that so many messages are held.
func (e *Engine) Restored(ctx context.Context, taken time.Time, held int) error {
	return e.act(ctx, func(env incident.Env) (incident.Change, error) { return e.book.Restored(env, taken, held), nil })
}
