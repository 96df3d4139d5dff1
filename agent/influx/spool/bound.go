package spool

import (
	"os"
	"slices"
	"time"
)

// asideFile is what was set aside; it is kept as long as there is room.
type asideFile struct {
	path string
	size int64
	time time.Time // when it was last written
}

// setAside renames a segment of another release, for people to look at.
func (s *Spool) setAside(path string) {
	to := path + unknownEnd
	if err := os.Rename(path, to); err != nil {
		s.opts.Log.Error("a segment of the spool cannot be set aside", "file", path, "error", err)
		return
	}
	s.noteAside(to)
}

// noteAside counts a file that was set aside.
func (s *Spool) noteAside(path string) {
	s.aside = slices.DeleteFunc(s.aside, func(f asideFile) bool { return f.path == path })
	if info, err := os.Stat(path); err == nil {
		s.aside = append(s.aside, asideFile{path, info.Size(), info.ModTime()})
		slices.SortStableFunc(s.aside, func(a, b asideFile) int { return a.time.Compare(b.time) })
	}
}

// bound drops what is too old, and the oldest while there is too much: first what was set aside, then samples, then events. Each
// kind keeps its newest segment as long as dropping of others is enough. What is being delivered waits until that is settled.
func (s *Spool) bound() {
	now := s.opts.Now()
	tooOld := now.Add(-s.opts.MaxAge)
	for len(s.aside) > 0 && (s.aside[0].time.Before(tooOld) || s.size() > s.opts.MaxBytes) {
		s.dropAside()
	}
	for _, l := range s.lanes() {
		for len(l.segments) > 0 && l.segments[0].youth.Before(tooOld) && !l.holds(s.pinned, 0) {
			s.drop(l, "too old", now)
		}
	}
	for _, keep := range []int{1, 0} {
		for _, l := range []*lane{s.samples, s.events} {
			for s.size() > s.opts.MaxBytes && len(l.segments) > keep {
				if l.holds(s.pinned, 0) {
					return
				}
				s.drop(l, "full", now)
			}
		}
	}
}

// size is the bytes of all files that count.
func (s *Spool) size() int64 {
	var size int64
	for _, l := range s.lanes() {
		for _, seg := range l.segments {
			size += seg.size
		}
	}
	for _, f := range s.aside {
		size += f.size
	}
	return size
}

func (s *Spool) dropAside() {
	f := s.aside[0]
	s.aside = s.aside[1:]
	if err := remove(f.path); err != nil {
		s.opts.Log.Error("what had been set aside cannot be deleted", "file", f.path, "error", err)
		return
	}
	s.opts.Log.Warn("what had been set aside was deleted", "file", f.path, "bytes", f.size)
}

// drop gives up the oldest segment of a lane.
func (s *Spool) drop(l *lane, why string, now time.Time) {
	lines, err := l.dropFirst()
	if err != nil {
		s.opts.Log.Error("a segment of the spool cannot be dropped in order", "lane", l.kind.String(), "error", err)
	}
	if lines == 0 {
		return
	}
	if unsaid, say := s.full.note(lines, now); say {
		s.opts.Log.Warn("the oldest lines of the spool were dropped", "lane", l.kind.String(), "because", why, "lines", unsaid, "lost_in_all", l.progress.lost)
	}
}

// limited lets one message a minute through, with all that was counted since the last.
type limited struct {
	said  time.Time
	count uint64
}

func (m *limited) note(n uint64, now time.Time) (count uint64, say bool) {
	m.count += n
	if !m.said.IsZero() && now.Sub(m.said) < time.Minute {
		return 0, false
	}
	count, m.count, m.said = m.count, 0, now
	return count, true
}
