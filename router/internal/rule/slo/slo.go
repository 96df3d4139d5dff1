// Package slo watches objectives over a long period, such as 99.9 % of requests in 30 days, by how fast their error
// budget burns. Each pair of windows compares a long one, which says that it matters, with a short one, which says
// that it still goes on (Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").
//
// Package rule feeds results in and turns assessments into alerts. Nothing here reads a clock; an [Evaluator] is not
// safe for concurrent use.
package slo

import (
	"fmt"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule/window"
)

// Burn is a pair of windows: when the share Budget of the period's error budget is spent within Long, and Short shows
// that it goes on, somebody of Severity's kind must know.
type Burn struct {
	Severity    incident.Severity
	Budget      float64 // share of the period's budget, above 0
	Long, Short time.Duration
}

// Burns are the pairs in force: Table 5-8 of the workbook. For a period of 30 days their factors are 14.4, 6 and 1.
func Burns() []Burn {
	return []Burn{
		{Severity: incident.SeverityPage, Budget: 0.02, Long: time.Hour, Short: 5 * time.Minute},
		{Severity: incident.SeverityPage, Budget: 0.05, Long: 6 * time.Hour, Short: 30 * time.Minute},
		{Severity: incident.SeverityTicket, Budget: 0.10, Long: 72 * time.Hour, Short: 6 * time.Hour},
	}
}

// Factor is how many times faster than evenly the budget burns when the pair's share is spent within its long window.
func (b Burn) Factor(period time.Duration) float64 {
	return b.Budget * float64(period) / float64(b.Long)
}

// Bounds of a period. Below 28 days the slow pair would fire at a burn that the budget allows for ever.
const (
	MinPeriod = 28 * 24 * time.Hour
	MaxPeriod = 92 * 24 * time.Hour
)

// Tiers of the rings. The last one is as long as the period.
const (
	fineStep   = time.Minute
	fineSpan   = 6 * time.Hour
	middleStep = 5 * time.Minute
	middleSpan = 72 * time.Hour
	coarseStep = time.Hour
)

// quietAfter is the least time without a report after which an objective is unknown.
const quietAfter = 3 * time.Minute

// Target is an objective as it is configured.
type Target struct {
	Percent  float64       // of results that must be good, between 0 and 100
	Period   time.Duration // over which it holds, MinPeriod to MaxPeriod, whole hours
	Interval time.Duration // between two reports of one source
	MinBad   uint64        // bad results in the long window, below which nothing fires
	MinTotal uint64        // results in the short window, below which nothing fires
}

// Objective is a target that can be watched: its thresholds and the layout of its rings. It is immutable.
type Objective struct {
	Target
	pairs []pair
	shape *window.Shape
}

type pair struct {
	Burn
	factor    float64
	threshold float64 // the bad share above which the windows burn
	long      int     // positions in the shape
	short     int
}

// NewObjective prepares a target. A percentage so low that a pair could never fire (factor × budget of 1 or more), or a
// period out of bounds, is an error worded as what was expected.
func NewObjective(t Target) (*Objective, error) {
	if !(t.Percent > 0 && t.Percent < 100) { // not a number fails too
		return nil, fmt.Errorf("a percentage between 0 and 100, such as 99.9")
	}
	if t.Period < MinPeriod || t.Period > MaxPeriod || t.Period%coarseStep != 0 {
		return nil, fmt.Errorf("a period of 28d to 92d in whole hours")
	}
	o := &Objective{Target: t}
	var windows []time.Duration
	for _, b := range Burns() {
		p := pair{Burn: b, factor: b.Factor(t.Period), long: len(windows), short: len(windows) + 1}
		p.threshold = p.factor * t.budget()
		if p.threshold >= 1 {
			return nil, fmt.Errorf("an objective above %.4g: below, burning %.3g times too fast over %s is more than everything failing, and the alert could never fire",
				100*(1-1/p.factor), p.factor, b.Long)
		}
		o.pairs = append(o.pairs, p)
		windows = append(windows, b.Long, b.Short)
	}
	windows = append(windows, t.Period)
	tiers := []window.Tier{{Step: fineStep, Span: fineSpan}, {Step: middleStep, Span: middleSpan}, {Step: coarseStep, Span: t.Period}}
	shape, err := window.NewShape(tiers, windows)
	o.shape = shape
	return o, err
}

// budget is the share of results that may be bad.
func (t Target) budget() float64 { return (100 - t.Percent) / 100 }
