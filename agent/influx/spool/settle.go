package spool

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// settle notes how much of a batch needs no sending any more.
func (l *lane) settle(b *Batch, n int) error {
	if n == 0 {
		return nil
	}
	for _, p := range b.pieces {
		if n <= p.from {
			break
		}
		text := b.Lines[p.from:min(n, p.to)]
		if p.whole && n >= p.to {
			l.progress.finish(span{p.record, p.record + 1})
		} else {
			l.progress.part(p.record, len(text))
		}
		if p.record >= l.live.record {
			l.fresh.lines -= strings.Count(text, "\n")
			l.fresh.bytes -= len(text)
		}
	}
	err := l.save()
	l.clean()
	return err
}

func (l *lane) save() error {
	return l.inFolder(func() error { return l.progress.save(filepath.Join(l.dir, progressFile)) })
}

// clean deletes the full segments of which nothing waits.
func (l *lane) clean() {
	var kept []*segment
	for i, seg := range l.segments {
		active := i == len(l.segments)-1 && l.active != nil
		if active || l.progress.done.end(seg.first) < l.end(i) || remove(seg.path) != nil {
			kept = append(kept, seg)
		}
	}
	l.segments = kept
	gone := l.next
	if len(l.segments) > 0 {
		gone = l.segments[0].first
	}
	l.progress.finish(span{0, gone})
}

// dropFirst gives up the oldest segment and returns how many lines of it waited. They are noted as lost before the file goes: a
// kill in between counts them once.
func (l *lane) dropFirst() (lines uint64, err error) {
	seg := l.segments[0]
	if len(l.segments) == 1 {
		l.rotate()
	}
	lines = l.count(seg, cursor{seg.first, headerSize})
	l.progress.lost += lines
	l.progress.finish(span{seg.first, l.end(0)})
	err = l.save()
	removed := remove(seg.path)
	l.segments = l.segments[1:]
	if err != nil {
		err = l.save() // with the room that there is now
	}
	return lines, errors.Join(err, removed)
}

// remove deletes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// count is how many lines of a segment wait from a place on. Where a record's beginning is damaged it is about that many: the
// rest is counted as if all of it waited.
func (l *lane) count(seg *segment, at cursor) (lines uint64) {
	file, err := os.Open(seg.path)
	if err != nil {
		return 0
	}
	defer file.Close()
	at.offset = max(at.offset, headerSize)
	in := bufio.NewReaderSize(io.NewSectionReader(file, at.offset, seg.size-at.offset), 64<<10)
	var buf []byte
	for at.offset < seg.size {
		r, _ := readRecord(in, seg.size-at.offset, buf)
		if r.lines == nil { // no telling where the next one begins
			return lines + newlines(in)
		}
		if l.progress.done.end(at.record) == at.record {
			lines += uint64(bytes.Count(r.lines[min(l.progress.parts[at.record], len(r.lines)):], newline))
		}
		buf = r.lines
		at = cursor{at.record + 1, at.offset + r.size()}
	}
	return lines
}

// newlines counts them up to the end, or up to where no more can be read.
func newlines(in io.Reader) (count uint64) {
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		count += uint64(bytes.Count(buf[:n], newline))
		if err != nil {
			return count
		}
	}
}
