package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Endings of files in a lane's folder.
const (
	segmentEnd = ".seg"
	damagedEnd = ".damaged" // what a segment has from where it is damaged on
	unknownEnd = ".unknown" // a segment of a release that this one cannot read
)

// lane is the segments of one kind. Its spool's lock guards it.
type lane struct {
	spool *Spool
	kind  Kind
	dir   string

	segments []*segment // oldest first
	active   *os.File   // the last of segments, which takes more; nil: the next write begins one
	next     uint64     // number of the next record
	progress progress

	front, live cursor // no record before front waits; those from live on are live
	latest      cursor // where the newest write begins
	fresh       amount // what waits from live on, about
	lastWrite   amount

	out    []byte // scratch of write
	in     *bufio.Reader
	record []byte // scratch of readSegment

	syncing  sync.Mutex // one at a time waits for the disk; taken before the spool's lock
	synced   uint64     // records before this one are on the disk, or their sync failed
	failures int        // syncs that failed
	failure  error      // of the last of them
	made     bool       // a file was made since the folder was synced
}

// segment is one file. Its records are those from first up to the next segment's first; some at its end may be missing.
type segment struct {
	path  string
	first uint64
	time  time.Time // of its first record
	youth time.Time // of its last one, at the latest
	size  int64     // of what is whole
	dirty bool      // some of it is not on the disk yet
}

// cursor is a place in a lane: before a record. Its offset is in the segment that holds the record; it counts for nothing before
// the first record of a segment.
type cursor struct {
	record uint64
	offset int64
}

type amount struct{ lines, bytes int }

var newline = []byte{'\n'}

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, segmentEnd) }

// last is the newest segment; there must be one.
func (l *lane) last() *segment { return l.segments[len(l.segments)-1] }

// tail is where the next record goes.
func (l *lane) tail() cursor {
	if len(l.segments) == 0 {
		return cursor{l.next, 0}
	}
	return cursor{l.next, l.last().size}
}

// end is the number behind the last record of a segment.
func (l *lane) end(i int) uint64 {
	if i+1 < len(l.segments) {
		return l.segments[i+1].first
	}
	return l.next
}

// holds is whether a batch has records of a segment.
func (l *lane) holds(b *Batch, i int) bool {
	return b != nil && b.lane == l && b.pieces[0].record < l.end(i) && b.pieces[len(b.pieces)-1].record >= l.segments[i].first
}

// append writes lines behind all others.
func (l *lane) append(lines []byte, now time.Time) error {
	if l.active != nil {
		seg := l.last()
		if seg.size+int64(len(lines)) > l.spool.segmentBytes() || now.Sub(seg.time) > l.spool.opts.MaxAge/agesOfLane {
			l.rotate()
		}
	}
	size, records, err := measure(lines)
	if err != nil {
		return err
	}
	if most := l.spool.opts.MaxBytes; size > most {
		return fmt.Errorf("found %d bytes in one write, expected at most the %d of the whole spool", size, most)
	}
	begin, err := l.put(lines, now)
	if err != nil {
		return err
	}
	l.latest = cursor{l.next, begin}
	l.lastWrite = amount{bytes.Count(lines, newline), len(lines)}
	l.fresh.lines, l.fresh.bytes = l.fresh.lines+l.lastWrite.lines, l.fresh.bytes+l.lastWrite.bytes
	l.next += records
	return nil
}

// share is how many bytes of lines the next record has.
func share(lines []byte) int {
	if end := bytes.LastIndexByte(lines[:min(len(lines), maxRecord)], '\n') + 1; end > 0 {
		return end
	}
	return bytes.IndexByte(lines, '\n') + 1
}

// measure is what lines will be in a segment.
func measure(lines []byte) (size int64, records uint64, err error) {
	size = headerSize // at most
	for len(lines) > 0 {
		end := share(lines)
		if end > maxLine {
			return 0, 0, fmt.Errorf("found a line of %d bytes, expected at most %d", end, maxLine)
		}
		size, records, lines = size+recordHead+int64(end), records+1, lines[end:]
	}
	return size, records, nil
}

// put writes to the active segment, or to a new one, and returns where the first record begins. When it fails it leaves nothing
// behind that it can remove.
func (l *lane) put(lines []byte, now time.Time) (begin int64, err error) {
	began := l.active == nil
	if began {
		if err := l.begin(now); err != nil {
			return 0, err
		}
	}
	seg := l.last()
	end, err := l.write(lines, seg.size, now)
	switch {
	case err == nil:
		begin, seg.size, seg.youth, seg.dirty = seg.size, end, now, true
		return begin, nil
	case began:
		l.rotate()
		l.segments = l.segments[:len(l.segments)-1]
		err = errors.Join(err, os.Remove(seg.path))
	case l.active.Truncate(seg.size) != nil:
		l.rotate() // nothing is written behind what is cut off
	}
	return 0, err
}

// write writes one record of lines after the other to the active segment, from an offset on, and returns where they end.
func (l *lane) write(lines []byte, at int64, now time.Time) (end int64, err error) {
	for len(lines) > 0 {
		n := share(lines)
		l.out = record{now, lines[:n]}.append(l.out[:0])
		if _, err := l.active.WriteAt(l.out, at); err != nil {
			return 0, err
		}
		lines, at = lines[n:], at+int64(len(l.out))
	}
	if cap(l.out) > 2*maxRecord {
		l.out = nil // no line of every day
	}
	return at, nil
}

// begin makes a segment, which has no record yet.
func (l *lane) begin(now time.Time) error {
	path := filepath.Join(l.dir, segmentName(l.next))
	var file *os.File
	err := l.inFolder(func() (err error) {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(header{l.kind, l.next, now}.append(nil), 0); err != nil {
		return errors.Join(err, file.Close(), os.Remove(path))
	}
	l.active, l.made = file, true
	l.segments = append(l.segments, &segment{path: path, first: l.next, time: now, youth: now, size: headerSize, dirty: true})
	return nil
}

// rotate ends the active segment, if there is one.
func (l *lane) rotate() {
	if l.active != nil {
		l.active.Close()
		l.active = nil
	}
}
