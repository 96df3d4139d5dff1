package slo

import (
	"fmt"
	"math/bits"
	"time"

	"nezuban/router/internal/incident"
)

// Pairs is a set of positions in [Burns].
type Pairs uint8

// Has reports whether the pair at the given position is in the set.
func (p Pairs) Has(at int) bool { return p&(1<<at) != 0 }

// Assessment says where the pairs stand. One that neither burns nor is calm is unknown: no report for a while, too
// little history to speak, or too little to give the all-clear. Unknown resolves nothing.
type Assessment struct {
	Burning Pairs // both windows are above the threshold
	Calm    Pairs // they are not, and enough of the short window is covered to say so
}

// How much of a window must be covered by reports.
const (
	coverToResolve = 0.8 // of the short window, before calm is believed
	coverToTicket  = 0.5 // of the long window, before a pair that does not page may fire
	coverToPage    = 0.8 // of the short window, before a pair with a long window above fastest may page

	// fastest is the longest window of a pair that may page on whatever history there is: an outage right after a start
	// must be known at once. The slower pairs would then only repeat it, and for longer.
	fastest = time.Hour
)

// Assess moves the evaluator to now and says where each pair stands. It allocates nothing.
func (e *Evaluator) Assess(now time.Time) Assessment {
	e.ring.Advance(now)
	var a Assessment
	if now.Sub(e.newest) > max(2*e.objective.Interval, quietAfter) {
		return a
	}
	for i := range e.objective.pairs {
		p := &e.objective.pairs[i]
		switch {
		case !e.burns(p):
			if e.covered(p.short, p.Short, coverToResolve) {
				a.Calm |= 1 << i
			}
		case e.warm(p):
			a.Burning |= 1 << i
		}
	}
	return a
}

// warm says that there is history enough for the pair to fire: minutes of it say nothing about days.
func (e *Evaluator) warm(p *pair) bool {
	if p.Severity != incident.SeverityPage {
		return e.covered(p.long, p.Long, coverToTicket)
	}
	return p.Long <= fastest || e.covered(p.short, p.Short, coverToPage)
}

// burns compares both windows with the threshold, strictly, and asks for enough results to mean it.
func (e *Evaluator) burns(p *pair) bool {
	o := e.objective
	long, short := e.ring.Sum(p.long), e.ring.Sum(p.short)
	return long.Ratio() > p.threshold && short.Ratio() > p.threshold && long.Bad >= o.MinBad && short.Total >= o.MinTotal
}

// Severity is the highest severity among the pairs of a set; "" for an empty one.
func (o *Objective) Severity(set Pairs) incident.Severity {
	var worst incident.Severity
	for i := range o.pairs {
		if set.Has(i) && o.pairs[i].Severity.Rank() > worst.Rank() {
			worst = o.pairs[i].Severity
		}
	}
	return worst
}

// covered reports whether at least a share of the window's buckets have reports, of those that could: a source that
// speaks less often than once a bucket cannot fill each.
func (e *Evaluator) covered(at int, length time.Duration, share float64) bool {
	have, of := e.ring.Covered(at)
	if e.objective.Interval > 0 {
		of = min(of, int(length/e.objective.Interval))
	}
	return float64(have) >= share*float64(of)
}

// Describe words the first pair of a set for a person, such as
//
//	burning the 30-day budget 22× too fast (1h; 31× in 5m; limit 14.4×)
//
// An empty set is described as the first pair of all.
func (e *Evaluator) Describe(set Pairs) string {
	p := &e.objective.pairs[bits.TrailingZeros8(uint8(set))%len(e.objective.pairs)]
	budget := e.objective.budget()
	return fmt.Sprintf("burning the %d-day budget %.3g× too fast (%s; %.3g× in %s; limit %.3g×)", int(e.objective.Period/(24*time.Hour)),
		e.ring.Sum(p.long).Ratio()/budget, short(p.Long), e.ring.Sum(p.short).Ratio()/budget, short(p.Short), p.factor)
}

// short writes the length of a window, which is whole minutes: 1h, not 1h0m0s.
func short(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// Spent is the share of the period's error budget that is gone, above 1 when it is overdrawn, if the results that were
// seen are typical of those that were not.
func (e *Evaluator) Spent() float64 {
	return e.ring.Sum(2*len(e.objective.pairs)).Ratio() / e.objective.budget()
}
