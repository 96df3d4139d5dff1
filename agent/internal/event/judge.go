package event

import (
	"time"

	"nezuban/agent/internal/docker"
)

// How near to each other events must be to belong together.
const (
	// HoldFor is how long a killed container's die waits to be explained, and
	// how far behind the die its explanation may be.
	HoldFor = time.Second

	// StopWindow is how long before a die the kill of a stop may be: its grace
	// period is the caller's choice (docker stop --time, stop_grace_period), and
	// only a stop command sends a stop event, so a long one silences no crash.
	StopWindow = 10 * time.Minute

	// removeWindow is the same for rm -f, which kills outright. It is short,
	// because an old signal (a reload by HUP) must not make a crash that a
	// script then cleans away look asked for.
	removeWindow = 15 * time.Second
)

// maxBehind bounds the events that wait behind one held die.
const maxBehind = 64

// Judge tells deaths that somebody asked for from those that nobody did.
//
// Docker says why only afterwards: docker stop sends kill, die and then stop;
// rm -f sends kill, die and then destroy. A die soon after a kill is therefore
// held until that stop or destroy comes, and at most for HoldFor; a die without
// a kill is a crash and is never held. Events of one container keep their
// order: what follows a held die waits behind it.
//
// A Judge remembers one record per container that was killed and has neither
// started again nor been destroyed.
type Judge struct {
	killed map[string]*record // by container id
}

// record is the recent past of one container.
type record struct {
	kill   time.Time // of the newest kill
	stop   time.Time // of a stop that overtook its die
	die    *Event    // the held one
	until  time.Time // on our clock: when die is let go in any case
	behind []Event
}

// NewJudge makes a Judge that has seen nothing.
func NewJudge() *Judge { return &Judge{killed: make(map[string]*record)} }

// Observe takes the next event, in the engine's order, and returns those that
// may be sent now, in order. now is when the event arrived.
func (j *Judge) Observe(e Event, now time.Time) []Event {
	var out []Event
	if e.Action == docker.ActionStart {
		out = j.releaseName(e.Name, out)
	}
	r := j.killed[e.ID]
	if r != nil && r.die != nil {
		switch {
		case r.explains(e):
			r.die.Requested = true
		case mustFollow(e) || len(r.behind) == maxBehind:
		default:
			r.behind = append(r.behind, e)
			return out
		}
		out = j.settle(e.ID, r, out)
		r = nil
	}
	return j.pass(e, r, now, out)
}

// pass remembers, holds or passes on an event of a container that has no die
// held; r is its record, or nil.
func (j *Judge) pass(e Event, r *record, now time.Time, out []Event) []Event {
	switch e.Action {
	case docker.ActionKill:
		if r == nil {
			r = &record{}
			j.killed[e.ID] = r
		}
		r.kill = e.At
	case docker.ActionStop:
		if r != nil {
			r.stop = e.At
		}
	case docker.ActionDie:
		if r != nil && within(e.At, r.kill, StopWindow) {
			e.Requested = within(e.At, r.stop, HoldFor) && !r.stop.Before(r.kill)
			if !e.Requested {
				r.die, r.until = &e, now.Add(HoldFor)
				return out
			}
		}
		delete(j.killed, e.ID)
	case docker.ActionStart, docker.ActionDestroy:
		delete(j.killed, e.ID)
	}
	return append(out, e)
}

// explains says whether the event shows that the held die was asked for.
func (r *record) explains(e Event) bool {
	if !within(e.At, r.die.At, HoldFor) {
		return false
	}
	switch e.Action {
	case docker.ActionStop:
		return true
	case docker.ActionDestroy:
		return !e.autoRemoves() && within(r.die.At, r.kill, removeWindow)
	default:
		return false
	}
}

// mustFollow says whether the event cannot wait for a held die to be explained:
// a life begins or ends, or the explanation came too late.
func mustFollow(e Event) bool {
	switch e.Action {
	case docker.ActionStart, docker.ActionDie, docker.ActionStop:
		return true
	default:
		return false
	}
}

// releaseName lets go what is held of any container with this name: receivers
// order events by name, and another container is about to take it.
func (j *Judge) releaseName(name string, out []Event) []Event {
	for id, r := range j.killed {
		if r.die != nil && r.die.Name == name {
			out = j.settle(id, r, out)
		}
	}
	return out
}

// settle gives the held die and what waited behind it, and forgets the container.
func (j *Judge) settle(id string, r *record, out []Event) []Event {
	delete(j.killed, id)
	return append(append(out, *r.die), r.behind...)
}

// Expire returns what has waited long enough. Events of one container are in order.
func (j *Judge) Expire(now time.Time) []Event {
	var out []Event
	for id, r := range j.killed {
		if r.die != nil && !now.Before(r.until) {
			out = j.settle(id, r, out)
		}
	}
	return out
}

// Next is when Expire has something to return; zero when nothing is held.
func (j *Judge) Next() time.Time {
	var next time.Time
	for _, r := range j.killed {
		if r.die != nil && (next.IsZero() || r.until.Before(next)) {
			next = r.until
		}
	}
	return next
}

// Oldest is when the oldest death that is held happened; zero when none is.
func (j *Judge) Oldest() time.Time {
	var oldest time.Time
	for _, r := range j.killed {
		if r.die != nil {
			oldest = Earlier(oldest, r.die.At)
		}
	}
	return oldest
}

// Keep forgets the containers that are no longer there and have nothing held.
func (j *Judge) Keep(there func(id string) bool) {
	for id, r := range j.killed {
		if r.die == nil && !there(id) {
			delete(j.killed, id)
		}
	}
}
