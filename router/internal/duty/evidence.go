package duty

import (
	"iter"
	"time"

	"nezuban/router/internal/rule"
)

// evidenceAtOnce is how many objectives are looked at under one lock: looking at all would hold up decisions.
const evidenceAtOnce = 50

// Evidence yields what each objective has counted. Decisions go on meanwhile: of two objectives each may have counted
// something that the other has not yet.
func (e *Engine) Evidence() iter.Seq[rule.Evidence] {
	return func(yield func(rule.Evidence) bool) {
		for from := 0; ; from += evidenceAtOnce {
			e.mu.Lock()
			some := e.rules.Evidence(from, evidenceAtOnce)
			e.mu.Unlock()
			for _, one := range some {
				if !yield(one) {
					return
				}
			}
			if len(some) < evidenceAtOnce {
				return
			}
		}
	}
}

// Counted returns what objectives have counted since the last call: see [rule.Engine.Counted].
func (e *Engine) Counted() (results []rule.Counted, all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rules.Counted()
}

// ObjectiveChecks lists the checks that objectives are about, and the longest period of an objective.
func (e *Engine) ObjectiveChecks() (checks []string, longest time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rules.ObjectiveChecks()
}

// Recall goes on from the evidence that was kept: see [rule.Engine.Recall].
func (e *Engine) Recall(kept rule.Evidence) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rules.Recall(kept, e.now())
}

// Count counts results that did not come by Ingest: see [rule.Engine.Count].
func (e *Engine) Count(results []rule.Counted) (counted int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rules.Count(results, e.now())
}

// CountSums counts what is known only as sums: see [rule.Engine.CountSums].
func (e *Engine) CountSums(check string, sums []rule.Sum) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules.CountSums(check, sums, e.now())
}
