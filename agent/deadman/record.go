package deadman

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// version is what this release writes into the record; it reads this one.
const version = 1

// recordFile is the record's name in the state folder.
const recordFile = "dead-man.json"

const maxRecordBytes = 4 << 10

// loadRecord reads what an earlier run left; without a file it is the zero record. One that makes no sense is an error, and
// an open record: a resolve too many does no harm, one too few leaves an alert open for ever.
func loadRecord(dir string) (Record, error) {
	path := filepath.Join(dir, recordFile)
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{Open: true}, fmt.Errorf("read dead man's record: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxRecordBytes))
	if err != nil {
		return Record{Open: true}, fmt.Errorf("read dead man's record: %w", err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{Open: true}, fmt.Errorf("read %s: %w", path, err)
	}
	if r.Version < 1 || r.Version > version {
		return Record{Open: true}, fmt.Errorf("read %s: found version %d, expected 1 to %d", path, r.Version, version)
	}
	return r, nil
}

// saveRecord replaces the record whole: after a crash at any instant there is the old one or the new one.
func saveRecord(dir string, r Record) error {
	r.Version = version
	data, err := json.Marshal(r)
	if err == nil {
		err = replace(filepath.Join(dir, recordFile), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save dead man's record: %w", err)
	}
	return nil
}

func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	next := path + ".new" // one left over by a crash is overwritten
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
