package rule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule/slo"
	"nezuban/router/internal/rule/window"
)

// objective is an availability objective over the results of a check.
type objective struct {
	spec
	check     string
	url       string
	objective *slo.Objective
}

// objectiveWatch evaluates all objectives.
type objectiveWatch struct {
	engine  *Engine
	byCheck map[string][]*budget
	order   []*budget // as configured
	open    map[*budget]struct{}
	counted []Counted // since the last [Engine.Counted]
	lost    bool      // there were more
}

// budget is one objective with its evidence.
type budget struct {
	series
	rule      *objective
	evaluator *slo.Evaluator
}

func newObjectiveWatch(e *Engine) *objectiveWatch {
	w := &objectiveWatch{engine: e, byCheck: map[string][]*budget{}, open: map[*budget]struct{}{}}
	for _, o := range e.set.objectives {
		b := &budget{rule: o, evaluator: o.objective.NewEvaluator(e.started)}
		b.series = newSeries(&o.spec, []string{influx.TagCheck}, []string{o.check})
		b.labels["target"] = o.url
		w.byCheck[o.check] = append(w.byCheck[o.check], b)
		w.order = append(w.order, b)
	}
	return w
}

// takeOver continues from what is stored or said to be firing. What the evidence does not cover, it says nothing about: see
// [Engine.Recall].
func (w *objectiveWatch) takeOver() {
	for _, b := range w.order {
		w.engine.adopt(&b.series)
	}
}

func (w *objectiveWatch) restore(id, check string, stored standing) bool {
	for _, b := range w.order {
		if b.rule.id == id && b.rule.check == check {
			b.stored = stored
			return true
		}
	}
	return false
}

func (w *objectiveWatch) observe(p influx.Point, now time.Time) {
	budgets := w.byCheck[p.Tag(influx.TagCheck)]
	if len(budgets) == 0 {
		return
	}
	r, err := check.ResultOf(p)
	if err != nil || r.Sick {
		return // the quorum counts the malformed; a sick location says nothing about the target
	}
	fresh := false
	for _, b := range budgets {
		w.open[b] = struct{}{}
		switch b.evaluator.Observe(r.Location, r.Time, !r.OK(), now) {
		case window.New:
			fresh = true
		case window.TooOld:
			w.engine.counters.Late++
		case window.Repeat:
		}
	}
	if fresh {
		w.note(Counted{Check: r.Check, Location: r.Location, At: r.Time, Taken: now, Bad: !r.OK()})
	}
}

// settle assesses the objectives that have new results, and at a tick all of them.
func (w *objectiveWatch) settle(now time.Time, tick bool, step *Step) {
	due := w.order
	if !tick {
		due = slices.SortedFunc(maps.Keys(w.open), func(a, b *budget) int { return strings.Compare(a.key, b.key) })
	}
	for _, b := range due {
		w.settleBudget(b, now, step)
	}
	clear(w.open)
}

func (w *objectiveWatch) settleBudget(b *budget, now time.Time, step *Step) {
	next := b.next(b.evaluator.Assess(now))
	if next == b.stored {
		return
	}
	if next.Firing != b.stored.Firing || next.Severity != b.stored.Severity {
		alert := b.alert(next, b.evaluator.Newest().UnixNano(), b.words(next), b.reason(next))
		alert.Severity = incident.Severity(cmp.Or(next.Severity, b.stored.Severity))
		step.Alerts = append(step.Alerts, alert)
	}
	b.settle(step, next)
}

// next joins what burns now to what burned: an alert only rises while it fires, and is over when all its pairs are calm.
func (b *budget) next(a slo.Assessment) standing {
	next := b.stored
	if a.Burning == 0 {
		if next.Firing && next.Burning&^a.Calm == 0 {
			return standing{}
		}
		return next
	}
	next.Firing = true
	next.Burning |= a.Burning
	next.Severity = string(b.rule.objective.Severity(next.Burning))
	if next.Severity != b.stored.Severity {
		next.Fired = b.evaluator.Newest().UnixNano() // new, or worse
	}
	return next
}

// reason says which pair of windows burns.
func (b *budget) reason(next standing) string {
	if !next.Firing {
		return ""
	}
	return b.evaluator.Describe(next.Burning)
}

func (b *budget) words(next standing) string {
	if !next.Firing {
		return fmt.Sprintf("%s: check %s no longer burns its error budget; %.0f %% of it is spent, as far as seen",
			b.rule.id, b.rule.check, 100*b.evaluator.Spent())
	}
	return fmt.Sprintf("%s: check %s is %s", b.rule.id, b.rule.check, b.evaluator.Describe(next.Burning))
}
