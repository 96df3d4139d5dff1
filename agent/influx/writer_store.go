package influx

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx/spool"
)

// store is what waits for one output: in its spool on disk, and in memory when it has none, or as long as the disk takes no more.
// Push and size are safe for concurrent use; of batches there is one at a time.
type store struct {
	queue queue
	spool *spool.Spool      // nil: there is none
	disk  *daemon.Condition // whether the spool can be written and read
	first int               // of sources: where the next batch is looked for first
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
		s.disk.Failed(fmt.Errorf("what waits is kept in memory only: %w", err))
		return
	}
	s.spool = opened
}

// push takes lines in, and returns how many old ones were lost for them.
func (s *store) push(kind spool.Kind, lines []byte) (dropped int) {
	if len(lines) == 0 {
		return 0
	}
	if s.spool != nil {
		err := s.spool.Append(kind, lines)
		if err == nil {
			s.disk.OK()
			return 0
		}
		s.disk.Failed(fmt.Errorf("what comes is kept in memory only: %w", err))
	}
	return s.queue.push(string(lines))
}

// take hands out the next lines, at most maxLines and maxBytes of them but one at least; false when none waits.
func (s *store) take(maxLines, maxBytes int) (batch, bool) {
	for i := range int(sources) {
		from := source((s.first + i) % int(sources))
		b := batch{from: from}
		if from == fromMemory {
			b.lines = s.queue.take(maxLines, maxBytes)
		} else if s.spool != nil {
			var err error
			if b.kept, err = s.spool.Next(spoolSource[from], maxLines, maxBytes); err != nil {
				s.disk.Failed(err)
			}
			b.lines = b.kept.Lines
		}
		if b.lines != "" {
			return b, true
		}
	}
	return batch{}, false
}

var spoolSource = map[source]spool.Source{fromEvents: spool.Events, fromLive: spool.Live, fromBacklog: spool.Backlog}

// settle ends a batch whose lines need no sending any more.
func (s *store) settle(b batch) {
	s.first = 0
	if b.from == fromMemory {
		return
	}
	if err := s.spool.Settle(b.kept, len(b.lines)); err != nil {
		s.disk.Failed(fmt.Errorf("after a crash something is sent again: %w", err))
	}
}

// giveBack returns a batch that is to be sent again, and returns how many old lines were lost for it. After one that a server has
// answered the next is of another source, if one waits: what a server cannot take holds up nothing else.
func (s *store) giveBack(b batch, answered bool) (dropped int) {
	s.first = 0
	if answered {
		s.first = (int(b.from) + 1) % int(sources)
	}
	if b.from == fromMemory {
		return s.queue.putBack(b.lines)
	}
	if err := s.spool.Settle(b.kept, 0); err != nil {
		s.disk.Failed(err)
	}
	return 0
}

// halve returns a batch that is to be sent again at once, in pieces.
func (s *store) halve(b batch) (dropped int) {
	dropped = s.giveBack(b, false)
	s.first = int(b.from)
	return dropped
}

// errVolatile says that not all is on disk.
var errVolatile = errors.New("the disk does not take all of it: some waits in memory")

// sync returns when all events that were pushed are on the disk itself, or sent. A store without a spool has nothing to wait for.
func (s *store) sync() error {
	if s.spool == nil {
		return nil
	}
	if s.queue.size() > 0 {
		return errVolatile
	}
	return s.spool.Sync(spool.Event)
}

// refuse sets lines aside that a server refused for good; false without a spool.
func (s *store) refuse(words, lines string, now time.Time) bool {
	if s.spool == nil {
		return false
	}
	if err := s.spool.Refuse(words, lines, now); err != nil {
		s.disk.Failed(err)
		return false
	}
	return true
}

// stats are the figures of what waits.
func (s *store) stats() spool.Stats {
	var stats spool.Stats
	if s.spool != nil {
		stats = s.spool.Stats()
	}
	stats.Bytes += int64(s.queue.size())
	return stats
}

// close lets go of the spool, and returns how many lines in memory are lost with it.
func (s *store) close() (lost int) {
	if s.spool != nil {
		if err := s.spool.Close(); err != nil {
			s.disk.Failed(err)
		}
	}
	return lineCount(s.queue.take(int(^uint(0)>>1), int(^uint(0)>>1)))
}
