package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// damageError is what is wrong in a segment, and before which record.
type damageError struct {
	seg *segment
	at  cursor
	err error
}

func (e *damageError) Error() string {
	return fmt.Sprintf("%s at %d: %v", e.seg.path, e.at.offset, e.err)
}

// giveUp sets a segment aside from where it is damaged on, and counts what waited there. What is before that stays.
func (l *lane) giveUp(damage *damageError) {
	if errors.Is(damage.err, fs.ErrNotExist) {
		l.forgetGone()
		return
	}
	seg, at := damage.seg, damage.at
	i := slices.Index(l.segments, seg)
	if i < 0 {
		return // nothing of it waited
	}
	if i == len(l.segments)-1 {
		l.rotate()
	}
	lines := l.count(seg, at)
	l.spool.opts.Log.Error(
		"a segment of the spool is damaged: the rest of it is lost",
		"file", seg.path, "offset", at.offset, "found", damage.err, "lines_lost", lines, "set_aside_as", seg.path+damagedEnd,
	)
	l.progress.lost += lines
	l.progress.finish(span{at.record, l.end(i)})
	if err := l.save(); err != nil {
		l.spool.opts.Log.Error("what is lost cannot be noted", "error", err)
	}
	if err := cutAway(seg.path, at.offset); err != nil {
		l.spool.opts.Log.Error("what is damaged cannot be set aside", "file", seg.path, "error", err)
	} else {
		seg.size = at.offset
		l.spool.noteAside(seg.path + damagedEnd)
	}
	l.clean()
}

// forgetGone gives up all segments whose files somebody else has deleted. How many lines of them waited is not known.
func (l *lane) forgetGone() {
	var kept []*segment
	files, bytes := 0, int64(0)
	for i, seg := range l.segments {
		if _, err := os.Stat(seg.path); !errors.Is(err, fs.ErrNotExist) {
			kept = append(kept, seg)
			continue
		}
		files, bytes = files+1, bytes+seg.size
		l.progress.finish(span{seg.first, l.end(i)})
		if i == len(l.segments)-1 {
			l.rotate()
		}
	}
	l.segments = kept
	l.spool.opts.Log.Error("segments of the spool were deleted by somebody else: what waited in them is lost", "folder", l.dir, "files", files, "bytes", bytes)
	if err := l.save(); err != nil {
		l.spool.opts.Log.Error("what is lost cannot be noted", "error", err)
	}
	l.clean()
}

// inFolder does what needs the lane's folder, which it makes again when somebody else has deleted it.
func (l *lane) inFolder(do func() error) error {
	err := do()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if made := l.spool.remake(l.dir); made != nil {
		return errors.Join(err, made)
	}
	return do()
}

// remake makes a lane's folder again, and takes the spool's lock anew when that is gone too, or another's.
func (s *Spool) remake(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ours, err := s.lock.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(filepath.Join(s.dir, lockFile)); err == nil && os.SameFile(ours, there) {
		return nil
	}
	lock, err := lockDir(s.dir)
	if err != nil {
		return err
	}
	err = s.lock.Close()
	s.lock = lock
	s.opts.Log.Warn("the folder of the spool was deleted by somebody else, and is made again", "folder", s.dir)
	return err
}

// cutAway moves a file from a place on into one of its own.
func cutAway(path string, from int64) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := in.Seek(from, io.SeekStart); err != nil {
		return err
	}
	aside := path + damagedEnd
	out, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(aside))
	}
	return os.Truncate(path, from)
}
