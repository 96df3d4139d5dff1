package state

import (
	"slices"
	"sync"
	"time"
)

// maxOffset is how far a router's clock may be from the leader's if it is to lead after it.
const maxOffset = 2 * time.Second

// remembered is how many beats, and how many round trips, a comparison looks back on.
const remembered = 8

// clock compares this router's clock with the leader's, which says its time with each beat. A beat takes a while to
// arrive, and now and then a long one: the fastest of the last few counts, and of that one no more than a round trip to
// the store may have been the way. The zero value has seen nothing. It is safe for concurrent use.
type clock struct {
	mu    sync.Mutex
	beats []time.Duration // received by our clock, less sent by the leader's
	trips []time.Duration // how long the store took to answer
}

// beat notes a beat that was sent and received at these times, each by the clock of who did it.
func (c *clock) beat(sent, received time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Without the monotonic part: it is what the wall says that is compared.
	c.beats = keep(c.beats, received.Round(0).Sub(sent.Round(0)))
}

// trip notes how long the store took to answer.
func (c *clock) trip(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips = keep(c.trips, took)
}

// forget begins anew, with another leader.
func (c *clock) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beats, c.trips = nil, nil
}

// offset is how far this router's clock is ahead of the leader's, at least; negative when it is behind. It is 0 when
// nothing is known.
func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.beats) == 0 {
		return 0
	}
	off := slices.Min(c.beats)
	if off <= 0 {
		return off
	}
	var way time.Duration
	if len(c.trips) > 0 {
		way = slices.Min(c.trips)
	}
	return max(off-way, 0)
}

// mayLead says that the clock is near enough to the leader's, as far as is known.
func (c *clock) mayLead() bool { return c.offset().Abs() <= maxOffset }

func keep(list []time.Duration, d time.Duration) []time.Duration {
	list = append(list, d)
	return list[max(len(list)-remembered, 0):]
}
