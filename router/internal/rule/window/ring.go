package window

import (
	"math"
	"time"
)

// bucket holds what came in one step. 32 bits are enough for a coarse bucket of the busiest check, and halve the ring.
type bucket struct {
	bad, total uint32
}

func (b bucket) counts() Counts { return Counts{Bad: uint64(b.bad), Total: uint64(b.total)} }

// Ring sums samples over the windows of its [Shape]. A bucket is the unit of time: a window of n steps is the current,
// unfinished step and the n−1 before it.
//
// Time moves by [Ring.Advance] only, never by a sample. Memory is 8 bytes a bucket, taken once.
type Ring struct {
	shape *Shape
	tiers []tier
	sums  []sum
}

type tier struct {
	head    int64 // number of the current step since the epoch
	buckets []bucket
}

// sum is what a window holds: its samples, and how many of its buckets have any.
type sum struct {
	counts  Counts
	covered int
}

// NewRing is an empty ring whose time is now.
func NewRing(shape *Shape, now time.Time) *Ring {
	r := &Ring{shape: shape, tiers: make([]tier, len(shape.tiers)), sums: make([]sum, len(shape.windows))}
	for i, t := range shape.tiers {
		r.tiers[i] = tier{head: step(now, t.step), buckets: make([]bucket, t.buckets)}
	}
	return r
}

// step numbers the steps of a length; times before the epoch count as the epoch.
func step(at time.Time, length int64) int64 { return max(at.UnixNano(), 0) / length }

// Advance moves the ring to now: buckets that leave a window are taken out of its sum. A clock that steps back moves
// nothing. The cost is the number of steps passed, at most one turn of the ring; none in most calls.
func (r *Ring) Advance(now time.Time) {
	for i := range r.tiers {
		shape, t := &r.shape.tiers[i], &r.tiers[i]
		target := step(now, shape.step)
		if target-t.head >= int64(shape.buckets) {
			r.clear(i, target)
			continue
		}
		for t.head < target {
			t.head++
			r.turn(shape, t)
		}
	}
}

// turn opens the bucket at the head: it leaves the longest windows just now, and each window loses one bucket.
func (r *Ring) turn(shape *tierShape, t *tier) {
	for _, w := range shape.windows {
		leaving := t.buckets[t.position(t.head-int64(r.shape.windows[w].buckets))]
		if leaving.total > 0 {
			r.sums[w].counts.drop(leaving.counts())
			r.sums[w].covered--
		}
	}
	t.buckets[t.position(t.head)] = bucket{}
}

func (r *Ring) clear(tierAt int, head int64) {
	t := &r.tiers[tierAt]
	clear(t.buckets)
	t.head = head
	for _, w := range r.shape.tiers[tierAt].windows {
		r.sums[w] = sum{}
	}
}

func (t *tier) position(step int64) int {
	n := int64(len(t.buckets))
	return int((step%n + n) % n)
}

// Add counts one sample at its own time, into the current bucket when that time is still to come. It reports whether
// any tier still held the time; a sample too old for a fine tier still counts in the coarser ones.
func (r *Ring) Add(at time.Time, bad bool) bool {
	one := Counts{Total: 1}
	if bad {
		one.Bad = 1
	}
	return r.AddCounts(at, one)
}

// AddCounts counts several samples of one time as [Ring.Add] counts one.
func (r *Ring) AddCounts(at time.Time, c Counts) bool {
	kept := false
	for i := range r.tiers {
		kept = r.count(i, step(at, r.shape.tiers[i].step), c) || kept
	}
	return kept
}

// count adds to the bucket of a step in one tier, and reports whether the tier holds that. A bucket that is full takes no more.
func (r *Ring) count(tierAt int, number int64, c Counts) bool {
	shape, t := &r.shape.tiers[tierAt], &r.tiers[tierAt]
	age := t.head - min(number, t.head)
	if age >= int64(shape.buckets) {
		return false
	}
	b := &t.buckets[t.position(t.head-age)]
	if c.Total == 0 || uint64(b.total)+c.Total > math.MaxUint32 {
		return true
	}
	fresh := b.total == 0
	b.total += uint32(c.Total)
	b.bad += uint32(c.Bad)
	for _, w := range shape.windows {
		if age >= int64(r.shape.windows[w].buckets) {
			continue
		}
		r.sums[w].counts.add(c)
		if fresh {
			r.sums[w].covered++
		}
	}
	return true
}

// Sum is what the window at the given position of the shape holds.
func (r *Ring) Sum(window int) Counts { return r.sums[window].counts }

// Covered is the number of the window's buckets that have at least one sample, and the number of all of them. What is
// not covered is unknown, not zero.
func (r *Ring) Covered(window int) (covered, of int) {
	return r.sums[window].covered, r.shape.windows[window].buckets
}
