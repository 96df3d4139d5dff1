package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fill appends so many writes of ten lines of 100 bytes, and returns all the lines.
func fill(b *bench, kind Kind, from, writes int) (all []string) {
	for i := range writes {
		lines := rows(from+i*10, 10, 100)
		b.append(kind, lines...)
		all = append(all, lines...)
	}
	return all
}

func segmentBytes(b *bench) (size int64) {
	for _, path := range b.files(segmentEnd) {
		info, err := os.Stat(path)
		if err != nil {
			b.t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

func TestTheOldestSamplesGoFirst(t *testing.T) {
	b := newBench(t, 40_000)
	events := fill(b, Event, 0, 5)
	samples := fill(b, Sample, 1000, 100)
	if size := segmentBytes(b); size > 40_000 {
		t.Errorf("found %d bytes, want 40000 at most", size)
	}
	lost := b.Stats().Lost
	if lost == 0 || lost%10 != 0 {
		t.Errorf("found %d lost", lost)
	}
	if strings.Count(b.log.String(), "the oldest lines of the spool were dropped") != 1 {
		t.Errorf("found in the log: %s, want that once a minute", &b.log)
	}
	b.reopen()
	if got := b.Stats().Lost; got != lost {
		t.Errorf("in another life found %d lost, want %d", got, lost)
	}
	if diff := cmp.Diff(events, b.drain(Events)); diff != "" {
		t.Errorf("events: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(samples[lost:], b.drain(Backlog)); diff != "" {
		t.Errorf("samples: (-want +got)\n%s", diff)
	}
}

// The newest samples stay while events can make room; a write of samples that needs the events' room does not get it.
func TestEventsGoWhenThereIsNothingElse(t *testing.T) {
	b := newBench(t, 40_000)
	samples := fill(b, Sample, 0, 2)
	events := fill(b, Event, 1000, 100)
	lost := b.Stats().Lost
	if diff := cmp.Diff(samples, b.drainSamples()); diff != "" {
		t.Errorf("samples: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(events[lost:], b.drain(Events)); diff != "" {
		t.Errorf("events: (-want +got)\n%s", diff)
	}

	b = newBench(t, 40_000)
	events = fill(b, Event, 0, 3)
	b.append(Sample, rows(0, 39, 1000)...)
	if lost := b.Stats().Lost; lost != 39 {
		t.Errorf("found %d lost, want the 39 samples", lost)
	}
	if diff := cmp.Diff(events, b.drain(Events)); diff != "" {
		t.Errorf("events: (-want +got)\n%s", diff)
	}
}

// What is being delivered is not dropped, and no event goes in its stead; once it is settled the bound holds again, and what was
// delivered is not counted as lost.
func TestABatchIsNotDroppedWhileItIsDelivered(t *testing.T) {
	b := newBench(t, 40_000)
	events := fill(b, Event, 0, 12) // three segments
	samples := fill(b, Sample, 1000, 20)
	if lost := b.Stats().Lost; lost != 0 {
		t.Fatalf("found %d lost", lost)
	}
	batch, err := b.Next(Live, 1000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	more := fill(b, Sample, 2000, 30)
	if lost := b.Stats().Lost; lost != 0 {
		t.Errorf("found %d lost during the delivery", lost)
	}
	if err := b.Settle(batch, len(batch.Lines)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(samples, split(batch.Lines)); diff != "" {
		t.Errorf("delivered: (-want +got)\n%s", diff)
	}
	if size := segmentBytes(b); size > 40_000 {
		t.Errorf("found %d bytes after the delivery, want 40000 at most", size)
	}
	lost := b.Stats().Lost
	if diff := cmp.Diff(more[lost:], b.drainSamples()); diff != "" {
		t.Errorf("what came meanwhile: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(events, b.drain(Events)); diff != "" {
		t.Errorf("events: (-want +got)\n%s", diff)
	}
}

// Of a segment that is dropped only what waited is lost.
func TestWhatIsDeliveredIsNotLost(t *testing.T) {
	b := newBench(t, 1<<20)
	b.opts.MaxAge = time.Hour
	b.reopen()
	b.append(Sample, rows(0, 10, 100)...)
	b.append(Sample, rows(10, 10, 100)...)
	b.take(Live, 10, 1<<20, 4) // only the newest write is live
	b.take(Backlog, 10, 1<<20, 3)
	b.now = b.now.Add(2 * time.Hour)
	if got := b.take(Live, 100, 1<<20, -1); got != nil {
		t.Errorf("found %q, which is too old", got)
	}
	if lost := b.Stats().Lost; lost != 13 {
		t.Errorf("found %d lost, want 6 of the one write and 7 of the other", lost)
	}
	if found := b.files(segmentEnd); len(found) != 0 {
		t.Errorf("found %q", found)
	}
}

func TestAge(t *testing.T) {
	b := newBench(t, 1<<20)
	b.opts.MaxAge = 8 * time.Hour
	b.reopen()
	var all []string
	for i := range 100 { // one write each quarter of an hour
		all = append(all, line(i, 50))
		b.append(Sample, line(i, 50))
		b.now = b.now.Add(15 * time.Minute)
	}
	// Eight hours are 32 writes, and a segment takes an hour's, and one more.
	check := func() {
		t.Helper()
		lost := b.Stats().Lost
		if lost < 100-32-5 || lost > 100-32 {
			t.Errorf("found %d lost of 100, want 63 to 68", lost)
		}
		if oldest := b.Stats().Oldest; !oldest.Equal(start.Add(time.Duration(lost) * 15 * time.Minute)) {
			t.Errorf("found %v as the oldest of which %d are lost", oldest, lost)
		}
	}
	check()
	b.reopen()
	check()
	// A long rest between two segments makes the first not younger: its file tells when it was last written.
	b.now = b.now.Add(7 * time.Hour)
	b.append(Sample, line(100, 50))
	b.reopen()
	b.now = b.now.Add(90 * time.Minute)
	if diff := cmp.Diff([]string{line(100, 50)}, b.drain(Backlog)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if lost := b.Stats().Lost; lost != uint64(len(all)) {
		t.Errorf("found %d lost, want %d", lost, len(all))
	}
}

// A kill between the note of what is dropped and the deletion counts it once, and brings nothing back.
func TestAKillWhileDroppingCountsOnce(t *testing.T) {
	for _, kind := range []Kind{Event, Sample} {
		b := newBench(t, 40_000)
		all := fill(b, kind, 0, 30)
		before := folder(t)
		copyDir(t, b.dir, before)
		for b.Stats().Lost == 0 {
			all = append(all, fill(b, kind, len(all), 1)...)
		}
		lost := b.Stats().Lost
		first := filepath.Join(kind.String(), segmentName(0))
		write(t, filepath.Join(b.dir, first), read(t, filepath.Join(before, first)))

		killed := folder(t)
		copyDir(t, b.dir, killed)
		after := openBench(t, killed, 40_000)
		if got := after.Stats().Lost; got != lost {
			t.Errorf("%s: found %d lost, want %d", kind, got, lost)
		}
		if _, err := os.Stat(filepath.Join(killed, first)); err == nil {
			t.Errorf("%s: the segment is still there", kind)
		}
		from := Backlog
		if kind == Event {
			from = Events
		}
		if diff := cmp.Diff(all[lost:], after.drain(from)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", kind, diff)
		}
	}
}

// What was set aside is the first to make room.
func TestWhatIsSetAsideGoesFirst(t *testing.T) {
	b := newBench(t, 40_000)
	fill(b, Sample, 0, 10)
	path := b.files(segmentEnd)[0]
	data := bytes.Clone(read(t, path))
	data[headerSize+recordHead] ^= 1
	write(t, path, data)
	fill(b, Sample, 1000, 5)
	b.reopen()
	b.drain(Backlog)
	lost := b.Stats().Lost
	if found := b.files(damagedEnd); len(found) != 1 || lost == 0 {
		t.Fatalf("found %q and %d lost, want a segment that was set aside", found, lost)
	}
	for range 40 {
		if len(b.files(damagedEnd)) == 0 {
			break
		}
		fill(b, Sample, 2000, 1)
	}
	if got := b.Stats().Lost; got != lost {
		t.Errorf("found %d lost, want %d as before", got, lost)
	}
	if !strings.Contains(b.log.String(), "what had been set aside was deleted") {
		t.Errorf("found in the log: %s", &b.log)
	}
}

func TestWhatIsSetAsideIsKeptAsLongAsTheRest(t *testing.T) {
	b := newBench(t, 1<<20)
	path := filepath.Join(b.dir, "samples", segmentName(7)+unknownEnd)
	write(t, path, []byte("?"))
	if err := os.Chtimes(path, start, start); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	for _, tt := range []struct {
		age  time.Duration
		want int
	}{{DefaultMaxAge, 1}, {DefaultMaxAge + time.Second, 0}} {
		b.now = start.Add(tt.age)
		b.take(Events, 1, 1, -1)
		if found := b.files(unknownEnd); len(found) != tt.want {
			t.Errorf("after %v found %q, want %d", tt.age, found, tt.want)
		}
	}
}

// A batch may grow too old while it is delivered: what of it is settled is not lost.
func TestABatchIsNotTooOldWhileItIsDelivered(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, rows(0, 5, 100)...)
	batch, err := b.Next(Events, 3, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(DefaultMaxAge + time.Hour)
	b.append(Sample, line(0, 100))
	if err := b.Settle(batch, len(batch.Lines)); err != nil {
		t.Fatal(err)
	}
	if lost := b.Stats().Lost; lost != 2 {
		t.Errorf("found %d lost, want the 2 that were not in the batch", lost)
	}
}

// A segment whose file was touched is no younger than the one behind it.
func TestTouched(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, line(0, 100))
	b.now = b.now.Add(24 * time.Hour)
	b.append(Event, line(1, 100))
	path := b.files(segmentEnd)[0]
	if err := os.Chtimes(path, b.now.Add(99*time.Hour), b.now.Add(99*time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	b.now = b.now.Add(DefaultMaxAge + time.Second)
	b.take(Live, 1, 1, -1)
	if lost := b.Stats().Lost; lost != 2 {
		t.Errorf("found %d lost, want both", lost)
	}
}

func TestLimited(t *testing.T) {
	var m limited
	for _, tt := range []struct {
		after time.Duration
		n     uint64
		want  uint64
	}{{0, 1, 1}, {time.Second, 2, 0}, {30 * time.Second, 3, 0}, {time.Minute, 4, 9}, {90 * time.Second, 5, 0}, {2 * time.Minute, 6, 11}} {
		if got, say := m.note(tt.n, start.Add(tt.after)); got != tt.want || say != (tt.want > 0) {
			t.Errorf("after %v: found %d, %v, want %d", tt.after, got, say, tt.want)
		}
	}
}
