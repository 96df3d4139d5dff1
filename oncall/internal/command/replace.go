package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// replaceFile replaces the contents of a file as a whole: whatever happens, it holds the old ones or the new ones. It keeps
// the file's mode and owner, writes what a symbolic link points at, and refuses when the file no longer holds the old
// contents.
func replaceFile(path string, old, data []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("write rotation file: %w", err)
	}
	now, err := read(target)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) {
		return errChanged
	}
	if err := writeBeside(target, data); err != nil {
		return fmt.Errorf("write rotation file: %w", err)
	}
	return nil
}

func writeBeside(target string, data []byte) (err error) {
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(target), ".oncall-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(data)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		err = errors.Join(err, temp.Chown(int(stat.Uid), int(stat.Gid)))
	}
	if err = errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err = os.Rename(temp.Name(), target); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(target))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
