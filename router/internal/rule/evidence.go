package rule

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"nezuban/router/internal/rule/slo"
	"nezuban/router/internal/rule/window"
)

// Evidence is what one objective has counted, as it is kept across a restart. All other rules need no more than the newest
// sample of each series, which comes again within one interval.
type Evidence struct {
	Version int    `json:"version"`
	Rule    string `json:"rule"`
	Check   string `json:"check"`
	slo.Kept
}

// Counted is one result that objectives have counted: enough to count it again.
type Counted struct {
	Check    string    `json:"check"`
	Location string    `json:"location"`
	At       time.Time `json:"at"`    // as the location says
	Taken    time.Time `json:"taken"` // by the router's clock
	Bad      bool      `json:"bad,omitempty"`
}

// Sum is how many results of a check there were in some time that begins at At.
type Sum struct {
	At time.Time
	window.Counts
}

// maxCounted bounds the results that wait for [Engine.Counted].
const maxCounted = 100_000

func (w *objectiveWatch) note(c Counted) {
	if len(w.counted) >= maxCounted {
		w.lost = true
		return
	}
	w.counted = append(w.counted, c)
}

// Counted returns the results that objectives have counted since the last call, and whether these are all: when nobody asks
// for long, there are too many.
func (e *Engine) Counted() (results []Counted, all bool) {
	w := e.objectives
	results, all = w.counted, !w.lost
	w.counted, w.lost = nil, false
	return results, all
}

// Evidence is what the objectives from the given position on have counted, at most n of them; less than n when these are
// the last.
func (e *Engine) Evidence(from, n int) []Evidence {
	order := e.objectives.order
	from = min(from, len(order))
	all := make([]Evidence, 0, n)
	for _, b := range order[from:min(from+n, len(order))] {
		all = append(all, Evidence{Version: version, Rule: b.rule.id, Check: b.rule.check, Kept: b.evaluator.Keep()})
	}
	return all
}

// ObjectiveChecks lists the checks that objectives are about, each once, and the longest period of an objective.
func (e *Engine) ObjectiveChecks() (checks []string, longest time.Duration) {
	for _, b := range e.objectives.order {
		longest = max(longest, b.rule.objective.Period)
	}
	return slices.Sorted(maps.Keys(e.objectives.byCheck)), longest
}

// Recall goes on from the evidence that was kept. It is called before anything is observed. What is about an objective that
// is gone, or has counted something, is left out; an error says what cannot be read, and nothing of that is counted.
func (e *Engine) Recall(kept Evidence, now time.Time) error {
	if kept.Version < 1 || kept.Version > version {
		return fmt.Errorf("read evidence of %q about check %q: found version %d, expected 1 to %d", clip(kept.Rule), clip(kept.Check), kept.Version, version)
	}
	for _, b := range e.objectives.byCheck[kept.Check] {
		if b.rule.id != kept.Rule || !b.evaluator.Newest().IsZero() {
			continue
		}
		if err := b.evaluator.Recall(kept.Kept, now); err != nil {
			return fmt.Errorf("read evidence of %q about check %q: %w", clip(kept.Rule), clip(kept.Check), err)
		}
	}
	return nil
}

// Count counts results again, or for the first time, that came to this router earlier or not at all. It says nothing about
// them: the next [Engine.Tick] does. Repeats count once.
func (e *Engine) Count(results []Counted, now time.Time) (counted int) {
	for _, c := range results {
		taken := c.Taken
		if taken.After(now) {
			taken = now // the clock was ahead
		}
		for _, b := range e.objectives.byCheck[c.Check] {
			if b.evaluator.Observe(c.Location, c.At, c.Bad, taken) == window.New {
				counted++
			}
		}
	}
	return counted
}

// CountSums counts what is known only as sums, of times of which nothing has been counted.
func (e *Engine) CountSums(check string, sums []Sum, now time.Time) {
	for _, b := range e.objectives.byCheck[check] {
		for _, s := range sums {
			b.evaluator.AddCounts(s.At, s.Counts, now)
		}
	}
}
