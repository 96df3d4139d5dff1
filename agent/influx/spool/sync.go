package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// sync waits for the disk. Whoever comes while another waits is served by the next wait, together with all who came meanwhile.
// Files are opened for it by name, so that nothing stays open that may be deleted meanwhile: the kernel tells any who ask of a
// write that failed.
func (l *lane) sync() error {
	mu := &l.spool.mu
	mu.Lock()
	want, failures := l.next, l.failures
	mu.Unlock()
	return l.syncTo(want, failures)
}

// syncTo waits until the records before want are on the disk. It fails with any sync that failed since there had been so many.
func (l *lane) syncTo(want uint64, failures int) error {
	mu := &l.spool.mu
	l.syncing.Lock()
	defer l.syncing.Unlock()
	mu.Lock()
	if l.failures != failures {
		defer mu.Unlock()
		return l.failure // it may have been ours
	}
	if l.synced >= want {
		defer mu.Unlock()
		return nil
	}
	upTo, files, dirs := l.next, l.unsynced(), []string(nil)
	if l.made {
		dirs = []string{l.dir, l.spool.dir, filepath.Dir(l.spool.dir)}
	}
	l.made = false
	mu.Unlock()

	var err error
	for _, path := range append(files, dirs...) {
		err = errors.Join(err, syncPath(path))
	}

	mu.Lock()
	defer mu.Unlock()
	l.synced = upTo
	if err != nil {
		l.failures++
		l.failure = err
	}
	return err
}

// unsynced takes the files that are not on the disk.
func (l *lane) unsynced() (paths []string) {
	for _, seg := range l.segments {
		if seg.dirty {
			paths = append(paths, seg.path)
			seg.dirty = false
		}
	}
	return paths
}

// syncPath waits for a file or folder; of one that was deleted meanwhile nothing waits any more.
func syncPath(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
