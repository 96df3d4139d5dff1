package host

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// mostMounts bounds the mounts that are looked at, and the goroutines that ask them.
const mostMounts = 256

// hungRounds is for how many rounds in a row a mount must have had no answer to be called hung. In each of them it has no figures.
const hungRounds = 2

// disks asks the mounted file systems how full they are. Any of them may never answer: its disk was pulled out, its pool stands still,
// its program hangs. So each is asked in a goroutine of its own, and not again before it has answered.
type disks struct {
	files                  *kernel.Files
	mountinfo, filesystems file
	root                   string
	tags                   []influx.Tag
	log                    *slog.Logger
	statfs                 func(path string, into *syscall.Statfs_t) error

	text     []byte           // of mountinfo, as it was looked at last
	readAt   time.Time        // when that was read
	unread   error            // it could not be read in this round
	wrong    error            // that text has names that have no line protocol, or is none
	mounts   map[place]*asked // those that are mounted, and those that are not any more and have not answered
	listed   []*asked         // those that are mounted, in the kernel's order
	answers  chan *asked      // with room for all
	round    uint64           // counted from 1
	awaited  int              // of those asked in this round, how many have not answered
	hung     int              // those mounted that have not answered for hungRounds
	manySaid bool
}

// place is one mount, for as long as it is there.
type place struct {
	id            int
	point, device string
}

// asked is a mount that is asked again and again. While the question is out its goroutine writes answer and err, and nobody reads them.
type asked struct {
	place
	mode   string
	series influx.Series
	ask    func() // asks once, and puts the mount into disks.answers
	answer syscall.Statfs_t
	err    error

	out     bool             // a question is
	inRound uint64           // when it was asked
	last    syscall.Statfs_t // the last answer
	lastErr error
	heard   uint64 // in which round that was taken
	missed  int    // rounds in a row without one
	gone    bool   // it is not mounted any more
}

func newDisks(o Options, tags []influx.Tag, root string) disks {
	return disks{
		files: o.Files, log: o.Log, tags: tags, root: root, statfs: statfs,
		mountinfo:   file{Source: kernel.Source{Path: filepath.Join(root, "proc/self/mountinfo"), Form: kernel.Pieces}},
		filesystems: file{Source: kernel.Source{Path: filepath.Join(root, "proc/filesystems"), Form: kernel.Pieces}},
		mounts:      make(map[place]*asked), answers: make(chan *asked, mostMounts),
	}
}

// listEvery is how often the mounts are listed when none has come or gone: a file system that becomes read-only by itself is not told.
const listEvery = time.Minute

// ask begins a round: it takes the answers that have come since the last one, and asks all who have answered.
func (d *disks) ask(at time.Time) {
	d.round++
	d.awaited = 0
	for len(d.answers) > 0 {
		d.take(<-d.answers)
	}
	d.unread = d.list(at)
	for _, a := range d.listed {
		if a.out {
			continue
		}
		a.out, a.inRound = true, d.round
		d.awaited++
		go a.ask()
	}
}

// take notes an answer.
func (d *disks) take(a *asked) {
	a.out = false
	if a.inRound == d.round {
		d.awaited--
	}
	if a.gone {
		delete(d.mounts, a.place)
		return
	}
	a.last, a.lastErr, a.heard = a.answer, a.err, d.round
}

// collect ends a round: it adds the lines of those that have answered in it, at the latest when late fires. Those that were asked in an
// earlier round are not waited for.
func (d *disks) collect(l *influx.Lines, at time.Time, late <-chan time.Time) error {
	for waiting := true; waiting && d.awaited > 0; {
		select {
		case a := <-d.answers:
			d.take(a)
		case <-late:
			waiting = false
		}
	}
	err := errors.Join(d.unread, d.wrong)
	d.hung = 0
	for _, a := range d.listed {
		switch a.judge(d.round) {
		case answers:
		case answersAgain:
			d.log.Info("a mounted file system answers again", "path", a.point, "device", a.device)
		case hangs:
			d.log.Warn("a mounted file system does not answer: it has no figures until it does", "path", a.point, "device", a.device)
		case silent:
		}
		if a.missed >= hungRounds {
			d.hung++
		}
		if a.missed > 0 {
			continue
		}
		if a.lastErr != nil {
			err = errors.Join(err, fmt.Errorf("statfs %q: %w", a.point, a.lastErr))
			continue
		}
		l.Begin(a.series)
		appendUsage(l, &a.last)
		l.End(influx.Fixed{}, at)
	}
	return err
}

// verdict is what there is to say of a mount after a round.
type verdict uint8

const (
	answers      verdict = iota // as before
	answersAgain                // it was hung
	hangs                       // from this round on
	silent                      // it has not answered, and either might still or was said to hang
)

// judge counts a round that has ended.
func (a *asked) judge(round uint64) verdict {
	missed := a.missed
	if a.heard == round {
		a.missed = 0
		if missed >= hungRounds {
			return answersAgain
		}
		return answers
	}
	a.missed++
	if a.missed == hungRounds {
		return hangs
	}
	return silent
}

// list finds out what is mounted, if that has changed. While that cannot be told the mounts of before stay.
func (d *disks) list(at time.Time) error {
	since := at.Sub(d.readAt)
	if d.mountinfo.open && !d.files.Changed(&d.mountinfo.Source) && len(d.text) > 0 && 0 <= since && since < listEvery {
		return nil
	}
	d.readAt = at
	text, err := d.mountinfo.read(d.files)
	if err != nil || bytes.Equal(text, d.text) {
		return err
	}
	d.text = append(d.text[:0], text...)
	all, err := parseMounts(text)
	if err != nil {
		d.wrong = d.mountinfo.within(err)
		return nil
	}
	types, err := d.filesystems.read(d.files)
	if err != nil {
		d.text = d.text[:0] // looked at again
		return err
	}
	d.wrong = d.follow(local(all, parseFilesystems(types)))
	return nil
}

// follow takes the mounts that there are now. The error is of names that have no line protocol.
func (d *disks) follow(mounts []*mountinfo.Info) error {
	for _, a := range d.listed {
		a.gone = true
	}
	d.listed = d.listed[:0]
	var errs []error
	for _, m := range mounts {
		p := place{m.ID, m.Mountpoint, device(m, d.root)}
		a := d.mounts[p]
		if a == nil {
			if len(d.mounts) >= mostMounts {
				d.text = d.text[:0] // looked at again: there may be room then
				d.sayMany()
				continue
			}
			a = d.newAsked(p)
			d.mounts[p] = a
		}
		a.gone = false
		d.listed = append(d.listed, a)
		if mode := mode(m); a.mode != mode {
			a.mode = mode
			var err error
			a.series, err = influx.NewSeries(influx.Disk, append([]influx.Tag{
				{Key: influx.TagDevice, Value: p.device},
				{Key: influx.TagFSType, Value: m.FSType},
				{Key: influx.TagMode, Value: mode},
				{Key: influx.TagPath, Value: p.point},
			}, d.tags...))
			errs = append(errs, err)
		}
	}
	for p, a := range d.mounts {
		if a.gone && !a.out {
			delete(d.mounts, p)
		}
	}
	return errors.Join(errs...)
}

func (d *disks) sayMany() {
	if !d.manySaid {
		d.manySaid = true
		d.log.Warn("some mounted file systems are not looked at: there are too many", "limit", mostMounts)
	}
}

func (d *disks) newAsked(p place) *asked {
	a := &asked{place: p}
	a.ask = func() {
		a.err = d.statfs(a.point, &a.answer)
		d.answers <- a
	}
	return a
}

// statfs asks a file system, which may never answer.
func statfs(path string, into *syscall.Statfs_t) error {
	for {
		if err := syscall.Statfs(path, into); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// appendUsage adds the figures of a file system. Used is of what there is without what is kept for root, as df(1) shows it. One that
// makes inodes as it needs them, such as btrfs, tells no number of them.
func appendUsage(l *influx.Lines, s *syscall.Statfs_t) {
	unit := uint64(s.Frsize)
	if unit == 0 {
		unit = uint64(s.Bsize)
	}
	if s.Blocks > 0 {
		free, used := s.Bavail*unit, (s.Blocks-min(s.Bfree, s.Blocks))*unit
		l.Uint(influx.FieldTotal, s.Blocks*unit)
		l.Uint(influx.FieldFree, free)
		l.Uint(influx.FieldUsed, used)
		if used+free > 0 {
			l.Float(influx.FieldUsedPercent, percent(used, used+free))
		}
	}
	if s.Files > 0 && s.Ffree <= s.Files {
		used := s.Files - s.Ffree
		l.Uint(influx.FieldInodesTotal, s.Files)
		l.Uint(influx.FieldInodesFree, s.Ffree)
		l.Uint(influx.FieldInodesUsed, used)
		l.Float(influx.FieldInodesUsedPercent, percent(used, s.Files))
	}
}
