package influx

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx/spool"
)

// disk is a spool, as a store needs it.
type disk interface {
	Append(kind spool.Kind, lines []byte) error
	Next(from spool.Source, maxLines, maxBytes int) (spool.Batch, error)
	Settle(b spool.Batch, n int) error
	Sync(kind spool.Kind) error
	Refuse(words, lines string, now time.Time) error
	Stats() spool.Stats
	Close() error
}

// store is what waits for one output: in its spool on disk, and in memory when it has none, or as long as the disk takes no more or
// does not answer. Push, sync and stats are safe for concurrent use; of batches there is one at a time.
//
// All work on the spool but Sync is the hand's. Lines that it has when its disk stops answering stay its own: they are in a write
// that will end, and would arrive twice if they were in memory too. What comes after them waits in memory, in order, until the
// disk answers and takes it.
type store struct {
	queue    queue
	spool    disk // nil: there is none
	hand     *hand
	patience time.Duration     // how long the disk may take: diskPatience
	trouble  *daemon.Condition // whether the spool can be written and read
	lost     func(lines int)   // is told how many old lines were dropped for new ones
	first    int               // of sources: where the next batch is looked for first
	owed     func()            // ends the batch before, when the hand could not; nil: nothing is owed
	lent     atomic.Bool       // a batch from memory is handed out

	knowing sync.Mutex
	known   spool.Stats // the newest figures of the spool; knowing guards it
}

// source is where a batch is from.
type source int

// Sources, the most urgent first. Events are in order; of samples those that have just come go before those that are old.
const (
	fromEvents source = iota
	fromMemory
	fromLive
	fromBacklog
	sources
)

// batch is some whole lines, which are handed out until they are settled or given back.
type batch struct {
	lines string
	from  source
	kept  spool.Batch // unless it is from memory
}

// openSpool gives a store its place on disk, in the folder of its output. Without it the store works in memory.
func (s *store) openSpool(o WriterOptions, output string) {
	if o.SpoolDir == "" {
		return
	}
	folder := url.PathEscape(output)
	if rest, ok := strings.CutPrefix(folder, "."); ok { // not the folder above
		folder = "%2E" + rest
	}
	opened, err := spool.Open(filepath.Join(o.SpoolDir, folder), spool.Options{
		MaxBytes: o.SpoolBytes, MaxAge: o.SpoolAge, Log: o.Log.With("output", output), Now: time.Now,
	})
	if err != nil {
		s.trouble.Failed(fmt.Errorf("what waits is kept in memory only: %w", err))
		return
	}
	s.spool = opened
}

// errStalled is a disk that is there and does not answer, which may pass.
var errStalled = errors.New("the disk does not answer")

// push takes lines in. When it returns true, lines is no longer the caller's: the disk has not answered yet, and they are still read.
func (s *store) push(kind spool.Kind, lines []byte) (kept bool) {
	if len(lines) == 0 {
		return false
	}
	if s.spool == nil || s.volatile() { // what is in memory already goes first
		s.lost(s.queue.push(string(lines)))
		return false
	}
	switch s.hand.do(s.patience, func() { s.append(kind, lines) }, nil) {
	case jobDone:
		return false
	case jobLate:
		s.stalled()
		return true
	case jobRefused:
		s.stalled()
	}
	s.lost(s.queue.push(string(lines)))
	return false
}

func (s *store) stalled() {
	s.trouble.Failed(fmt.Errorf("what comes is kept in memory only: %w", errStalled))
}

// append is of the hand: lines go to the disk, or to memory.
func (s *store) append(kind spool.Kind, lines []byte) {
	if err := s.spool.Append(kind, lines); err != nil {
		s.trouble.Failed(fmt.Errorf("what comes is kept in memory only: %w", err))
		s.lost(s.queue.push(string(lines)))
		return
	}
	s.trouble.OK()
}

// volatile is whether something waits in memory.
func (s *store) volatile() bool { return s.queue.size() > 0 || s.lent.Load() }

// take hands out the next lines, at most maxLines and maxBytes of them but one at least; false when none waits.
func (s *store) take(maxLines, maxBytes int) (batch, bool) {
	s.catchUp()
	for i := range int(sources) {
		from := source((s.first + i) % int(sources))
		b := batch{from: from}
		if from == fromMemory {
			s.lent.Store(true) // before the queue may be empty
			b.lines = s.queue.take(maxLines, maxBytes)
			s.lent.Store(b.lines != "")
		} else if s.spool != nil && s.owed == nil {
			b.kept = s.next(spoolSource[from], maxLines, maxBytes)
			b.lines = b.kept.Lines
		}
		if b.lines != "" {
			return b, true
		}
	}
	return batch{}, false
}

// next asks the spool for lines. Those that come too late are given back.
func (s *store) next(from spool.Source, maxLines, maxBytes int) spool.Batch {
	var b spool.Batch
	var err error
	read := func() {
		if b, err = s.spool.Next(from, maxLines, maxBytes); err != nil {
			s.trouble.Failed(err)
		}
	}
	if s.hand.do(s.patience, read, func() { s.end(b, 0) }) != jobDone {
		return spool.Batch{}
	}
	return b
}

// catchUp does what the disk could not do before. It is called while no batch is handed out.
func (s *store) catchUp() {
	if s.owed != nil && s.hand.do(s.patience, s.owed, nil) != jobRefused {
		s.owed = nil
	}
	if s.spool != nil && s.volatile() {
		s.hand.do(s.patience, s.bringHome, nil)
	}
}

// bringHome is of the hand: what waits in memory goes to the disk, in order, as far as that takes it and a batch is long.
func (s *store) bringHome() {
	for moved := 0; moved < maxBatchBytes; {
		block := s.queue.pop()
		if block == "" {
			return
		}
		if err := s.spool.Append(kindOf(block), []byte(block)); err != nil {
			s.trouble.Failed(fmt.Errorf("what comes is kept in memory only: %w", err))
			s.lost(s.queue.putBack(block))
			return
		}
		s.trouble.OK()
		moved += len(block)
	}
}

// kindOf is Event for lines with an event among them, whose order counts.
func kindOf(lines string) spool.Kind {
	for line := range strings.Lines(lines) {
		if isEvent(string(measurementOf([]byte(line)))) {
			return spool.Event
		}
	}
	return spool.Sample
}

var spoolSource = map[source]spool.Source{fromEvents: spool.Events, fromLive: spool.Live, fromBacklog: spool.Backlog}

// settle ends a batch whose lines need no sending any more.
func (s *store) settle(b batch) {
	s.first = 0
	if b.from == fromMemory {
		s.lent.Store(false)
		return
	}
	s.later(func() { s.end(b.kept, len(b.lines)) })
}

// later does a job of the hand, at the next take if it cannot be begun now.
func (s *store) later(job func()) {
	if s.hand.do(s.patience, job, nil) == jobRefused {
		s.owed = job
	}
}

// end is of the hand: the first n bytes of a batch need no sending any more.
func (s *store) end(b spool.Batch, n int) {
	if err := s.spool.Settle(b, n); err != nil {
		s.trouble.Failed(fmt.Errorf("after a crash something is sent again: %w", err))
	}
}

// giveBack returns a batch that is to be sent again. After one that a server has answered the next is of another source, if one
// waits: what a server cannot take holds up nothing else.
func (s *store) giveBack(b batch, answered bool) {
	s.first = 0
	if answered {
		s.first = (int(b.from) + 1) % int(sources)
	}
	if b.from == fromMemory {
		s.lost(s.queue.putBack(b.lines))
		s.lent.Store(false)
		return
	}
	s.later(func() { s.end(b.kept, 0) })
}

// halve returns a batch that is to be sent again at once, in pieces.
func (s *store) halve(b batch) {
	s.giveBack(b, false)
	s.first = int(b.from)
}

// errVolatile says that not all is on disk.
var errVolatile = errors.New("the disk does not take all of it: some waits in memory")

// sync returns when all events that were pushed are on the disk itself, or sent. A store without a spool has nothing to wait for.
// Whatever the disk does, nobody else waits with it.
func (s *store) sync() error {
	if s.spool == nil {
		return nil
	}
	volatile := true
	if s.hand.do(s.patience, func() { volatile = s.volatile() }, nil) != jobDone {
		return errStalled // it has lines of which nobody knows
	}
	if volatile {
		return errVolatile
	}
	return s.spool.Sync(spool.Event)
}

// refuse sets lines aside that a server refused for good; false without a spool, or when its disk does not take them.
func (s *store) refuse(words, lines string, now time.Time) bool {
	if s.spool == nil {
		return false
	}
	var err error
	if s.hand.do(s.patience, func() {
		if err = s.spool.Refuse(words, lines, now); err != nil {
			s.trouble.Failed(err)
		}
	}, nil) != jobDone {
		return false
	}
	return err == nil
}

// stats are the figures of what waits; those of a disk that does not answer are its last ones.
func (s *store) stats() spool.Stats {
	if s.spool != nil {
		s.hand.do(s.patience, func() {
			stats := s.spool.Stats()
			s.knowing.Lock()
			defer s.knowing.Unlock()
			s.known = stats
		}, nil)
	}
	s.knowing.Lock()
	defer s.knowing.Unlock()
	stats := s.known
	stats.Bytes += int64(s.queue.size())
	return stats
}

// close lets go of the spool, and returns how many lines in memory are lost with it. It waits no longer than closePatience for the
// disk.
func (s *store) close() (lost int) {
	if s.spool != nil {
		s.catchUp()
		if s.hand.do(max(s.patience, closePatience), func() {
			if err := s.spool.Close(); err != nil {
				s.trouble.Failed(err)
			}
		}, nil) != jobDone {
			s.trouble.Failed(fmt.Errorf("what was written last may be lost: %w", errStalled))
		}
	}
	return lineCount(s.queue.take(int(^uint(0)>>1), int(^uint(0)>>1)))
}
