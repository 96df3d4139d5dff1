package event

import (
	"time"

	"nezuban/agent/internal/docker"
)

const (
	// missedAfter is how long a death seen only by inspect waits for its event,
	// which the engine sends along when it still remembers it.
	missedAfter = 2 * time.Second

	// finishSkew is how much the end that an inspect tells may be later than
	// the die event; it is usually milliseconds earlier.
	finishSkew = 2 * time.Second
)

// Missed finds deaths that happened while the event stream was away and that
// the engine no longer has an event for, because it was itself restarted or
// forgot. Each is told once, as a die at the time that the engine noted.
type Missed struct {
	pending map[string]suspect // by container id
}

// suspect is a death that may have gone unseen.
type suspect struct {
	die   Event
	until time.Time // on our clock: then it was missed
}

// NewMissed makes a Missed that suspects nothing.
func NewMissed() *Missed { return &Missed{pending: make(map[string]suspect)} }

// Suspect compares what an inspect tells after the stream came back with the
// time until which events were seen. It remembers a death in between.
func (m *Missed) Suspect(c docker.Container, seenUntil, now time.Time) {
	if c.FinishedAt.IsZero() || !c.FinishedAt.After(seenUntil) {
		return
	}
	die := docker.Event{
		ID: c.ID, Action: docker.ActionDie, At: c.FinishedAt, Name: c.Name, Image: c.Image, ExitCode: c.ExitCode,
	}
	m.pending[c.ID] = suspect{die: Event{Event: die, Container: c}, until: now.Add(missedAfter)}
}

// Observe takes an event of the stream. The die that was suspected to be lost
// ends the suspicion; a start after it means that it is indeed lost, and the
// death is returned to be sent first.
func (m *Missed) Observe(e docker.Event) (die Event, ok bool) {
	s, ok := m.pending[e.ID]
	if !ok || e.At.Before(s.die.At.Add(-finishSkew)) {
		return Event{}, false
	}
	switch e.Action {
	case docker.ActionDie:
		delete(m.pending, e.ID)
		return Event{}, false
	case docker.ActionStart:
		if e.At.Before(s.die.At) {
			return Event{}, false
		}
		delete(m.pending, e.ID)
		return s.die, true
	default:
		return Event{}, false
	}
}

// Expire returns the deaths whose event did not come.
func (m *Missed) Expire(now time.Time) []Event {
	var out []Event
	for id, s := range m.pending {
		if !now.Before(s.until) {
			delete(m.pending, id)
			out = append(out, s.die)
		}
	}
	return out
}

// Next is when Expire has something to return; zero when nothing is suspected.
func (m *Missed) Next() time.Time {
	var next time.Time
	for _, s := range m.pending {
		if next.IsZero() || s.until.Before(next) {
			next = s.until
		}
	}
	return next
}

// Oldest is when the oldest suspected death happened; zero when nothing is suspected.
func (m *Missed) Oldest() time.Time {
	var oldest time.Time
	for _, s := range m.pending {
		oldest = Earlier(oldest, s.die.At)
	}
	return oldest
}
