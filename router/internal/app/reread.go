package app

import (
	"context"
	"math/rand/v2"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/router/internal/evidence"
)

// reread fills what objectives do not know: the time between the newest evidence that was kept and now, in which this router
// did not run or another one led. It takes as long as InfluxDB does, and holds up nothing: until then objectives say what they
// can by what they have.
func (r *router) reread(ctx context.Context) {
	checks, longest := r.engine.ObjectiveChecks()
	now := r.engine.Now()
	since := now.Add(-longest)
	if r.keptUntil.After(since) {
		since = r.keptUntil
	}
	if since.After(now) {
		since = now // the clock was ahead
	}
	trouble := daemon.NewCondition(r.d.Log, "history in InfluxDB")
	results, sums := 0, 0
	failures := 0
	for len(checks) > 0 {
		history, err := evidence.Fetch(ctx, *r.cfg.history, checks[0], since, now)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			trouble.Failed(err)
			failures++
			pause(ctx, influx.Pause(err, failures, time.Now(), rand.Float64()))
			continue
		}
		trouble.OK()
		failures = 0
		r.engine.CountSums(checks[0], history.Sums)
		sums += len(history.Sums)
		results += r.engine.Count(history.Results)
		checks = checks[1:]
	}
	r.d.Log.Info("objectives have read what they missed from InfluxDB", "since", since.UTC(), "results", results, "sums", sums)
	r.keeper.whole.Store(true) // what was read is in no journal
}
