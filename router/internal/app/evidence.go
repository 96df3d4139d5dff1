package app

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/evidence"
)

// evidenceDir is the folder of what objectives have counted, below the state folder.
const evidenceDir = "evidence"

// keepPeriod is how often that is written down: a crash loses at most so much of it.
const keepPeriod = 10 * time.Second

// keeper keeps the evidence of objectives over restarts. What goes wrong with it is logged: it holds up no page.
type keeper struct {
	engine  *duty.Engine
	store   *evidence.Store
	trouble *daemon.Condition
	whole   atomic.Bool // all is to be written anew: the journal does not have all
}

// newKeeper goes on from what was kept, and returns the time of the newest of it; zero: there is nothing. Without objectives
// there is no keeper.
func (r *router) newKeeper() (k *keeper, newest time.Time) {
	checks, _ := r.engine.ObjectiveChecks()
	if len(checks) == 0 {
		return nil, time.Time{}
	}
	k = &keeper{
		engine: r.engine, store: evidence.New(filepath.Join(r.cfg.StateDir, evidenceDir)),
		trouble: daemon.NewCondition(r.d.Log, "evidence of objectives"),
	}
	newest, err := k.store.Read(r.engine)
	if err != nil {
		r.d.Log.Error("evidence of objectives cannot be read", "err", err)
	}
	return k, newest
}

// run writes down what was counted, until ctx ends.
func (k *keeper) run(ctx context.Context) {
	defer func() { _ = k.store.Close() }() // each append was synced
	for {
		if err := k.keep(); err != nil {
			k.trouble.Failed(err)
		} else {
			k.trouble.OK()
		}
		if ctx.Err() != nil {
			return
		}
		pause(ctx, keepPeriod)
	}
}

// keep writes down what was counted since the last time. What the journal did not take is written with all the rest.
func (k *keeper) keep() error {
	results, all := k.engine.Counted()
	if !all {
		k.whole.Store(true)
	}
	if !k.whole.Swap(false) && !k.store.Due() {
		err := k.store.Append(results)
		k.lacks(err)
		return err
	}
	err := k.store.Checkpoint(k.engine.Evidence())
	k.lacks(err)
	return err
}

// lacks lets all be written anew the next time, after an error.
func (k *keeper) lacks(err error) {
	if err != nil {
		k.whole.Store(true)
	}
}
