package state

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Written is the list, in a file, of the closed incidents that a database has. Its first line says of which database and
// in which form; each further one is an incident's id. It is added to and not rewritten, so that an incident costs the same
// however many there are. What a watermark would need does not hold: files come in the order of closing, ids in that of
// opening, and a file's time follows a clock that may be set, or a copy.
//
// It is a help alone: an incident that it lacks is written once more, which changes nothing in the database. So whatever is
// wrong with the file it is begun anew. It belongs to one goroutine.
type Written struct {
	path, database string
	end            int64 // of the last whole line
}

// writtenHead is the first line.
type writtenHead struct {
	Version  int    `json:"version"`
	Database string `json:"database"`
}

// writtenVersion is the form that this release writes and reads.
const writtenVersion = 1

// errForeign is that a list is not of this database, not of this release, or damaged.
var errForeign = errors.New("the list is none of this database")

// OpenWritten opens the list of a database, or begins it, and says which of the ids it lacks, oldest first. Database is any
// text on one line that tells databases apart.
func OpenWritten(path, database string, ids []string) (*Written, []string, error) {
	w := &Written{path: path, database: database}
	lacking := setOf(ids)
	err := w.read(func(id string) { delete(lacking, id) })
	if errors.Is(err, errForeign) || errors.Is(err, fs.ErrNotExist) {
		lacking, err = setOf(ids), w.begin()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open the list of written incidents: %w", err)
	}
	return w, slices.Sorted(maps.Keys(lacking)), nil
}

func setOf(ids []string) map[string]struct{} {
	set := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return set
}

func (w *Written) begin() error {
	head, err := json.Marshal(writtenHead{Version: writtenVersion, Database: w.database})
	if err != nil {
		return err
	}
	w.end = int64(len(head) + 1)
	return WriteFile(w.path, append(head, '\n'), 0o600)
}

// read finds the end, and cuts off what a crash has left behind it.
func (w *Written) read(found func(id string)) error {
	f, err := os.Open(w.path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head *writtenHead
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return errForeign
		case errors.Is(err, io.EOF) && head == nil:
			return errForeign
		case errors.Is(err, io.EOF):
			return os.Truncate(w.path, w.end)
		case err != nil:
			return err
		case head == nil:
			if head = new(writtenHead); json.Unmarshal(line, head) != nil || *head != (writtenHead{writtenVersion, w.database}) {
				return errForeign
			}
		default:
			found(string(line[:len(line)-1]))
		}
		w.end += int64(len(line))
	}
}

// Add notes incidents that the database has, on disk when it returns. After an error none of them is noted.
func (w *Written) Add(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	lines := strings.Join(ids, "\n") + "\n"
	f, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // somebody wants everything to be written again, after the next start
		if err = w.begin(); err == nil {
			f, err = os.OpenFile(w.path, os.O_WRONLY, 0)
		}
	}
	if err != nil {
		return fmt.Errorf("note written incidents: %w", err)
	}
	_, err = f.WriteAt([]byte(lines), w.end)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("note written incidents: %w", err)
	}
	w.end += int64(len(lines))
	return nil
}
