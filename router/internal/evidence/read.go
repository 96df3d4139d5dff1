package evidence

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"nezuban/router/internal/rule"
)

// maxLine bounds a line: the evidence of one objective is some ten thousand bytes.
const maxLine = 4 << 20

// mostSaid bounds how many mistakes of a file are named.
const mostSaid = 5

// Reader takes what is kept.
type Reader interface {
	Recall(e rule.Evidence) error
	Count(results []rule.Counted) (counted int)
}

// Read hands over what is kept: first evidence, then the results that were counted after it, in their order. It returns the
// time of the newest of all; zero: there is none. What cannot be read is named in the error, and keeps nothing else from
// being read.
func (s *Store) Read(to Reader) (newest time.Time, err error) {
	checkpoints, journals, err := s.list()
	if err != nil {
		return time.Time{}, fmt.Errorf("read evidence: %w", err)
	}
	r := reading{to: to}
	if len(checkpoints) > 0 {
		err = r.file(s.path(last(checkpoints), checkpointSuffix), r.evidence)
	}
	for _, n := range journals {
		if n >= last(checkpoints) { // those before it are in it
			err = errors.Join(err, r.file(s.path(n, journalSuffix), r.result))
		}
	}
	return r.newest, err
}

type reading struct {
	to     Reader
	newest time.Time
}

func (r *reading) evidence(line []byte) error {
	var e rule.Evidence
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	if err := r.to.Recall(e); err != nil {
		return err
	}
	r.upTo(e.Newest)
	return nil
}

func (r *reading) result(line []byte) error {
	var c rule.Counted
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	if c.Check == "" || c.At.IsZero() || c.Taken.IsZero() {
		return fmt.Errorf("found %.200q, expected a check and two times", line)
	}
	r.to.Count([]rule.Counted{c})
	r.upTo(c.Taken)
	return nil
}

func (r *reading) upTo(at time.Time) {
	if at.After(r.newest) {
		r.newest = at
	}
}

// file reads the lines of a file. A last line that has no end was being written when the router died, and says nothing.
func (r *reading) file(path string, take func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read evidence: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	var from io.Reader = f
	if filepath.Ext(path) == checkpointSuffix {
		if from, err = gzip.NewReader(bufio.NewReader(f)); err != nil {
			return fmt.Errorf("read evidence of %s: %w", path, err)
		}
	}
	var mistakes []error
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	lines.Split(wholeLines)
	number := 0
	for lines.Scan() {
		number++
		if err := take(lines.Bytes()); err != nil && len(mistakes) < mostSaid {
			mistakes = append(mistakes, fmt.Errorf("read evidence of %s, line %d: %w", path, number, err))
		}
	}
	if err := lines.Err(); err != nil {
		mistakes = append(mistakes, fmt.Errorf("read evidence of %s, after line %d: %w", path, number, err))
	}
	return errors.Join(mistakes...)
}

// wholeLines splits at the ends of lines, and drops what has none.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, data[:end], nil
	}
	if atEOF {
		return len(data), nil, nil
	}
	return 0, nil, nil
}
