// Package spool keeps, on disk, the lines of line protocol that wait for one output, so that they outlive a restart, a kill and
// a long absence of the server.
//
// A folder holds two lanes, events and samples, each a row of append-only segments; the file delivered in each says which records
// need no sending any more. Events leave in the order in which they came. Of samples those that came since the last delivery
// (live) may overtake older ones (backlog). Space is bounded by whole segments, the oldest first. Lines that a server refuses are
// set aside as text. Reading is of one batch at a time: memory does not grow with what waits.
//
// What [Spool.Append] returned for survives a kill of the process, what [Spool.Sync] returned for a loss of power too. After
// either, some whole lines may be delivered again; the formats that read them know a repeat by its identity.
//
// The writer of package influx calls it; it opens no connection and knows no clock but the one it is given.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 1 << 30
	DefaultMaxAge   = 7 * 24 * time.Hour

	maxSegment = 4 << 20
	minSegment = 4 << 10
	agesOfLane = 8 // a segment takes lines for this part of MaxAge
	maxSpans   = 500
	lockFile   = "lock"
)

// ErrInUse is, for [errors.Is], that another process has the folder.
var ErrInUse = errors.New("another process uses this spool")

var (
	errClosed    = errors.New("the spool is closed")
	errUnsettled = errors.New("the batch before is not settled")
)

// Options bound a spool and say where it reports. Log and Now are required.
type Options struct {
	MaxBytes int64         // of all segments together; 0: 1 GiB. Exceeded by no more than comes during one delivery
	MaxAge   time.Duration // of what waits; 0: 7 days. What is dropped may be an eighth older
	Log      *slog.Logger
	Now      func() time.Time
}

// Source is which of the waiting lines are asked for.
type Source int

// Sources. All of what waits is in exactly one of them.
const (
	Events  Source = iota
	Live           // samples that came since the last delivery of such, or, when those are too many, the newest write
	Backlog        // samples that are older
)

// Spool is an open spool. It is safe for concurrent use, but of batches there is one at a time.
type Spool struct {
	dir  string
	opts Options
	lock *os.File

	mu      sync.Mutex // of everything below, and in lanes
	events  *lane
	samples *lane
	aside   []asideFile // what nobody can read, oldest first
	pinned  *Batch      // handed out, not yet settled
	full    limited     // the words that lines were dropped
	closed  bool
}

// Batch is some whole lines, which were handed out and are not yet settled.
type Batch struct {
	Lines string

	lane   *lane
	pieces []piece // one at least, unless there are no lines
}

// piece is what a batch has of one record.
type piece struct {
	record   uint64
	from, to int  // in Lines
	whole    bool // the record ends where the piece does
}

// Stats are a spool's figures.
type Stats struct {
	Bytes  int64     // from the oldest line that waits to the newest, on disk
	Oldest time.Time // when the oldest line that waits was written; zero when none waits
	Lost   uint64    // lines that were dropped to keep the bounds, or damaged, since the folder was made
}

// Open opens the spool in a folder, which it makes at need, and picks up what an earlier process left. [ErrInUse] is that it
// still runs. What it cannot read it sets aside, and says so.
func Open(dir string, opts Options) (*Spool, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	if opts.MaxAge == 0 {
		opts.MaxAge = DefaultMaxAge
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	s := &Spool{dir: dir, opts: opts, lock: lock}
	s.events, err = openLane(s, Event)
	if err == nil {
		s.samples, err = openLane(s, Sample)
	}
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w", dir, errors.Join(err, s.release()))
	}
	return s, nil
}

// release closes what is open.
func (s *Spool) release() error {
	for _, l := range s.lanes() {
		if l != nil {
			l.rotate()
		}
	}
	return s.lock.Close()
}

// lockDir makes sure that one process at a time uses the folder. The kernel lets go of the lock when the process ends, however
// it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// segmentBytes is how long a segment gets; a single long line makes a longer one.
func (s *Spool) segmentBytes() int64 { return min(max(s.opts.MaxBytes/8, minSegment), maxSegment) }

func (s *Spool) lanes() [2]*lane { return [2]*lane{s.events, s.samples} }

func (s *Spool) lane(kind Kind) *lane {
	if kind == Event {
		return s.events
	}
	return s.samples
}

// Append writes whole lines, each with its newline. When it returns nil a kill of the process does not lose them any more. After
// an error nothing of them is in the spool. More at once than MaxBytes is an error, and so is a line longer than 16 MiB.
func (s *Spool) Append(kind Kind, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if lines[len(lines)-1] != '\n' {
		return fmt.Errorf("append to spool: found %q at the end, expected a newline", lines[len(lines)-1])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if err := s.lane(kind).append(lines, s.opts.Now()); err != nil {
		return fmt.Errorf("append to spool: %w", err)
	}
	s.bound()
	return nil
}

// Sync returns when all that was appended of a kind before the call is on the disk itself. Calls that wait for the same disk share
// one wait. After an error it is not known to be there, and will not be tried again: the next call answers for what comes after.
func (s *Spool) Sync(kind Kind) error {
	if err := s.lane(kind).sync(); err != nil {
		return fmt.Errorf("sync spool: %w", err)
	}
	return nil
}

// Next reads the next lines of a source, at most maxLines and maxBytes of them but one at least; the batch has no lines when there
// are none. A batch with lines must be settled before the next call. After an error another source may still have lines.
func (s *Spool) Next(from Source, maxLines, maxBytes int) (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return Batch{}, errClosed
	case s.pinned != nil:
		return Batch{}, errUnsettled
	}
	s.bound()
	maxLines = max(maxLines, 1)
	var b Batch
	var err error
	switch from {
	case Events:
		b, err = s.events.oldest(s.events.next, maxLines, maxBytes)
	case Live:
		b, err = s.samples.newest(maxLines, maxBytes)
	case Backlog:
		b, err = s.samples.oldest(s.samples.live.record, maxLines, maxBytes)
	}
	if err != nil {
		return Batch{}, fmt.Errorf("read spool: %w", err)
	}
	if b.Lines != "" {
		s.pinned = &b
	}
	return b, nil
}

// Settle ends the batch that is handed out: its first n bytes, which are whole lines, need no sending any more, what follows does.
// After an error they will be sent again if the process is killed. A batch that is settled already is left as it is.
func (s *Spool) Settle(b Batch, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	pinned := s.pinned
	if s.closed || pinned == nil || len(b.pieces) == 0 || &b.pieces[0] != &pinned.pieces[0] {
		return nil
	}
	s.pinned = nil
	var err error
	if n < 0 || n > len(pinned.Lines) || n > 0 && pinned.Lines[n-1] != '\n' {
		err = fmt.Errorf("found %d of %d bytes, expected whole lines", n, len(pinned.Lines))
	} else {
		err = pinned.lane.settle(pinned, n)
	}
	s.bound()
	if err != nil {
		return fmt.Errorf("note what is delivered: %w", err)
	}
	return nil
}

// Stats are the figures of now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Stats
	for _, l := range s.lanes() {
		out.Lost += l.progress.lost
		if s.closed {
			continue
		}
		bytes, oldest := l.waiting()
		out.Bytes += bytes
		if !oldest.IsZero() && (out.Oldest.IsZero() || oldest.Before(out.Oldest)) {
			out.Oldest = oldest
		}
	}
	return out
}

// Close puts all on the disk and lets go of the folder. Nothing works after it but Refuse and Stats.
func (s *Spool) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	err := errors.Join(s.events.sync(), s.samples.sync())
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.release())
}
