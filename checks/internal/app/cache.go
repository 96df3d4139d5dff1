package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"nezuban/checks/check"
)

// cache is the last good check file on disk, for a start without a router.
type cache struct{ path string }

func newCache(stateDir string) cache {
	return cache{path: filepath.Join(stateDir, "checks.toml")}
}

// load reads the file; none is nil without an error.
func (c cache) load() ([]byte, error) {
	in, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load check file: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, check.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("load check file: %w", err)
	}
	return data, nil
}

// save replaces the file whole: a crash at any instant leaves the old one or the new one.
func (c cache) save(data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save check file: %w", err)
		}
	}()
	dir := filepath.Dir(c.path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	next := c.path + ".new" // one left over by a crash is overwritten
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, c.path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
