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
	Last      Last // of a die: what was measured before it
	Found     bool // the engine has not told it: it was found by an inspect
	Owed      bool // it was found by an inspect, and the engine tells it, however late: no agent has told it
}

// Last is the last that was measured of a container in its life.
type Last struct {
	At       time.Time // zero: nothing was measured
	Memory   uint64    // bytes, as docker stats shows it
	Limit    uint64    // bytes; 0: none, or not known
	CPU      uint64    // ns since its start
	PIDs     uint64    // processes and threads; 0: not known
	OOMKills uint64    // processes that the kernel had killed for want of memory
}

// OOM says of a die that it was for want of memory: Docker has said so, or the kernel had killed a process of the container and it
// ended by KILL. Docker may miss it; the kernel's count may be of a child, whose parent somebody killed later.
func (e Event) OOM() bool {
	return e.Container.OOMKilled || e.Last.OOMKills > 0 && e.ExitCode == killed && !e.Requested
}

// killed is the exit code of a process that KILL has ended.
const killed = 137

// ExitCode is how the life ended of whose death e tells; c is its container as it was last known. The engine's own note, which an inspect
// shows, counts when the event does not say it: because a label stands in for it; or because the engine was killed. It then fetches the codes of
// what ended without it twice when it starts again: the first time it notes them, the second time it tells of them, and has found none.
func ExitCode(e docker.Event, c docker.Container) int {
	switch {
	case e.ExitCode != docker.CodeUnknown && !c.Claims.ExitCode:
		return e.ExitCode
	case noted(e, c):
		return c.ExitCode
	default:
		return docker.CodeUnknown
	}
}

// noted says whether c is as it was after the death of which e tells, and before another life.
func noted(e docker.Event, c docker.Container) bool {
	switch c.Status {
	case "exited", "restarting", "removing", "dead":
	default:
		return false
	}
	return c.FinishedAt.After(c.StartedAt) && !c.StartedAt.After(e.At) && !c.FinishedAt.After(e.At.Add(skew))
}

// Died is the number of the signal by which a die's process ended; ok is false when it ended by itself.
func (e Event) Died() (signal int, ok bool) {
	const signals, highest = 128, 64
	signal = e.ExitCode - signals
	return signal, signal > 0 && signal <= highest
}

// Lifetime is how long a die's container ran; ok is false when its start is not known.
func (e Event) Lifetime() (d time.Duration, ok bool) {
	d = e.At.Sub(e.Container.StartedAt)
	return d, !e.Container.StartedAt.IsZero() && d >= 0
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
