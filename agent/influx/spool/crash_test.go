package spool

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seedEnv repeats a run of TestKillAtAnyByte.
const seedEnv = "NEZUBAN_SPOOL_SEED"

// held is what a spool holds: lines that wait, by kind.
type held [Sample + 1][]string

func (h held) clone() held {
	return held{Event: slices.Clone(h[Event]), Sample: slices.Clone(h[Sample])}
}

// crash runs random operations and, after each, looks at what a kill in the midst of it would leave.
type crash struct {
	*bench
	random *rand.Rand
	holds  held
	count  int
	left   int // folders that were looked at
}

// TestKillAtAnyByte cuts each write off at any byte, each note of what is delivered too, and leaves what was to be deleted: all
// that Append returned for and that is not settled comes back, in order; what is settled does not, unless its note was cut off.
func TestKillAtAnyByte(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedEnv); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d: %s=%d repeats its choices", seed, seedEnv, seed)
	for round := range uint64(3) {
		c := &crash{bench: newBench(t, 2<<20), random: rand.New(rand.NewPCG(seed, round))}
		for range 30 {
			c.step()
		}
		t.Logf("looked at %d folders, %d lines were written", c.left, c.count)
	}
}

func (c *crash) step() {
	before := c.snapshot()
	held := c.holds.clone()
	if c.random.IntN(5) < 3 && c.Stats().Bytes < 600_000 {
		kind := Kind(1 + c.random.IntN(2))
		lines := rows(c.count, 1+c.random.IntN(20), 40+c.random.IntN(8000))
		c.count += len(lines)
		c.append(kind, lines...)
		c.holds[kind] = append(c.holds[kind], lines...)
		after := c.snapshot()
		c.cutWrite(before, after, kind, held, lines)
	} else {
		c.deliver()
		after := c.snapshot()
		for range 2 {
			c.cutNote(before, after, held)
		}
		c.undeleted(before, after)
	}
}

// snapshot is the folder's files.
func (c *crash) snapshot() map[string][]byte {
	files := map[string][]byte{}
	for _, path := range c.files("") {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			files[strings.TrimPrefix(path, c.dir+"/")] = read(c.t, path)
		}
	}
	return files
}

func (c *crash) deliver() {
	from := Source(c.random.IntN(3))
	kind := Sample
	if from == Events {
		kind = Event
	}
	batch, err := c.Next(from, 1+c.random.IntN(60), 1+c.random.IntN(200_000))
	if err != nil {
		c.t.Fatal(err)
	}
	if batch.Lines == "" {
		return
	}
	lines := split(batch.Lines)
	n := 1 + c.random.IntN(len(lines))
	if err := c.Settle(batch, len(strings.Join(lines[:n], ""))); err != nil {
		c.t.Fatal(err)
	}
	at := slices.Index(c.holds[kind], lines[0])
	if at < 0 || !slices.Equal(c.holds[kind][at:at+len(lines)], lines) {
		c.t.Fatalf("found %q, which does not wait in that order", lines)
	}
	c.holds[kind] = slices.Delete(c.holds[kind], at, at+n)
}

// cutWrite cuts the newest segment off anywhere in what was written last.
func (c *crash) cutWrite(before, after map[string][]byte, kind Kind, held held, lines []string) {
	var newest string
	for name := range after {
		if strings.HasPrefix(name, kind.String()) && strings.HasSuffix(name, segmentEnd) {
			newest = max(newest, name)
		}
	}
	whole := after[newest]
	for range 3 {
		from := len(before[newest])
		end := from + c.random.IntN(len(whole)-from+1)
		after[newest] = whole[:end]
		if c.random.IntN(3) == 0 { // a loss of power
			after[newest] = append(slices.Clone(whole[:end]), make([]byte, c.random.IntN(100))...)
			if end > from && !zeroTail(whole, end) {
				after[newest] = append(slices.Clone(whole[:from]), make([]byte, end-from)...)
			}
		}
		c.look(after, func(got map[Kind][]string) string {
			for _, k := range []Kind{Event, Sample} {
				if k != kind {
					if diff := cmp.Diff(held[k], got[k], cmpopts.EquateEmpty()); diff != "" {
						return diff
					}
					continue
				}
				if n := len(got[k]) - len(held[k]); n < 0 || n > len(lines) || end == len(whole) && len(after[newest]) == end && n != len(lines) {
					return fmt.Sprintf("found %d lines more than before, of %d", n, len(lines))
				}
				if diff := cmp.Diff(append(slices.Clone(held[k]), lines...)[:len(got[k])], got[k], cmpopts.EquateEmpty()); diff != "" {
					return diff
				}
			}
			return ""
		})
	}
}

// zeroTail is whether a record ends at a place, so that zeros behind it are not within it.
func zeroTail(segment []byte, at int) bool {
	if at < headerSize {
		return false
	}
	in := bytes.NewReader(segment[headerSize:])
	for end := headerSize; end < at; {
		r, err := readRecord(in, int64(len(segment)-end), nil)
		if err != nil {
			return false
		}
		if end += int(r.size()); end == at {
			return true
		}
	}
	return at == headerSize
}

// cutNote leaves a note of what is delivered that is half written beside the one before.
func (c *crash) cutNote(before, after map[string][]byte, held held) {
	files := maps.Clone(before)
	for _, kind := range []Kind{Event, Sample} {
		name := filepath.Join(kind.String(), progressFile)
		if next := after[name]; !bytes.Equal(next, before[name]) {
			files[name+".new"] = next[:c.random.IntN(len(next)+1)]
		}
	}
	c.look(files, exactly(held))
}

// undeleted leaves the segments that were deleted when the note had been written.
func (c *crash) undeleted(before, after map[string][]byte) {
	files := maps.Clone(before)
	for _, kind := range []Kind{Event, Sample} {
		if name := filepath.Join(kind.String(), progressFile); after[name] != nil {
			files[name] = after[name]
		}
	}
	c.look(files, exactly(c.holds))
	c.look(after, exactly(c.holds))
}

func exactly(want held) func(got map[Kind][]string) string {
	return func(got map[Kind][]string) string {
		return cmp.Diff(want[Event], got[Event], cmpopts.EquateEmpty()) + cmp.Diff(want[Sample], got[Sample], cmpopts.EquateEmpty())
	}
}

// look opens a spool on files: what is in it must be right, and it must go on from there, in that life and the next.
func (c *crash) look(files map[string][]byte, check func(got map[Kind][]string) string) {
	c.t.Helper()
	c.left++
	dir, err := os.MkdirTemp(filepath.Dir(c.dir), "")
	if err != nil {
		c.t.Fatal(err)
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			c.t.Fatal(err)
		}
		write(c.t, filepath.Join(dir, name), data)
	}
	found := openBench(c.t, dir, c.opts.MaxBytes)
	found.append(Event, line(-1, 40))
	found.append(Sample, line(-2, 40))
	got := map[Kind][]string{Event: found.drain(Events), Sample: append(found.drain(Backlog), found.drain(Live)...)}
	for kind, last := range map[Kind]string{Event: line(-1, 40), Sample: line(-2, 40)} {
		n := len(got[kind]) - 1
		if n < 0 || got[kind][n] != last {
			c.t.Fatalf("found %q, want %q at its end", got[kind], last)
		}
		got[kind] = got[kind][:n]
	}
	if strings.Contains(found.log.String(), "level=ERROR") {
		c.t.Fatalf("found in the log: %s, want no damage", &found.log)
	}
	if diff := check(got); diff != "" {
		c.t.Fatalf("%s\nin the log: %s", diff, &found.log)
	}
	found.kill()
	found.open()
	if stats := found.Stats(); stats != (Stats{}) {
		c.t.Fatalf("found %+v, want nothing in the next life", stats)
	}
	found.kill()
	if err := os.RemoveAll(dir); err != nil {
		c.t.Fatal(err)
	}
}
