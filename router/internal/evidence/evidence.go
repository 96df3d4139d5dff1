// Package evidence keeps on disk what objectives have counted, so that a router that was restarted knows a month as well as
// before. What was counted since the last look is appended to a journal; now and then all that is known is written anew, and
// the journals before it are deleted. A crash at any point loses at most what was not appended yet, and counts nothing twice:
// results that are read again count once.
//
// Package app calls it; packages rule and window say what is kept. The folder holds
//
//	N.journal       JSON Lines, a [rule.Counted] each: what was counted since checkpoint N was begun
//	N.checkpoint    gzipped JSON Lines, a [rule.Evidence] each: all that had been counted when it was begun, or more
package evidence

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"nezuban/router/internal/rule"
	"nezuban/router/internal/state"
)

const (
	journalSuffix    = ".journal"
	checkpointSuffix = ".checkpoint"
)

// leastJournal is how many bytes the journals have, at least, when all is written anew.
const leastJournal = 4 << 20

// Store is the folder. One goroutine at a time uses it.
type Store struct {
	dir      string
	journal  *os.File
	number   int   // of the journal
	appended int64 // bytes in the journals, after the last checkpoint
	whole    int64 // bytes of the last checkpoint
}

// New keeps evidence in a folder, which is made when something is written. Nothing is before [Store.Checkpoint].
func New(dir string) *Store { return &Store{dir: dir} }

// Close ends the use of the journal.
func (s *Store) Close() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

// Append writes down what was counted. It is on disk when it returns.
func (s *Store) Append(results []rule.Counted) error {
	if len(results) == 0 {
		return nil
	}
	if s.journal == nil {
		return errors.New("keep evidence: there is no journal before the first checkpoint")
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, c := range results {
		if err := encoder.Encode(c); err != nil {
			return fmt.Errorf("keep evidence: result of check %q: %w", c.Check, err)
		}
	}
	n, err := s.journal.Write(lines.Bytes())
	s.appended += int64(n)
	if err = errors.Join(err, s.journal.Sync()); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	return nil
}

// Due says that it is time to write all anew: the journals are larger than what was written then, so that this costs no more
// than they do, and the time to read them is bounded.
func (s *Store) Due() bool { return s.journal == nil || s.appended >= max(leastJournal, s.whole) }

// Checkpoint writes all evidence anew. What is counted from before the call on belongs into Append after it: the evidence may
// hold it already. After an error what was there before is there still.
func (s *Store) Checkpoint(all iter.Seq[rule.Evidence]) error {
	if err := s.turn(); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	encoder := json.NewEncoder(zip)
	for e := range all {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("keep evidence of %q: %w", e.Rule, err)
		}
	}
	err := zip.Close()
	if err == nil {
		err = state.WriteFile(s.path(s.number, checkpointSuffix), packed.Bytes(), 0o600)
	}
	if err == nil {
		err = s.drop(s.number)
	}
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	s.appended, s.whole = 0, int64(packed.Len())
	return nil
}

// turn begins a journal with the next number.
func (s *Store) turn() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	checkpoints, journals, err := s.list()
	if err != nil {
		return err
	}
	next := 1 + max(last(checkpoints), last(journals))
	journal, err := os.OpenFile(s.path(next, journalSuffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_ = s.Close() // what it did not take is in what is written anew
	s.journal, s.number = journal, next
	return nil
}

func last(numbers []int) int {
	if len(numbers) == 0 {
		return 0
	}
	return numbers[len(numbers)-1]
}

// drop deletes what was written before a checkpoint, and what a kill has left half written.
func (s *Store) drop(before int) error {
	checkpoints, journals, err := s.list()
	halves, _ := filepath.Glob(filepath.Join(s.dir, ".new-*")) // of state.WriteFile; the pattern is good
	for _, half := range halves {
		err = errors.Join(err, os.Remove(half))
	}
	for _, n := range checkpoints {
		if n < before {
			err = errors.Join(err, os.Remove(s.path(n, checkpointSuffix)))
		}
	}
	for _, n := range journals {
		if n < before {
			err = errors.Join(err, os.Remove(s.path(n, journalSuffix)))
		}
	}
	return err
}

func (s *Store) path(number int, suffix string) string {
	return filepath.Join(s.dir, strconv.Itoa(number)+suffix)
}

// list is the numbers of the files that there are, the lowest first. Other files are nobody's business.
func (s *Store) list() (checkpoints, journals []int, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, entry := range entries {
		number, suffix, _ := strings.Cut(entry.Name(), ".")
		n, bad := strconv.Atoi(number)
		if bad != nil || n < 1 || strconv.Itoa(n) != number {
			continue
		}
		switch "." + suffix {
		case checkpointSuffix:
			checkpoints = append(checkpoints, n)
		case journalSuffix:
			journals = append(journals, n)
		}
	}
	slices.Sort(checkpoints)
	slices.Sort(journals)
	return checkpoints, journals, err
}
