package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// Closed is an incident that is over, as it is filed away: one JSON file each.
type Closed struct {
	Incident incident.Incident `json:"incident"`
	Timeline []incident.Entry  `json:"timeline"`
	Outbox   []incident.Row    `json:"outbox"`
}

// Archive is the folder of closed incidents.
type Archive struct {
	dir   string
	filed func(id string) // nil: nobody asked
}

// OpenArchive makes the folder if it is missing.
func OpenArchive(dir string) (*Archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	return &Archive{dir: dir}, nil
}

// OnFiled has each incident told that is filed from now on, also one that is filed once more. The function must return at
// once. It is set before the archive is used by several goroutines.
func (a *Archive) OnFiled(filed func(id string)) { a.filed = filed }

// File files incidents away, on disk when it returns; they may be deleted from the store then.
func (a *Archive) File(ctx context.Context, s *Store, ids []string) error {
	for _, id := range ids {
		closed, err := s.closed(ctx, id)
		if err != nil {
			return fmt.Errorf("file away incident %q: %w", id, err)
		}
		if err := a.write(closed); err != nil {
			return fmt.Errorf("file away incident %q: %w", id, err)
		}
	}
	return nil
}

func (s *Store) closed(ctx context.Context, id string) (Closed, error) {
	var found []incident.Incident
	if err := load(ctx, s, record.IncidentPrefix+id, &found); err != nil {
		return Closed{}, err
	}
	if len(found) != 1 {
		return Closed{}, errors.New("it is not in the store")
	}
	timeline, err := s.Timeline(ctx, id)
	if err != nil {
		return Closed{}, err
	}
	rows, err := s.Outbox(ctx, id)
	return Closed{Incident: found[0], Timeline: timeline, Outbox: rows}, err
}

// write replaces the incident's file as a whole: a crash leaves the old one, the new one, or a stray temporary.
func (a *Archive) write(closed Closed) error {
	data, err := json.MarshalIndent(closed, "", "  ")
	if err != nil {
		return err
	}
	if err := WriteFile(a.path(closed.Incident.ID), append(data, '\n'), 0o600); err != nil {
		return err
	}
	if a.filed != nil {
		a.filed(closed.Incident.ID)
	}
	return nil
}

// IDs lists all closed incidents, in no order.
func (a *Archive) IDs() ([]string, error) {
	dir, err := os.Open(a.dir)
	if err != nil {
		return nil, fmt.Errorf("list closed incidents: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list closed incidents: %w", err)
	}
	ids := names[:0]
	for _, name := range names {
		if id, isRecord := strings.CutSuffix(name, ".json"); isRecord {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (a *Archive) path(id string) string { return filepath.Join(a.dir, id+".json") }

// longestID bounds what is looked for: an id that somebody typed may be longer than a file's name can be.
const longestID = 64

// isFileName says that an id names a file in the folder.
func isFileName(id string) bool {
	return len(id) <= longestID && fs.ValidPath(id) && !strings.ContainsAny(id, "/\\\x00")
}

// Closed reads one incident back. The error is fs.ErrNotExist when there is none with this id.
func (a *Archive) Closed(id string) (Closed, error) {
	var closed Closed
	err := a.read(id, &closed)
	return closed, err
}

func (a *Archive) read(id string, into any) error {
	if !isFileName(id) {
		return fmt.Errorf("read closed incident %q: %w", id, fs.ErrNotExist)
	}
	data, err := os.ReadFile(a.path(id))
	if err != nil {
		return fmt.Errorf("read closed incident %q: %w", id, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read closed incident %q: %w", id, err)
	}
	return nil
}

// Latest reads the newest closed incidents without what belongs to them, newest first, at most limit of them, and only those
// before the one of an id; "" is no bound. One that cannot be read is named in the error and hides no other.
func (a *Archive) Latest(limit int, before string) ([]incident.Incident, error) {
	names, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, fmt.Errorf("list closed incidents: %w", err)
	}
	var list []incident.Incident
	var unread []error
	for _, entry := range slices.Backward(names) { // ids sort by time of opening
		id, isRecord := strings.CutSuffix(entry.Name(), ".json")
		if !isRecord || len(list) == limit || (before != "" && id >= before) {
			continue
		}
		var closed struct{ Incident incident.Incident }
		if err := a.read(id, &closed); err != nil {
			unread = append(unread, err)
			continue
		}
		list = append(list, closed.Incident)
	}
	return list, errors.Join(unread...)
}

// WriteFile replaces a file as a whole and durably: temporary file, fsync, rename, fsync of the folder.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already after the rename
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
