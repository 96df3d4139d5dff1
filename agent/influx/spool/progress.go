package spool

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

const (
	progressFile     = "delivered"
	progressHead     = "nezuban-spool-delivered 1"
	maxProgressBytes = 256 << 10
)

// span is the records from, inclusive, to, exclusive.
type span struct{ from, to uint64 }

// spans is a set of records: sorted, apart from each other, none empty. One is enough but for what overtook.
type spans []span

// add puts more records into the set.
func (s spans) add(more span) spans {
	if more.from >= more.to {
		return s
	}
	first, _ := slices.BinarySearchFunc(s, more.from, func(a span, n uint64) int { return cmp.Compare(a.to, n) })
	last := first
	for last < len(s) && s[last].from <= more.to {
		more.from, more.to = min(more.from, s[last].from), max(more.to, s[last].to)
		last++
	}
	return slices.Replace(s, first, last, more)
}

// end is up to where all records from n on are in the set: n when it is not.
func (s spans) end(n uint64) uint64 {
	i, _ := slices.BinarySearchFunc(s, n, func(a span, n uint64) int { return cmp.Compare(a.to, n+1) })
	if i < len(s) && s[i].from <= n {
		return s[i].to
	}
	return n
}

// progress is what became of the records of a lane.
type progress struct {
	done  spans          // delivered, refused for good, or lost
	parts map[uint64]int // by record that is not done: bytes of its lines that are; nil when there are none
	lost  uint64         // lines that were dropped or damaged, since the lane was made
}

// finish notes records as done.
func (p *progress) finish(s span) {
	p.done = p.done.add(s)
	maps.DeleteFunc(p.parts, func(record uint64, _ int) bool { return record >= s.from && record < s.to })
}

// part notes more of a record's lines as done.
func (p *progress) part(record uint64, bytes int) {
	if p.parts == nil {
		p.parts = map[uint64]int{}
	}
	p.parts[record] += bytes
}

// next is behind all records of which something is known.
func (p *progress) next() (number uint64) {
	if n := len(p.done); n > 0 {
		number = p.done[n-1].to
	}
	for record := range p.parts {
		number = max(number, record+1)
	}
	return number
}

// encode is the progress as text, with its checksum.
func (p *progress) encode() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\nlost %d\n", progressHead, p.lost)
	for _, s := range p.done {
		fmt.Fprintf(&out, "done %d %d\n", s.from, s.to)
	}
	for _, record := range slices.Sorted(maps.Keys(p.parts)) {
		fmt.Fprintf(&out, "part %d %d\n", record, p.parts[record])
	}
	fmt.Fprintf(&out, "crc %08x\n", crc32.Checksum(out.Bytes(), castagnoli))
	return out.Bytes()
}

// parseProgress reads what encode wrote.
func parseProgress(data []byte) (progress, error) {
	lines := strings.SplitAfter(string(data), "\n")
	if n := len(lines); n < 4 || lines[n-1] != "" {
		return progress{}, fmt.Errorf("found %d bytes that are cut off, expected %q and more", len(data), progressHead)
	}
	if lines[0] != progressHead+"\n" {
		return progress{}, fmt.Errorf("line 1: found %q, expected %q", lines[0], progressHead)
	}
	last := len(lines) - 2
	body := data[:len(data)-len(lines[last])]
	if want := fmt.Sprintf("crc %08x\n", crc32.Checksum(body, castagnoli)); lines[last] != want {
		return progress{}, fmt.Errorf("line %d: found %q, expected %q", last+1, lines[last], want)
	}
	var p progress
	if _, err := fmt.Sscanf(lines[1], "lost %d\n", &p.lost); err != nil {
		return progress{}, fmt.Errorf("line 2: found %q, expected how many lines were lost", lines[1])
	}
	for i, line := range lines[2:last] {
		var a, b uint64
		if _, err := fmt.Sscanf(line, "done %d %d\n", &a, &b); err == nil && a < b {
			p.finish(span{a, b})
		} else if _, err := fmt.Sscanf(line, "part %d %d\n", &a, &b); err == nil && b > 0 && b < maxLine && p.done.end(a) == a {
			p.part(a, int(b))
		} else {
			return progress{}, fmt.Errorf("line %d: found %q, expected a span of records, or a part of one that is in none", i+3, line)
		}
	}
	return p, nil
}

// loadProgress reads the file at path; none is nothing done.
func loadProgress(path string) (progress, error) {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return progress{}, nil
	}
	if err != nil {
		return progress{}, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxProgressBytes))
	if err != nil {
		return progress{}, err
	}
	p, err := parseProgress(data)
	if err != nil {
		return progress{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// save replaces the file at path in one step. It is not forced to the disk: after a loss of power what was delivered last is
// delivered again.
func (p *progress) save(path string) error {
	next := path + ".new"
	if err := os.WriteFile(next, p.encode(), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
