package schedule

import (
	"container/heap"
	"time"

	"nezuban/checks/check"
)

// Plan holds the checks of one location and when each is due. It is not safe for concurrent use.
//
// A check never overlaps itself: between [Plan.Due] and its [Plan.Done] it is running and not due, and starts that it
// misses meanwhile are left out, not made up for. Running checks hold back no others, up to the limit.
type Plan struct {
	location string
	limit    int
	checks   map[string]*item
	waiting  queue // the checks that are not running, the next one first
	running  int
}

// item is one check of a plan.
type item struct {
	check   check.Check
	due     time.Time
	place   int // in the queue, unless it is running
	running bool
	removed bool // from the check file, while it was running
}

// NewPlan makes an empty plan for a location, with room for limit running checks; limit is at least 1.
func NewPlan(location string, limit int) *Plan {
	return &Plan{location: location, limit: max(limit, 1), checks: map[string]*item{}}
}

// Set makes checks, whose names are unique, the checks of the plan. One that keeps its name and interval keeps its
// next start; a running one goes on and counts as running.
func (p *Plan) Set(checks []check.Check, now time.Time) {
	wanted := make(map[string]bool, len(checks))
	for _, c := range checks {
		wanted[c.Name] = true
		it, known := p.checks[c.Name]
		if !known {
			it = &item{check: c, due: p.next(c, now)}
			p.checks[c.Name] = it
			heap.Push(&p.waiting, it)
			continue
		}
		moved := it.check.Interval != c.Interval
		it.check, it.removed = c, false
		if moved && !it.running {
			it.due = p.next(c, now)
			heap.Fix(&p.waiting, it.place)
		}
	}
	for name, it := range p.checks {
		switch {
		case wanted[name]:
		case it.running:
			it.removed = true
		default:
			heap.Remove(&p.waiting, it.place)
			delete(p.checks, name)
		}
	}
}

// Due takes the checks that are to start now, the one that is due longest first, and counts them as running. Each
// must be given back with [Plan.Done].
func (p *Plan) Due(now time.Time) []Start {
	var starts []Start
	for p.running < p.limit && len(p.waiting) > 0 && !p.waiting[0].due.After(now) {
		it := heap.Pop(&p.waiting).(*item)
		it.running = true
		p.running++
		starts = append(starts, Start{Check: it.check, Late: now.Sub(it.due)})
	}
	return starts
}

// Start is a check that is to start now, and how late that is: the loop's own delay, or the wait for room.
type Start struct {
	Check check.Check
	Late  time.Duration
}

// Done gives back a check that [Plan.Due] handed out; its next start is the first one after now.
func (p *Plan) Done(name string, now time.Time) {
	it, known := p.checks[name]
	if !known || !it.running {
		return
	}
	it.running = false
	p.running--
	if it.removed {
		delete(p.checks, name)
		return
	}
	it.due = p.next(it.check, now)
	heap.Push(&p.waiting, it)
}

// Wake is when to call [Plan.Due] next. ok is false when only a [Plan.Set] or a [Plan.Done] can make anything due.
func (p *Plan) Wake() (at time.Time, ok bool) {
	if len(p.waiting) == 0 || p.running >= p.limit {
		return time.Time{}, false
	}
	return p.waiting[0].due, true
}

// Len is the number of checks in the plan, removed ones that still run included.
func (p *Plan) Len() int { return len(p.checks) }

func (p *Plan) next(c check.Check, now time.Time) time.Time {
	return Next(now, c.Interval, Phase(c.Name, p.location, c.Interval))
}
