package slo

import (
	"time"

	"nezuban/router/internal/rule/window"
)

// Evaluator holds the evidence of one objective: about 16 KiB of rings for a period of 30 days, and 3 KiB for each
// source that reports.
type Evaluator struct {
	objective *Objective
	ring      *window.Ring
	sources   []source
	newest    time.Time // of all reports
}

type source struct {
	name string
	seen *window.Seen
}

// NewEvaluator starts without evidence at now.
func (o *Objective) NewEvaluator(now time.Time) *Evaluator {
	return &Evaluator{objective: o, ring: window.NewRing(o.shape, now)}
}

// maxAhead is how far ahead of the router's clock a sender's may be before its times mean nothing.
const maxAhead = 30 * time.Second

// Observe counts a result of a source at its own time. Repeats count once; a result further than 30 s ahead of now
// counts as of now. The verdict says whether it was counted; one too old to tell whether it is a repeat (6 hours behind
// the newest of its source) is not. Of two results of a source within one second the first counts.
func (e *Evaluator) Observe(from string, at time.Time, bad bool, now time.Time) window.Verdict {
	e.ring.Advance(now)
	seen := e.seenOf(from)
	var verdict window.Verdict
	if at.Sub(now) > maxAhead {
		verdict, at = seen.MarkAhead(at), now
	} else {
		verdict = seen.Mark(at)
	}
	if verdict != window.New {
		return verdict
	}
	if !e.ring.Add(at, bad) {
		return window.TooOld
	}
	if at.After(e.newest) {
		e.newest = at
	}
	return window.New
}

func (e *Evaluator) seenOf(name string) *window.Seen {
	for i := range e.sources {
		if e.sources[i].name == name {
			return e.sources[i].seen
		}
	}
	seen := window.NewSeen(fineSpan)
	e.sources = append(e.sources, source{name: name, seen: seen})
	return seen
}

// Newest is the time of the newest result counted; zero before the first.
func (e *Evaluator) Newest() time.Time { return e.newest }

// Kept is the evidence of an evaluator, in a form that can be stored.
type Kept struct {
	Ring    window.Kept  `json:"ring"`
	Sources []KeptSource `json:"sources,omitempty"`
	Newest  time.Time    `json:"newest"` // of all reports
}

// KeptSource is which reports of a source have been counted.
type KeptSource struct {
	Name string          `json:"name"`
	Seen window.KeptSeen `json:"seen"`
}

// Keep says what has been counted so far.
func (e *Evaluator) Keep() Kept {
	k := Kept{Ring: e.ring.Keep(), Newest: e.newest}
	for _, s := range e.sources {
		k.Sources = append(k.Sources, KeptSource{s.name, s.seen.Keep()})
	}
	return k
}

// Recall goes on at now from what another evaluator, of the same target or of one that was changed since, had counted. It is
// for one that has counted nothing yet. An error says what cannot be; nothing is counted then.
func (e *Evaluator) Recall(k Kept, now time.Time) error {
	e.ring.Advance(now)
	if err := e.ring.Recall(k.Ring); err != nil {
		return err
	}
	for _, s := range k.Sources {
		e.seenOf(s.Name).Recall(s.Seen, now.Add(maxAhead))
	}
	if e.newest = k.Newest; e.newest.After(now) {
		e.newest = now
	}
	return nil
}

// AddCounts counts what is known of a time only as a sum: how many results there were from then on, and how many were bad.
// It cannot tell repeats.
func (e *Evaluator) AddCounts(at time.Time, c window.Counts, now time.Time) {
	e.ring.Advance(now)
	if e.ring.AddCounts(at, c) && c.Total > 0 && at.After(e.newest) && !at.After(now) {
		e.newest = at
	}
}
