package state

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// shed counts the timeline entries that were not kept.
type shed struct {
	mu    sync.Mutex
	lines map[string]int // by incident
}

// Prepare says whether a batch can be stored at all, and leaves out its timeline while there is little room. The error is
// [record.ErrTooLarge], or [record.ErrFull] for what there is no room for now.
func (s *Store) Prepare(b *record.Batch) error {
	if writes(*b) {
		if err := s.roomFor(opens(*b)); err != nil {
			return err
		}
	}
	s.lighten(b)
	return b.Prepare()
}

// Commit is that of [record.Writer], but nothing is written that the embedded member could not survive: the error is
// [record.ErrFull] then, and nothing of it is stored.
func (s *Store) Commit(ctx context.Context, batches ...record.Batch) error {
	if slices.ContainsFunc(batches, writes) {
		if err := s.roomFor(false); err != nil {
			return err
		}
	}
	return s.Writer.Commit(ctx, batches...)
}

// lighten leaves a batch's timeline out while there is little room. What is left out is counted.
func (s *Store) lighten(b *record.Batch) {
	if !s.conn.shedding.Load() || len(b.Change.Entries) == 0 {
		return
	}
	s.shed.mu.Lock()
	defer s.shed.mu.Unlock()
	if s.shed.lines == nil {
		s.shed.lines = map[string]int{}
	}
	for _, entry := range b.Change.Entries {
		s.shed.lines[entry.Incident]++
	}
	b.Change.Entries = nil
}

// TakeShed is how many timeline entries of which incidents were not kept, once there is room again: each is told once.
// It is nil while entries are still not kept.
func (s *Store) TakeShed() map[string]int {
	if s.conn.shedding.Load() {
		return nil
	}
	s.shed.mu.Lock()
	defer s.shed.mu.Unlock()
	lines := maps.Clone(s.shed.lines)
	clear(s.shed.lines)
	return lines
}

// roomFor refuses, before anything of it is stored, what there is no room for: what would open an incident when there is
// little, so that those that are open can still be told and acknowledged; everything but what only deletes when the
// embedded member could not survive the write.
func (s *Store) roomFor(opens bool) error {
	room := s.conn.room.Load()
	if room == nil {
		return nil
	}
	now := *room
	if s.conn.Embedded() {
		now.Size = s.conn.server.Server.Backend().Size()
		if free, err := diskFree(s.conn.dir); err == nil {
			now.Free = free
		}
	}
	if !opens {
		return now.refuses(false, false)
	}
	full := now.full(s.conn.refusing.Load())
	s.conn.refusing.Store(full)
	return now.refuses(true, full)
}

// full says that etcd has no room for further incidents, when it had none before, or had.
func (s Space) full(before bool) bool {
	if before {
		return s.reaches(reopenBelow)
	}
	return s.reaches(openBelow)
}

// refuses says why there is no room; nil when there is.
func (s Space) refuses(opens, full bool) error {
	least := int64(diskGone)
	if opens {
		least = diskSpent
	}
	switch {
	case s.hasDir && s.Free < least:
		return fmt.Errorf("%w: the disk has %d MiB left, expected at least %d", record.ErrFull, s.Free>>20, least>>20)
	case full:
		return fmt.Errorf("%w: etcd takes %d of %d MiB, expected less than %d",
			record.ErrFull, s.Size>>20, s.Quota>>20, int64(reopenBelow*float64(s.Quota))>>20)
	}
	return nil
}

// Room says why no further incident could be opened now; nil when one could.
func (s *Store) Room() error { return s.roomFor(true) }

// ownRules begins the ids of the rules by which the router speaks of itself. That there is no room must find some.
const ownRules = "nezuban-"

// opens says that a batch opens an incident: its timeline begins. The router's own do not count.
func opens(b record.Batch) bool {
	return slices.ContainsFunc(b.Change.Entries, func(e incident.Entry) bool {
		return e.Seq == 0 && !slices.ContainsFunc(b.Change.Incidents, func(inc incident.Incident) bool {
			return inc.ID == e.Incident && strings.HasPrefix(inc.Lead().Rule, ownRules)
		})
	})
}

// writes says that a batch does more than delete.
func writes(b record.Batch) bool {
	c := b.Change
	return len(c.Incidents)+len(c.Entries)+len(c.Rows)+len(c.Picks)+len(b.Put) > 0
}
