package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
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
