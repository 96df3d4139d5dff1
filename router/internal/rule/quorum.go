package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/router/internal/incident"
)

// CheckDown is the id of the rule that every check has: a quorum of its locations sees it down.
const CheckDown = "check-down"

// quorumWatch holds the newest result of each location for all checks.
type quorumWatch struct {
	engine *Engine
	checks map[string]*checked
	// touched have new results since the last settle; open said what was not accepted, and are looked at by ticks.
	touched, open map[*checked]struct{}
}

// checked is one check with what its locations last said.
type checked struct {
	series
	spec   spec // severity and labels of the check
	check  check.Check
	latest map[string]check.Result // by location
	claims map[string]int64        // by location: the time that its newest result claimed
	floor  int64                   // results up to here were taken before a restart
}

func newQuorumWatch(e *Engine) *quorumWatch {
	w := &quorumWatch{engine: e, checks: map[string]*checked{}, touched: map[*checked]struct{}{}, open: map[*checked]struct{}{}}
	for _, c := range e.set.checks {
		q := &checked{check: c, latest: map[string]check.Result{}, claims: map[string]int64{}}
		q.spec = spec{id: CheckDown, severity: incident.Severity(c.Severity), labels: maps.Clone(c.Labels), runbook: c.Runbook}
		q.series = newSeries(&q.spec, []string{influx.TagCheck}, []string{c.Name})
		q.labels["target"] = c.URL
		w.checks[c.Name] = q
	}
	return w
}

// takeOver continues from what is stored or said to be firing.
func (w *quorumWatch) takeOver() {
	for _, q := range w.checks {
		w.engine.adopt(&q.series)
		q.floor = min(q.stored.Fired, w.engine.started.UnixNano()) // the clock may have been ahead in the last life
	}
}

func (w *quorumWatch) restore(check string, stored standing) bool {
	q := w.checks[check]
	if q == nil {
		return false
	}
	q.stored = stored
	return true
}

func (w *quorumWatch) observe(p influx.Point, now time.Time) {
	q := w.checks[p.Tag(influx.TagCheck)]
	if q == nil {
		return // not one of ours, or of a check that is gone
	}
	r, err := check.ResultOf(p)
	if err != nil {
		w.engine.counters.Malformed++
		return
	}
	w.touched[q] = struct{}{}
	claimed := r.Time.UnixNano()
	if r.Time = clamp(r.Time, now); r.Time.UnixNano() <= q.floor {
		w.engine.counters.Late++
		return
	}
	if last, spoken := q.latest[r.Location]; spoken && (claimed == q.claims[r.Location] || !r.Time.After(last.Time)) {
		w.engine.counters.Late++
		return
	}
	q.latest[r.Location], q.claims[r.Location] = r, claimed
}

// settle asks for the verdict of the checks that have new results, and at a tick of those that said what was not
// accepted. Time alone changes no verdict but to unknown, so a tick looks at no others.
func (w *quorumWatch) settle(now time.Time, tick bool, step *Step) {
	due := w.touched
	if tick {
		maps.Copy(w.open, w.touched)
		due = w.open
	}
	byName := func(a, b *checked) int { return strings.Compare(a.check.Name, b.check.Name) }
	for _, q := range slices.SortedFunc(maps.Keys(due), byName) {
		v, newest := q.judge(now)
		next := q.next(v, newest)
		if next.Firing != q.stored.Firing {
			step.Alerts = append(step.Alerts, q.alert(next, newest, q.words(next, now), q.reason(next, now)))
		}
		if next == q.stored {
			delete(w.open, q)
		} else {
			w.open[q] = struct{}{}
		}
		q.settle(step, next)
	}
	clear(w.touched)
}

// judge says what the locations say, and the time of the newest result.
func (q *checked) judge(now time.Time) (verdict, int64) {
	var newest int64
	for _, r := range q.latest {
		newest = max(newest, r.Time.UnixNano())
	}
	switch check.Quorum(q.check, q.latest, now) {
	case check.Down:
		return yes, newest
	case check.Up, check.Degraded:
		return no, newest
	case check.Unknown:
	}
	return unknown, newest
}

// words says which locations see what.
func (q *checked) words(next standing, now time.Time) string {
	if !next.Firing {
		return fmt.Sprintf("check %s is up again: %s", q.check.Name, q.check.URL)
	}
	var down []string
	for _, location := range q.down(now) {
		down = append(down, fmt.Sprintf("%s: %s", location, outcomeWords(q.latest[location])))
	}
	return clip(fmt.Sprintf("check %s is down: %s (%s)", q.check.Name, q.check.URL, strings.Join(down, "; ")))
}

// down lists the locations that see the check down, sorted.
func (q *checked) down(now time.Time) []string {
	var down []string
	for _, location := range slices.Sorted(maps.Keys(q.latest)) {
		if r := q.latest[location]; !r.OK() && !r.Sick && now.Sub(r.Time) <= q.check.Fresh() {
			down = append(down, location)
		}
	}
	return down
}

// reason says why it is down now.
func (q *checked) reason(next standing, now time.Time) string {
	if !next.Firing {
		return ""
	}
	known := max(len(q.latest), len(q.check.Locations))
	return fmt.Sprintf("%d of %d locations see it down, %d are enough", len(q.down(now)), known, q.check.Need(known))
}

func outcomeWords(r check.Result) string {
	what := strings.ReplaceAll(string(r.Outcome), "_", " ")
	if r.StatusCode != 0 && r.Outcome == check.StatusMismatch {
		return fmt.Sprintf("status %d", r.StatusCode)
	}
	return what
}
