// Package event decides what the agent says about a container's end: whether
// somebody asked for it, and whether a death that nobody saw must be told.
//
// Package app feeds it Docker's events and its own clock; everything here is a
// pure function of those. It never reads a clock, never asks the engine, and
// never sends anything. Its types are not safe for concurrent use.
package event

import (
	"time"

	"nezuban/agent/internal/docker"
)

// Event is a Docker event with what is known of its container.
type Event struct {
	docker.Event
	Container docker.Container
	Requested bool // of a die: somebody asked for it
}

// autoRemoves says whether a destroy of the container may be the engine's own
// doing. What is gone before it could be inspected was most likely started
// with --rm; a destroy that proves nothing must not silence a death.
func (e Event) autoRemoves() bool { return e.Container.AutoRemove || !e.Container.Known() }

// Earlier is the earlier of two times; a zero time is none.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// within says whether later is not before earlier, and by at most d after it.
func within(later, earlier time.Time, d time.Duration) bool {
	gap := later.Sub(earlier)
	return gap >= 0 && gap <= d
}
