package spool

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// oldest reads what waits before the record until.
func (l *lane) oldest(until uint64, maxLines, maxBytes int) (Batch, error) {
	return l.read(&l.front, until, maxLines, maxBytes, 0)
}

// newest reads what is live. When that is more than a batch, only the newest write stays live.
func (l *lane) newest(maxLines, maxBytes int) (Batch, error) {
	if len(l.progress.done) >= maxSpans {
		return Batch{}, nil // the backlog first: each gap between what overtook must be remembered
	}
	tooMany := l.fresh.lines > maxLines || l.fresh.bytes > maxBytes
	if tooMany && l.live.record < l.latest.record {
		l.live, l.fresh = l.latest, l.lastWrite
	}
	return l.read(&l.live, l.next, maxLines, maxBytes, min(l.fresh.bytes, maxBytes))
}

// read gathers what waits from a cursor on, for which it makes room of so many bytes first. Damage that comes before anything else is
// said, counted and left behind.
func (l *lane) read(from *cursor, until uint64, maxLines, maxBytes, room int) (Batch, error) {
	for {
		b, err := l.gather(from, until, maxLines, maxBytes, room)
		damage, ok := errors.AsType[*damageError](err)
		if !ok {
			return b, err
		}
		l.giveUp(damage)
	}
}

// gather reads what waits from a cursor on, as far as it can, and moves the cursor to the first of it.
func (l *lane) gather(from *cursor, until uint64, maxLines, maxBytes, room int) (Batch, error) {
	b := Batch{lane: l}
	var lines strings.Builder
	count, at := 0, *from
	for i := range l.segments {
		if l.end(i) <= at.record {
			continue
		}
		more, err := l.readSegment(i, &at, until, func(number uint64, r record) bool {
			text := r.lines[min(l.progress.parts[number], len(r.lines)):]
			n, end := prefix(text, maxLines-count, maxBytes-lines.Len(), lines.Len() == 0)
			if end == 0 {
				return false
			}
			if lines.Len() == 0 {
				*from = at
				lines.Grow(max(room, end))
			}
			b.pieces = append(b.pieces, piece{number, lines.Len(), lines.Len() + end, end == len(text)})
			lines.Write(text[:end])
			count += n
			return end == len(text)
		})
		if err != nil && lines.Len() == 0 {
			*from = at
			return Batch{}, err
		}
		if err != nil || !more {
			break
		}
	}
	if lines.Len() == 0 {
		*from = at
	}
	b.Lines = lines.String()
	return b, nil
}

// readSegment hands over the waiting records of a segment before until, as long as take wants more; at goes along. It says
// whether the next segment may be read.
func (l *lane) readSegment(i int, at *cursor, until uint64, take func(number uint64, r record) bool) (more bool, err error) {
	seg, end := l.segments[i], l.end(i)
	if at.record <= seg.first {
		*at = cursor{seg.first, headerSize}
	}
	var file *os.File
	for at.record < min(end, until) {
		done := l.progress.done.end(at.record)
		if done >= end {
			break
		}
		if at.offset >= seg.size { // a loss of power took the rest, or its numbers were not used
			l.progress.finish(span{at.record, end})
			break
		}
		if file == nil {
			if file, err = os.Open(seg.path); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return false, &damageError{seg, *at, err}
				}
				return false, err
			}
			defer file.Close()
			l.in.Reset(io.NewSectionReader(file, at.offset, seg.size-at.offset))
		}
		r, err := readRecord(l.in, seg.size-at.offset, l.record)
		if err != nil {
			return false, &damageError{seg, *at, err}
		}
		if l.record = r.lines; cap(l.record) > maxSegment {
			l.record = nil
		}
		if done == at.record && !take(at.record, r) {
			return false, nil
		}
		*at = cursor{at.record + 1, at.offset + r.size()}
	}
	if at.record >= until && until < end {
		return false, nil
	}
	*at = cursor{end, seg.size}
	return true, nil
}

// prefix measures how many whole lines from the start of a text fit, and where they end. With atLeastOne the first line fits
// whatever its length.
func prefix(text []byte, maxLines, maxBytes int, atLeastOne bool) (lines, end int) {
	for lines < maxLines && end < len(text) {
		next := end + bytes.IndexByte(text[end:], '\n') + 1
		if next > maxBytes && (lines > 0 || !atLeastOne) {
			break
		}
		lines, end = lines+1, next
	}
	return lines, end
}

// waiting is how many bytes lie from the oldest record that waits to the newest, and when it was written.
func (l *lane) waiting() (size int64, oldest time.Time) {
	for i, seg := range l.segments {
		if l.end(i) <= l.front.record {
			continue
		}
		oldest = seg.time // in case that it cannot be read
		more, _ := l.readSegment(i, &l.front, l.next, func(_ uint64, r record) bool {
			oldest = r.time
			return false
		})
		if more {
			continue
		}
		size = seg.size - l.front.offset
		for _, later := range l.segments[i+1:] {
			size += later.size - headerSize
		}
		return size, oldest
	}
	return 0, time.Time{}
}
