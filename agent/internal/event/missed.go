package event

import (
	"slices"
	"time"

	"nezuban/agent/internal/docker"
)

const (
	// missedAfter is how long a start or a death seen only by inspect waits for its event, which the engine sends along when it still
	// remembers it.
	missedAfter = 2 * time.Second

	// skew is how much later the time that an inspect tells may be than the event's; it is usually milliseconds earlier.
	skew = 2 * time.Second
)

// Missed finds starts and deaths that happened while the event stream was away and that the engine no longer has an event for,
// because it was itself restarted or forgot. Each is told once, at the time that the engine noted. Of several lives that nobody
// saw the engine knows only the last.
type Missed struct {
	pending map[string]suspects // by container id
}

// suspects are what may have gone unseen of one container.
type suspects struct {
	lost  []Event   // starts and dies, the older first
	until time.Time // on our clock: then they were missed
}

// NewMissed makes a Missed that suspects nothing.
func NewMissed() *Missed { return &Missed{pending: make(map[string]suspects)} }

// Suspect compares what an inspect tells after the stream came back with what is known of the container's life. It remembers the
// start and the death after that, and those of the lives before that it had suspected.
func (m *Missed) Suspect(c docker.Container, known Life, now time.Time) {
	var lost []Event
	if c.StartedAt.After(known.Began) {
		lost = append(lost, lostEvent(c, docker.ActionStart, c.StartedAt))
	}
	if c.FinishedAt.After(known.Ended) && !known.isOver(c) {
		died := lostEvent(c, docker.ActionDie, c.FinishedAt)
		died.ExitCode = c.ExitCode
		lost = append(lost, died)
	}
	for _, before := range m.pending[c.ID].lost {
		same := func(e Event) bool { return e.Action == before.Action && e.At.Equal(before.At) }
		if before.Action != docker.ActionGone && before.At.Before(c.StartedAt) && !slices.ContainsFunc(lost, same) {
			lost = append(lost, before) // of a life that the engine has overwritten by now
		}
	}
	slices.SortFunc(lost, func(a, b Event) int { return a.At.Compare(b.At) })
	delete(m.pending, c.ID)
	if len(lost) > 0 {
		m.pending[c.ID] = suspects{lost, now.Add(missedAfter)}
	}
}

// SuspectGone remembers a container that ran, and that the engine did not have any more when it was asked.
func (m *Missed) SuspectGone(c docker.Container, asked, now time.Time) {
	c.Status, c.PID = "", 0
	m.pending[c.ID] = suspects{[]Event{lostEvent(c, docker.ActionGone, asked)}, now.Add(missedAfter)}
}

// lostEvent is what the engine would have told.
func lostEvent(c docker.Container, action string, at time.Time) Event {
	return Event{Event: docker.Event{ID: c.ID, Action: action, At: at, Name: c.Name, Image: c.Image}, Container: c, Found: true}
}

// Observe takes an event of the stream. The one that was suspected to be lost ends the suspicion. What is older than what the stream
// tells is lost indeed, and returned to be told first: the stream is in order.
func (m *Missed) Observe(e docker.Event) (lost []Event) {
	p, ok := m.pending[e.ID]
	switch {
	case !ok:
		return nil
	case p.lost[0].Action == docker.ActionGone:
		if e.Action == docker.ActionDie || e.Action == docker.ActionDestroy {
			delete(m.pending, e.ID)
		}
		return nil
	case e.Action != docker.ActionStart && e.Action != docker.ActionDie:
		return nil
	}
	unseen := 0
	for i, s := range p.lost {
		last := i+1 == len(p.lost) // else what follows it bounds when it was told
		if s.Action == e.Action && !e.At.Before(s.At.Add(-skew)) && (last || !e.At.After(p.lost[i+1].At.Add(skew))) {
			m.keep(e.ID, p, i+1)
			return p.lost[:unseen]
		}
		if e.At.After(s.At) {
			unseen = i + 1
		}
	}
	m.keep(e.ID, p, unseen)
	return p.lost[:unseen]
}

// keep drops the first n suspects.
func (m *Missed) keep(id string, p suspects, n int) {
	if p.lost = p.lost[n:]; len(p.lost) == 0 {
		delete(m.pending, id)
		return
	}
	m.pending[id] = p
}

// Expire returns what nothing was told of; of one container in order.
func (m *Missed) Expire(now time.Time) []Event {
	var out []Event
	for id, p := range m.pending {
		if !now.Before(p.until) {
			delete(m.pending, id)
			out = append(out, p.lost...)
		}
	}
	return out
}

// Next is when Expire has something to return; zero when nothing is suspected.
func (m *Missed) Next() time.Time {
	var next time.Time
	for _, p := range m.pending {
		next = Earlier(next, p.until)
	}
	return next
}

// Oldest is when the oldest of what is suspected happened; zero when nothing is.
func (m *Missed) Oldest() time.Time {
	var oldest time.Time
	for _, p := range m.pending {
		oldest = Earlier(oldest, p.lost[0].At)
	}
	return oldest
}
