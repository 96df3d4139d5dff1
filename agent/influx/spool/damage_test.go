package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// threeSegments makes a folder of three segments of three records of two lines each.
func threeSegments(t *testing.T) (dir string, all []string) {
	b := newBench(t, 1<<20)
	for i := range 3 {
		for range 3 {
			lines := rows(len(all), 2, 60)
			b.append(Sample, lines...)
			all = append(all, lines...)
		}
		if i < 2 {
			b.samples.rotate()
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return b.dir, all
}

const recordSize = recordHead + 2*60

// TestFlippedBits flips a bit of each third byte of each segment: what was before comes, the rest of the segment is counted and set
// aside, and all other segments come.
func TestFlippedBits(t *testing.T) {
	dir, all := threeSegments(t)
	for s := range 3 {
		name := filepath.Join("samples", segmentName(uint64(3*s)))
		data := read(t, filepath.Join(dir, name))
		for at := s; at < len(data); at += 3 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 1 << (at % 8)
			copied := filepath.Join(filepath.Dir(dir), fmt.Sprintf("%d-%d", s, at))
			copyDir(t, dir, copied)
			write(t, filepath.Join(copied, name), damaged)
			offset, kept := 0, 0
			if at >= headerSize {
				kept = (at - headerSize) / recordSize
				offset = headerSize + kept*recordSize
			}
			lost := uint64(6 - 2*kept)
			if data[at] == '\n' && (at-headerSize)%recordSize >= recordHead {
				lost-- // the line's end was damaged
			}
			want := slices.Delete(slices.Clone(all), 6*s+2*kept, 6*s+6)
			b := openBench(t, copied, 1<<20)
			b.kill() // what was found and counted at the first start is not at the second
			b.open()
			if at >= 8 && at < 12 {
				checkUnknown(b, name, want)
			} else {
				checkDamaged(b, name, offset, want, lost)
			}
			if t.Failed() {
				t.Fatalf("segment %d, byte %d, in the log: %s", s, at, &b.log)
			}
			b.kill()
		}
	}
}

func checkDamaged(b *bench, name string, offset int, want []string, lost uint64) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.drain(Backlog)); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
	for range 2 {
		got := b.Stats()
		if got.Lost < lost || got.Lost > lost+3 || got.Bytes != 0 { // a byte of a head may look like a newline
			b.t.Errorf("found %+v, want %d lost", got, lost)
		}
		b.kill()
		b.open()
	}
	if place := fmt.Sprintf("file=%s offset=%d ", filepath.Join(b.dir, name), offset); !strings.Contains(b.log.String(), place) {
		b.t.Errorf("want %q in the log", place)
	}
	if diff := cmp.Diff([]string{filepath.Join(b.dir, name+damagedEnd)}, b.files(damagedEnd)); diff != "" {
		b.t.Errorf("set aside: (-want +got)\n%s", diff)
	}
	if n := strings.Count(b.log.String(), "is damaged"); n != 1 {
		b.t.Errorf("found %d messages", n)
	}
}

func checkUnknown(b *bench, name string, want []string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.drain(Backlog)); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{filepath.Join(b.dir, name+unknownEnd)}, b.files(unknownEnd)); diff != "" {
		b.t.Errorf("set aside: (-want +got)\n%s", diff)
	}
	b.append(Sample, line(99, 60))
	b.reopen()
	if diff := cmp.Diff([]string{line(99, 60)}, b.drain(Backlog)); diff != "" {
		b.t.Errorf("what comes after: (-want +got)\n%s", diff)
	}
	if found := b.files(segmentEnd); len(found) > 1 {
		b.t.Errorf("found %q, want the newest", found)
	}
}

// Damage that live samples meet takes nothing of the backlog before it, nor of what comes after it.
func TestDamageAmongLive(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Sample, rows(0, 4, 60)...)
	b.reopen()
	b.append(Sample, rows(4, 2, 60)...)
	b.append(Sample, rows(6, 2, 60)...)
	path := b.files(segmentEnd)[0]
	data := read(t, path)
	data[len(data)-2] ^= 1
	write(t, path, data)
	if diff := cmp.Diff(rows(4, 2, 60), b.take(Live, 10, 1<<20, -1)); diff != "" {
		t.Errorf("live before it: (-want +got)\n%s", diff)
	}
	if got := b.take(Live, 10, 1<<20, -1); got != nil {
		t.Errorf("found %q, which is damaged", got)
	}
	b.append(Sample, rows(8, 2, 60)...)
	if diff := cmp.Diff(rows(8, 2, 60), b.drain(Live)); diff != "" {
		t.Errorf("live behind it: (-want +got)\n%s", diff)
	}
	b.take(Backlog, 1, 1<<20, -1)
	b.reopen()
	if diff := cmp.Diff(rows(1, 3, 60), b.drain(Backlog)); diff != "" {
		t.Errorf("backlog: (-want +got)\n%s", diff)
	}
	if lost := b.Stats().Lost; lost != 2 {
		t.Errorf("found %d lost, want 2", lost)
	}
}

// Behind damage only what waited is counted.
func TestDamageCountsWhatWaited(t *testing.T) {
	dir, all := threeSegments(t)
	b := openBench(t, dir, 1<<20)
	if diff := cmp.Diff(all[:9], b.take(Backlog, 9, 1<<20, -1)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	path := filepath.Join(dir, "samples", segmentName(3))
	data := read(t, path)
	data[20] ^= 1
	write(t, path, data)
	b.reopen()
	if diff := cmp.Diff(all[12:], b.drain(Backlog)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if lost := b.Stats().Lost; lost != 3 {
		t.Errorf("found %d lost, want 3", lost)
	}
}

// A segment that lost its end, or is not there any more, holds up nothing.
func TestMissing(t *testing.T) {
	tests := []struct {
		name string
		size int // of the second segment; negative: it is deleted
		want func(all []string) []string
	}{
		{"deleted", -1, func(all []string) []string { return slices.Delete(all, 6, 12) }},
		{"empty", 0, func(all []string) []string { return slices.Delete(all, 6, 12) }},
		{"cut off in its header", 20, func(all []string) []string { return slices.Delete(all, 6, 12) }},
		{"nothing but its header", headerSize, func(all []string) []string { return slices.Delete(all, 6, 12) }},
		{"cut off behind a record", headerSize + recordSize, func(all []string) []string { return slices.Delete(all, 8, 12) }},
		{"cut off in a record", headerSize + recordSize + 50, func(all []string) []string { return slices.Delete(all, 8, 12) }},
	}
	for _, tt := range tests {
		for _, running := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, while it runs: %v", tt.name, running), func(t *testing.T) {
				dir, all := threeSegments(t)
				b := openBench(t, dir, 1<<20)
				path := filepath.Join(dir, "samples", segmentName(3))
				damage := func() {
					var err error
					if tt.size < 0 {
						err = os.Remove(path)
					} else {
						err = os.Truncate(path, int64(tt.size))
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if running {
					damage()
				} else {
					if err := b.Close(); err != nil {
						t.Fatal(err)
					}
					damage()
					b.open()
				}
				if diff := cmp.Diff(tt.want(slices.Clone(all)), b.drain(Backlog)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				b.append(Sample, line(99, 60))
				b.reopen()
				if diff := cmp.Diff([]string{line(99, 60)}, b.drain(Backlog)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if found := b.files(segmentEnd); len(found) > 1 {
					t.Errorf("found %q, want the newest", found)
				}
				if done := b.samples.progress.done; len(done) != 1 {
					t.Errorf("found %v, want no gap", done)
				}
			})
		}
	}
}

// Nothing before the first segment waits: what is missing there is no gap that would be remembered for ever.
func TestMissingBeforeAllOthers(t *testing.T) {
	dir, all := threeSegments(t)
	b := openBench(t, dir, 1<<20)
	b.take(Backlog, 6, 1<<20, -1)
	b.kill()
	if err := os.Remove(filepath.Join(dir, "samples", segmentName(3))); err != nil {
		t.Fatal(err)
	}
	b.open()
	if diff := cmp.Diff(all[12:], b.drain(Backlog)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(spans{{0, 9}}, b.samples.progress.done, compare); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A segment that a kill cut off behind its header is not one to write into: its number is that of the next.
func TestNothingButAHeader(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, rows(0, 3, 60)...)
	b.kill()
	if err := os.Truncate(b.files(segmentEnd)[0], headerSize); err != nil {
		t.Fatal(err)
	}
	b.open()
	all := rows(3, 300, 1000) // longer than a segment
	b.append(Event, all...)
	if diff := cmp.Diff(all, b.drain(Events)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A loss of power may take lines that were delivered and leave the note of that: their numbers are not given again.
func TestALossOfPowerTakesWhatWasDelivered(t *testing.T) {
	b := newBench(t, 1<<20)
	for i := range 4 {
		b.append(Event, rows(2*i, 2, 60)...)
	}
	b.take(Events, 5, 1<<20, -1) // two writes and a half
	b.kill()
	if err := os.Truncate(b.files(segmentEnd)[0], headerSize+recordSize); err != nil {
		t.Fatal(err)
	}
	b.open()
	all := rows(8, 4, 60)
	b.append(Event, all[:2]...)
	b.append(Event, all[2:]...)
	b.kill()
	b.open()
	if diff := cmp.Diff(all, b.drain(Events)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if found := b.files(segmentEnd); len(found) != 1 {
		t.Errorf("found %q, want the newest", found)
	}
}

// The note of what is delivered is replaced, never written over: whatever instant a kill picks, one of the two is whole.
func TestTheNoteIsReplaced(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, rows(0, 4, 60)...)
	b.take(Events, 1, 1<<20, -1)
	path := filepath.Join(b.dir, "events", progressFile)
	if err := os.Link(path, path+".before"); err != nil {
		t.Fatal(err)
	}
	before := string(read(t, path))
	b.take(Events, 1, 1<<20, -1)
	if after := string(read(t, path)); after == before || string(read(t, path+".before")) != before {
		t.Errorf("found %q where %q was", after, before)
	}
}

// Without the note of what is delivered all that is there is sent again.
func TestDamagedNote(t *testing.T) {
	dir, all := threeSegments(t)
	b := openBench(t, dir, 1<<20)
	b.take(Backlog, 9, 1<<20, -1)
	path := filepath.Join(dir, "samples", progressFile)
	good := read(t, path)
	for at := range good {
		damaged := bytes.Clone(good)
		damaged[at] ^= 1 << (at % 8)
		copied := filepath.Join(filepath.Dir(dir), fmt.Sprint(at))
		copyDir(t, dir, copied)
		write(t, filepath.Join(copied, "samples", progressFile), damaged)
		again := openBench(t, copied, 1<<20)
		if diff := cmp.Diff(all[6:], again.drain(Backlog)); diff != "" {
			t.Fatalf("byte %d: (-want +got)\n%s", at, diff)
		}
		if !strings.Contains(again.log.String(), "what was delivered is not known") || !strings.Contains(again.log.String(), filepath.Join(copied, "samples", progressFile)) {
			t.Fatalf("byte %d: found in the log: %s", at, &again.log)
		}
		again.kill()
	}
}

// Several headers at once may be damaged, and a segment may be where it does not belong.
func TestHeadersThatDoNotFit(t *testing.T) {
	dir, all := threeSegments(t)
	path := func(number uint64) string { return filepath.Join(dir, "samples", segmentName(number)) }
	other := read(t, path(6))
	for _, number := range []uint64{0, 3} {
		data := read(t, path(number))
		data[20] ^= 1
		write(t, path(number), data)
	}
	write(t, path(9), other)
	b := openBench(t, dir, 1<<20)
	if diff := cmp.Diff(all[12:], b.drain(Backlog)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if lost := b.Stats().Lost; lost != 18 {
		t.Errorf("found %d lost, want 18", lost)
	}
	if want := `found="found samples from 6 on in its header, expected samples from 9 on"`; !strings.Contains(b.log.String(), want) {
		t.Errorf("found in the log: %s, want %s", &b.log, want)
	}
	if found := b.files(damagedEnd); len(found) != 3 {
		t.Errorf("found %q, want three", found)
	}
}

// Damage where nothing waits is no loss.
func TestDamageOfWhatIsDelivered(t *testing.T) {
	dir, all := threeSegments(t)
	path := filepath.Join(dir, "samples", segmentName(0))
	data := read(t, path)
	b := openBench(t, dir, 1<<20)
	b.take(Backlog, 6, 1<<20, -1)
	b.kill()
	data[20] ^= 1
	write(t, path, data)
	b.open()
	if diff := cmp.Diff(all[6:], b.drain(Backlog)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if stats := b.Stats(); stats != (Stats{}) || b.log.Len() > 0 {
		t.Errorf("found %+v and in the log: %s", stats, &b.log)
	}
}

// What another release wrote keeps its number, and what it needs for another look.
func TestAnotherReleaseAlone(t *testing.T) {
	b := newBench(t, 1<<20)
	b.kill()
	data := header{Sample, 7, start}.append(nil)
	data[8] = version + 1
	name := filepath.Join(b.dir, "samples", segmentName(7))
	write(t, name, data)
	b.open()
	b.append(Sample, line(0, 60))
	if diff := cmp.Diff([]string{filepath.Join(b.dir, "samples", segmentName(8))}, b.files(segmentEnd)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !bytes.Equal(read(t, name+unknownEnd), data) {
		t.Error("what was set aside was changed")
	}
	if !strings.Contains(b.log.String(), `found="found version 2, expected 1 to 1"`) {
		t.Errorf("found in the log: %s", &b.log)
	}
}

// What is not a segment is left alone.
func TestForeignFiles(t *testing.T) {
	dir, all := threeSegments(t)
	names := []string{"notes.txt", "3.seg", "0000000000000001.seg.bak", "000000000000000G.seg", "ffffffffffffffff.seg", ".seg"}
	for _, name := range names {
		write(t, filepath.Join(dir, "samples", name), []byte("mine\n"))
	}
	b := openBench(t, dir, 1<<20)
	if diff := cmp.Diff(all, b.drain(Backlog)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, name := range names {
		if got := string(read(t, filepath.Join(dir, "samples", name))); got != "mine\n" {
			t.Errorf("%s: found %q", name, got)
		}
	}
}
