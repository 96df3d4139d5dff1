package event

import "nezuban/agent/internal/docker"

// remembered is how many events Seen knows: more than the 256 that an engine
// can send again.
const remembered = 1024

// Seen drops events that a stream opened again tells a second time.
type Seen struct {
	known map[identity]bool
	ring  [remembered]identity
	next  int
}

// identity is what makes two tellings the same event.
type identity struct {
	id, action string
	at         int64 // unix nanoseconds
}

// NewSeen makes a Seen that knows no event.
func NewSeen() *Seen { return &Seen{known: make(map[identity]bool, remembered)} }

// First says whether the event is told for the first time, and remembers it.
func (s *Seen) First(e docker.Event) bool {
	key := identity{e.ID, e.Action, e.At.UnixNano()}
	if s.known[key] {
		return false
	}
	delete(s.known, s.ring[s.next])
	s.ring[s.next] = key
	s.next = (s.next + 1) % remembered
	s.known[key] = true
	return true
}
