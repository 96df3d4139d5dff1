package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func openLane(s *Spool, kind Kind) (*lane, error) {
	l := &lane{spool: s, kind: kind, dir: filepath.Join(s.dir, kind.String()), in: bufio.NewReaderSize(nil, 64<<10)}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if l.progress, err = loadProgress(filepath.Join(l.dir, progressFile)); err != nil {
		s.opts.Log.Warn("what was delivered is not known: everything that is there is sent again", "error", err)
	}
	l.next = l.progress.next()
	entries, err := os.ReadDir(l.dir) // sorted, and so are the numbers in the names
	if err != nil {
		return nil, err
	}
	var damaged []*damageError
	for _, e := range entries {
		damage, err := l.find(e)
		if err != nil {
			return nil, err
		}
		if damage != nil {
			damaged = append(damaged, damage)
		}
	}
	if n := len(damaged); n > 0 && damaged[n-1].seg == l.last() {
		l.next = max(l.next, l.last().first+1)
	} else {
		damage, err := l.resume()
		if err != nil {
			return nil, err
		}
		if damage != nil {
			damaged = append(damaged, damage)
		}
	}
	l.clean()
	for _, damage := range damaged {
		l.giveUp(damage)
	}
	l.live, l.latest, l.synced = l.tail(), l.tail(), l.next
	return l, nil
}

// find looks at a file that an earlier process left. No number of one that was set aside is given again.
func (l *lane) find(e fs.DirEntry) (*damageError, error) {
	path := filepath.Join(l.dir, e.Name())
	text, _, _ := strings.Cut(e.Name(), ".")
	number, _ := strconv.ParseUint(text, 16, 62) // when it is none, the name is not that of a segment either
	switch name := segmentName(number); e.Name() {
	case name:
		return l.adopt(path, number)
	case name + damagedEnd, name + unknownEnd:
		l.next = max(l.next, number+1)
		l.spool.noteAside(path)
	}
	return nil, nil
}

// adopt takes in a segment, unless it is not one that this release can read.
func (l *lane) adopt(path string, first uint64) (*damageError, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	seg := &segment{path: path, first: first, time: info.ModTime(), youth: info.ModTime(), size: info.Size()}
	h, err := readHeader(file)
	switch {
	case err == nil && (h.kind != l.kind || h.first != first):
		err = fmt.Errorf("found %s from %d on in its header, expected %s from %d on", h.kind, h.first, l.kind, first)
	case err == nil:
		seg.time = h.time
	case errors.Is(err, errTorn), zeros(file, 0, seg.size):
		l.spool.opts.Log.Warn("a segment of the spool was cut off as it began, and is removed", "file", path, "bytes", seg.size)
		return nil, os.Remove(path)
	}
	if _, other := errors.AsType[unknownVersion](err); other {
		l.spool.opts.Log.Error("a segment of the spool is of another release and is set aside", "file", path, "found", err)
		l.next = max(l.next, first+1)
		l.spool.setAside(path)
		return nil, nil
	}
	if len(l.segments) > 0 && l.last().youth.After(seg.time) {
		l.last().youth = seg.time // it was touched since it was written
	}
	l.segments = append(l.segments, seg)
	if err != nil {
		return &damageError{seg, cursor{first, 0}, err}, nil
	}
	return nil, nil
}

func readHeader(in io.Reader) (header, error) {
	data := make([]byte, headerSize)
	n, err := io.ReadFull(in, data)
	if err != nil && !errors.Is(cut(err), errTorn) {
		return header{}, err
	}
	return parseHeader(data[:n])
}

// resume finds the end of the newest segment, cuts off what a crash left half written, and goes on writing there.
func (l *lane) resume() (*damageError, error) {
	if len(l.segments) == 0 {
		return nil, nil
	}
	seg := l.last()
	file, err := os.OpenFile(seg.path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	records, end, err := scan(file, seg)
	next := seg.first + records
	if errors.Is(err, errTorn) || err != nil && zeros(file, end, seg.size) {
		l.spool.opts.Log.Warn("the last write into the spool was cut off and is removed", "file", seg.path, "offset", end, "bytes", seg.size-end)
		seg.size = end
		if err = file.Truncate(end); err != nil {
			file.Close()
			return nil, err
		}
	}
	switch {
	case err != nil: // the damaged record has a number too, so that it is not passed over
		l.next = max(l.next, next+1)
		return &damageError{seg, cursor{next, end}, err}, file.Close()
	case records == 0:
		l.segments = l.segments[:len(l.segments)-1]
		if err := errors.Join(file.Close(), os.Remove(seg.path)); err != nil {
			return nil, err
		}
		return l.resume()
	case next < l.next: // a loss of power took what was delivered, or what was set aside
		return nil, file.Close()
	}
	l.next, l.active = next, file
	return nil, nil
}

// scan reads a segment: how many whole records it has, where they end, and the error that ended it, if any. It notes when the
// last of them was written.
func scan(file io.ReaderAt, seg *segment) (records uint64, end int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(file, headerSize, seg.size-headerSize), 64<<10)
	end = headerSize
	var buf []byte
	for {
		r, err := readRecord(in, seg.size-end, buf)
		if errors.Is(err, io.EOF) {
			return records, end, nil
		}
		if err != nil {
			return records, end, err
		}
		buf, seg.youth = r.lines, r.time
		records++
		end += r.size()
	}
}

// zeros is whether a file holds nothing else from one place to another: what a loss of power leaves of a write.
func zeros(file io.ReaderAt, from, to int64) bool {
	in := bufio.NewReader(io.NewSectionReader(file, from, to-from))
	for {
		b, err := in.ReadByte()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if b != 0 {
			return false
		}
	}
}
