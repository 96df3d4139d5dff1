// Package window counts good and bad samples over sliding windows at a cost that does not depend on how long the
// windows are: a [Ring] keeps buckets in tiers, a running sum for each window, and moves on with the clock it is given.
// A [Seen] remembers which samples have been counted, so that a re-sent batch counts once.
//
// Package slo is the caller. Nothing here reads a clock, decides anything, or is safe for concurrent use.
package window

import (
	"fmt"
	"time"
)

// Counts are samples of one bucket, or of a whole window.
type Counts struct {
	Bad, Total uint64
}

// Ratio is the bad share of the total, from 0 to 1; 0 when there is nothing, which is no statement: look at Total.
func (c Counts) Ratio() float64 {
	if c.Total == 0 {
		return 0
	}
	return float64(c.Bad) / float64(c.Total)
}

func (c *Counts) add(d Counts)  { c.Bad += d.Bad; c.Total += d.Total }
func (c *Counts) drop(d Counts) { c.Bad -= d.Bad; c.Total -= d.Total }

// Tier is a resolution: buckets of one Step each, for the windows that fit into Span.
type Tier struct {
	Step, Span time.Duration
}

// Shape says which windows a ring sums and in which tiers. It is immutable and shared by any number of rings.
type Shape struct {
	tiers   []tierShape
	windows []windowShape
}

type tierShape struct {
	step    int64 // nanoseconds
	buckets int
	windows []int // positions in Shape.windows
}

type windowShape struct {
	tier    int
	buckets int
}

// NewShape lays out rings: each window goes into the finest tier that holds it. Tiers are given from fine to coarse. A
// window that no tier holds, or that is not a whole number of its tier's steps, is an error.
func NewShape(tiers []Tier, windows []time.Duration) (*Shape, error) {
	s := &Shape{}
	for _, t := range tiers {
		if t.Step <= 0 || t.Span%t.Step != 0 {
			return nil, fmt.Errorf("lay out tier of %s: expected whole steps, found %s", t.Span, t.Step)
		}
		s.tiers = append(s.tiers, tierShape{step: int64(t.Step), buckets: int(t.Span / t.Step)})
	}
	for i, w := range windows {
		at := tierFor(tiers, w)
		if at < 0 {
			return nil, fmt.Errorf("lay out window of %s: no tier holds it in whole steps", w)
		}
		s.windows = append(s.windows, windowShape{tier: at, buckets: int(w / tiers[at].Step)})
		s.tiers[at].windows = append(s.tiers[at].windows, i)
	}
	return s, nil
}

func tierFor(tiers []Tier, window time.Duration) int {
	for i, t := range tiers {
		if window > 0 && window <= t.Span && window%t.Step == 0 {
			return i
		}
	}
	return -1
}
