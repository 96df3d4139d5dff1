package app

import (
	"fmt"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx"
	"nezuban/checks/check"
)

// writer takes points to the outputs; *influx.Writer is one.
type writer interface {
	Write(points ...influx.Point)
	WriteNow(points ...influx.Point)
}

// reporter writes what a location has to say. It is safe for concurrent use.
type reporter struct {
	location string
	started  time.Time
	out      writer
	metrics  *metrics.Set

	mu      sync.Mutex
	failing map[string]bool // by the name of each check in force: whether its latest result was a failure
}

func newReporter(location string, out writer, set *metrics.Set, now time.Time) *reporter {
	return &reporter{location: location, started: now, out: out, metrics: set, failing: map[string]bool{}}
}

// result writes one result; at once, when it is not what the check's result before was, because somebody may be
// waiting for it. A first result that is a failure counts as such a change.
func (r *reporter) result(result check.Result) {
	r.metrics.GetOrCreateCounter(fmt.Sprintf("nezuban_checks_results_total{result=%q}", result.Outcome)).Inc()
	if r.changes(result) {
		r.out.WriteNow(result.Point())
		return
	}
	r.out.Write(result.Point())
}

func (r *reporter) changes(result check.Result) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, inForce := r.failing[result.Check]
	if inForce { // else it was removed while its request was under way
		r.failing[result.Check] = !result.OK()
	}
	return before == result.OK()
}

// keep forgets the checks that are not in force any more.
func (r *reporter) keep(checks []check.Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.failing
	r.failing = make(map[string]bool, len(checks))
	for _, c := range checks {
		r.failing[c.Name] = before[c.Name]
	}
}

// beat says at once that this location is up.
func (r *reporter) beat(now time.Time) { r.out.WriteNow(r.own(influx.StateUp, now)) }

// goodbye says that the silence to come is meant.
func (r *reporter) goodbye(now time.Time) { r.out.WriteNow(r.own(influx.StateGoodbye, now)) }

func (r *reporter) own(state string, now time.Time) influx.Point {
	r.mu.Lock()
	checks := len(r.failing)
	r.mu.Unlock()
	return influx.Point{
		Measurement: influx.Checks,
		Tags:        []influx.Tag{{Key: influx.TagLocation, Value: r.location}},
		Fields: []influx.Field{
			influx.String(influx.FieldState, state),
			influx.Int(influx.FieldChecks, int64(checks)),
			influx.Float(influx.FieldUptimeSeconds, now.Sub(r.started).Seconds()),
		},
		Time: now,
	}
}
