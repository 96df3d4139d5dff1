package dockerproxy

import (
	"sync"
	"time"
)

// sayEvery is the least time between two lines of the log about the same.
const sayEvery = time.Minute

// sparing counts something, and lets it into the log once a minute at most: a
// client that asks in a loop must not fill the log. The zero value has counted
// nothing. It is safe for concurrent use.
type sparing struct {
	mu    sync.Mutex
	said  time.Time
	since int
}

// note counts one at now. say tells that it is to be logged, and n how often it
// happened since the last that was, this time included.
func (s *sparing) note(now time.Time) (n int, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since++
	if !s.said.IsZero() && now.Sub(s.said) < sayEvery {
		return s.since, false
	}
	n, s.since, s.said = s.since, 0, now
	return n, true
}
