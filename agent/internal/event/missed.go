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

	// mostMissed is how long the oldest of a container's waits, however often the stream begins anew meanwhile.
	mostMissed = 5 * missedAfter

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
	lost  []Event   // starts and dies, the older first, and at last that it is gone
	since time.Time // on our clock: when the first was found
	until time.Time // likewise: then they were missed
}

// Lost is a start or a death that is suspected to have gone unseen, as it is kept over the agent's end.
type Lost struct {
	Action   string    `json:"action"`
	At       time.Time `json:"at"`      // as the engine noted it
	Started  time.Time `json:"started"` // when the life began that the engine showed with it
	ExitCode int       `json:"exit"`    // of a death
	OOM      bool      `json:"oom"`     // of a death
}

// Suspicion is what is suspected of one container.
type Suspicion struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Image string `json:"image"`
	Lost  []Lost `json:"lost"` // the older first
}

// NewMissed makes a Missed that suspects nothing.
func NewMissed() *Missed { return &Missed{pending: make(map[string]suspects)} }

// Suspect compares what an inspect tells after the stream came back with what is known of the container's life. It remembers the
// start and the death after that, and those of the lives before that it had suspected. A container that the list alone has shown says
// nothing of its life.
func (m *Missed) Suspect(c docker.Container, known Life, now time.Time) {
	if !c.Known() {
		return
	}
	var lost []Event
	if c.StartedAt.After(known.Began) {
		lost = append(lost, lostEvent(c, docker.ActionStart, c.StartedAt))
	}
	if c.FinishedAt.After(known.Ended) && !known.isOver(c) {
		died := lostEvent(c, docker.ActionDie, c.FinishedAt)
		died.ExitCode = c.ExitCode
		if c.Running() { // the engine has forgotten how, with the next start
			died.ExitCode, died.Container.OOMKilled = docker.CodeUnknown, false
		}
		lost = append(lost, died)
	}
	for _, before := range m.pending[c.ID].lost {
		if before.Action == docker.ActionGone || !before.At.Before(c.StartedAt) {
			continue
		}
		lost = slices.DeleteFunc(lost, func(e Event) bool { return e.Action == before.Action && e.At.Equal(before.At) })
		lost = append(lost, before) // of a life that the engine has overwritten by now, with what it ended
	}
	slices.SortFunc(lost, func(a, b Event) int { return a.At.Compare(b.At) })
	m.wait(c.ID, lost, now)
}

// wait has what was found of a container wait for its events.
func (m *Missed) wait(id string, lost []Event, now time.Time) {
	p, before := m.pending[id]
	if !before {
		p.since = now
	}
	if p.lost = lost; len(lost) == 0 {
		delete(m.pending, id)
		return
	}
	p.until = Earlier(now.Add(missedAfter), p.since.Add(mostMissed))
	m.pending[id] = p
}

// SuspectGone remembers a container that ran, and that the engine did not have any more when it was asked; unless its end was suspected
// before, which says more.
func (m *Missed) SuspectGone(c docker.Container, asked, now time.Time) {
	lost := m.pending[c.ID].lost
	if len(lost) > 0 && !m.Begun(c.ID) {
		return
	}
	if n := len(lost); n > 0 && lost[n-1].At.After(asked) {
		asked = lost[n-1].At // by a clock that was put back
	}
	c.Status, c.PID = "", 0
	m.wait(c.ID, append(slices.Clip(lost), lostEvent(c, docker.ActionGone, asked)), now)
}

// Begun says that the last that is suspected of a container is that it was started.
func (m *Missed) Begun(id string) bool {
	lost := m.pending[id].lost
	return len(lost) > 0 && lost[len(lost)-1].Action == docker.ActionStart
}

// Suspicion is what is suspected of a container. That one is gone is none: the next list shows it again.
func (m *Missed) Suspicion(id string) Suspicion {
	s := Suspicion{ID: id}
	for _, e := range m.pending[id].lost {
		if e.Action != docker.ActionGone {
			s.Name, s.Image = e.Name, e.Image
			s.Lost = append(s.Lost, Lost{e.Action, e.At, e.Container.StartedAt, e.ExitCode, e.Container.OOMKilled})
		}
	}
	return s
}

// Suspicions are all of them.
func (m *Missed) Suspicions() []Suspicion {
	var all []Suspicion
	for id := range m.pending {
		if s := m.Suspicion(id); len(s.Lost) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// Restore suspects what an agent did that has ended since, as far as it is not known; c is the container as it is now. It comes before Suspect.
func (m *Missed) Restore(c docker.Container, s Suspicion, known Life, now time.Time) {
	var lost []Event
	for _, l := range s.Lost {
		if l.Action == docker.ActionStart && l.At.After(known.Began) || l.Action == docker.ActionDie && l.At.After(known.Ended) {
			c.StartedAt, c.OOMKilled = l.Started, l.OOM
			e := lostEvent(c, l.Action, l.At)
			e.ExitCode = l.ExitCode
			lost = append(lost, e)
		}
	}
	m.wait(c.ID, lost, now)
}

// With adds what is suspected since. What is of a life that the engine shows still is as it shows it now.
func (s Suspicion) With(since Suspicion) Suspicion {
	if len(since.Lost) == 0 {
		return s
	}
	var lost []Lost
	first, newest := since.Lost[0], since.Lost[len(since.Lost)-1]
	for _, l := range s.Lost {
		if l.At.Before(first.At) && l.At.Before(newest.Started) {
			lost = append(lost, l)
		}
	}
	since.Lost = append(lost, since.Lost...)
	return since
}

// Without drops what an event that is told confirms, or what came before it. The engine tells another time than an inspect shows.
func (s Suspicion) Without(told Event) Suspicion {
	until := told.At
	if !told.Found {
		until = until.Add(skew)
	}
	s.Lost = slices.DeleteFunc(slices.Clone(s.Lost), func(l Lost) bool {
		return l.Action == told.Action && !l.At.After(until)
	})
	return s
}

// lostEvent is what the engine would have told.
func lostEvent(c docker.Container, action string, at time.Time) Event {
	return Event{Event: docker.Event{ID: c.ID, Action: action, At: at, Name: c.Name, Image: c.Image}, Container: c, Found: true}
}

// Observe takes an event of the stream. The one that was suspected to be lost ends the suspicion: it is owed, since nobody has told it.
// What is older than what the stream tells is lost indeed, and returned to be told first: the stream is in order.
func (m *Missed) Observe(e docker.Event) (lost []Event, owed bool) {
	p, ok := m.pending[e.ID]
	if !ok || e.Action != docker.ActionStart && e.Action != docker.ActionDie && e.Action != docker.ActionDestroy {
		return nil, false
	}
	if last := len(p.lost) - 1; p.lost[last].Action == docker.ActionGone && e.Action != docker.ActionStart {
		p.lost = p.lost[:last] // the engine tells its end
	}
	if e.Action == docker.ActionDestroy {
		delete(m.pending, e.ID)
		return p.lost, false
	}
	unseen := 0
	for i, s := range p.lost {
		last := i+1 == len(p.lost) // else what follows it bounds when it was told
		if s.Action == e.Action && !e.At.Before(s.At.Add(-skew)) && (last || !e.At.After(p.lost[i+1].At.Add(skew))) {
			m.keep(e.ID, p, i+1)
			return p.lost[:unseen], true
		}
		if e.At.After(s.At) {
			unseen = i + 1
		}
	}
	m.keep(e.ID, p, unseen)
	return p.lost[:unseen], false
}

// keep drops the first n suspects.
func (m *Missed) keep(id string, p suspects, n int) {
	if p.lost = p.lost[n:]; len(p.lost) == 0 {
		delete(m.pending, id)
		return
	}
	m.pending[id] = p
}

// Expire returns what nothing was told of, in order.
func (m *Missed) Expire(now time.Time) []Event {
	var out []Event
	for id, p := range m.pending {
		if !now.Before(p.until) {
			delete(m.pending, id)
			out = append(out, p.lost...)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
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
