package app

import (
	"maps"
	"sync"
	"time"

	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/event"
)

// lastSamples are the last samples of the containers that run, or ran until just now: what a death is told with. It is safe for
// concurrent use.
type lastSamples struct {
	mu   sync.Mutex
	byID map[string]lastSample
}

// lastSample is of one life.
type lastSample struct {
	started time.Time
	event.Last
}

func newLastSamples() *lastSamples { return &lastSamples{byID: make(map[string]lastSample)} }

// keep takes a sample of the life that began at started.
func (l *lastSamples) keep(id string, started time.Time, s *cgroup.Sample) {
	working := s.Memory.Working()
	last := lastSample{started, event.Last{
		At: s.At, Memory: working.Value, Limit: s.Memory.Limit.Value, CPU: s.CPU.Total.Value,
		PIDs: s.PIDs.Current.Value, OOMKills: s.Memory.OOMKills.Value,
	}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[id] = last
}

// killed takes that the kernel has killed processes in a life, after the last sample of it: so many since it began.
func (l *lastSamples) killed(id string, started time.Time, kills uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.byID[id]; ok && last.started.Equal(started) {
		last.OOMKills = max(last.OOMKills, kills)
		l.byID[id] = last
	}
}

// of is the last sample of a life; the zero value without one.
func (l *lastSamples) of(id string, started time.Time) event.Last {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := l.byID[id]; last.started.Equal(started) {
		return last.Last
	}
	return event.Last{}
}

// keepOnly drops the containers that are no longer there.
func (l *lastSamples) keepOnly(there map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.byID, func(id string, _ lastSample) bool { return !there[id] })
}
