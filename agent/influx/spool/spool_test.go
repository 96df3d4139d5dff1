package spool

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEventsLeaveInOrder(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, rows(0, 3, 50)...)
	b.append(Event, rows(3, 2, 50)...)
	if got := b.take(Live, 100, 1<<20, -1); got != nil {
		t.Errorf("found %q among the samples", got)
	}
	if diff := cmp.Diff(rows(0, 4, 50), b.take(Events, 4, 1<<20, 0)); diff != "" {
		t.Errorf("a batch that nobody took: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(rows(0, 4, 50), b.take(Events, 4, 1<<20, 2)); diff != "" {
		t.Errorf("and again: (-want +got)\n%s", diff)
	}
	b.append(Event, rows(5, 1, 50)...)
	if diff := cmp.Diff(rows(2, 4, 50), b.drain(Events)); diff != "" {
		t.Errorf("behind what is settled: (-want +got)\n%s", diff)
	}
	if stats := b.Stats(); stats != (Stats{}) {
		t.Errorf("found %+v, want nothing", stats)
	}
}

// What has just come is live. When more comes than fits into a batch only the newest write stays so; the rest is the backlog's.
func TestLiveOvertakesBacklog(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Sample, rows(0, 2, 50)...)
	b.append(Sample, rows(2, 2, 50)...)
	if diff := cmp.Diff(rows(0, 4, 50), b.take(Live, 5, 1<<20, 0)); diff != "" {
		t.Errorf("all fits: (-want +got)\n%s", diff)
	}
	if got := b.take(Backlog, 5, 1<<20, -1); got != nil {
		t.Errorf("found %q in the backlog, which is live", got)
	}
	b.append(Sample, rows(4, 3, 50)...)
	if diff := cmp.Diff(rows(4, 3, 50), b.take(Live, 5, 1<<20, -1)); diff != "" {
		t.Errorf("too many: (-want +got)\n%s", diff)
	}
	b.append(Sample, rows(7, 2, 50)...)
	if diff := cmp.Diff(rows(0, 3, 50), b.take(Backlog, 3, 1<<20, -1)); diff != "" {
		t.Errorf("backlog: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(rows(7, 2, 50), b.drain(Live)); diff != "" {
		t.Errorf("live: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(rows(3, 1, 50), b.drain(Backlog)); diff != "" {
		t.Errorf("the rest: (-want +got)\n%s", diff)
	}
	b.append(Sample, rows(9, 9, 50)...)
	if diff := cmp.Diff(rows(9, 5, 50), b.take(Live, 5, 1<<20, -1)); diff != "" {
		t.Errorf("a write that is more than a batch: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(rows(14, 4, 50), b.drain(Live)); diff != "" {
		t.Errorf("its rest: (-want +got)\n%s", diff)
	}
}

// What is delivered is not live any more: all that came since then fits into a batch.
func TestLiveIsWhatCameSinceTheLastDelivery(t *testing.T) {
	b := newBench(t, 1<<20)
	for i := range 10 {
		b.append(Sample, rows(4*i, 2, 50)...)
		b.append(Sample, rows(4*i+2, 2, 50)...)
		if diff := cmp.Diff(rows(4*i, 4, 50), b.take(Live, 5, 1000, -1)); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

func TestWhatAnEarlierLifeLeftIsBacklog(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Sample, rows(0, 5, 50)...)
	b.append(Event, rows(0, 1, 50)...)
	b.take(Live, 2, 1<<20, -1)
	b.reopen()
	b.append(Sample, rows(5, 1, 50)...)
	for _, tt := range []struct {
		from Source
		want []string
	}{{Live, rows(5, 1, 50)}, {Backlog, rows(2, 3, 50)}, {Events, rows(0, 1, 50)}} {
		if diff := cmp.Diff(tt.want, b.drain(tt.from)); diff != "" {
			t.Errorf("source %d: (-want +got)\n%s", tt.from, diff)
		}
	}
}

// Many gaps between what overtook would make the file of what is delivered long: the backlog must fill some first.
func TestGapsAreBounded(t *testing.T) {
	b := newBench(t, 1<<20)
	appended, taken := 0, 0
	for range 2 * maxSpans {
		b.append(Sample, rows(appended, 1, 30)...)
		b.append(Sample, rows(appended+1, 1, 30)...)
		appended += 2
		taken += len(b.take(Live, 1, 1<<20, -1))
	}
	if taken != maxSpans {
		t.Errorf("found %d that overtook, want %d", taken, maxSpans)
	}
	if size := len(read(t, filepath.Join(b.dir, "samples", progressFile))); size > maxProgressBytes/4 {
		t.Errorf("found %d bytes of what is delivered", size)
	}
	b.reopen()
	if left := len(b.drain(Backlog)); left != appended-taken {
		t.Errorf("found %d left, want %d", left, appended-taken)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, rows(0, 10, 100)...)
	for _, tt := range []struct{ maxLines, maxBytes, want int }{{3, 1 << 20, 3}, {10, 250, 2}, {10, 1, 1}, {0, 0, 1}, {100, 1 << 20, 10}} {
		if got := b.take(Events, tt.maxLines, tt.maxBytes, 0); len(got) != tt.want {
			t.Errorf("of at most %d lines and %d bytes found %d lines, want %d", tt.maxLines, tt.maxBytes, len(got), tt.want)
		}
	}
}

func TestMisuse(t *testing.T) {
	b := newBench(t, 1<<20)
	if err := b.Append(Event, []byte("half a line")); err == nil || err.Error() != `append to spool: found 'e' at the end, expected a newline` {
		t.Errorf("half a line: found %v", err)
	}
	if err := b.Append(Event, nil); err != nil {
		t.Errorf("nothing: found %v", err)
	}
	b.append(Event, rows(0, 2, 50)...)
	batch, err := b.Next(Events, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Next(Live, 1, 100); !errors.Is(err, errUnsettled) {
		t.Errorf("two batches at once: found %v", err)
	}
	if err := b.Settle(batch, 7); err == nil || err.Error() != "note what is delivered: found 7 of 50 bytes, expected whole lines" {
		t.Errorf("half a line settled: found %v", err)
	}
	again, err := b.Next(Events, 1, 100)
	if err != nil || again.Lines != batch.Lines {
		t.Errorf("found %q, %v, want it again", again.Lines, err)
	}
	if err := b.Settle(batch, len(batch.Lines)); err != nil {
		t.Errorf("a batch of before: found %v", err)
	}
	if err := b.Settle(again, 0); err != nil {
		t.Fatal(err)
	}
	if got := b.drain(Events); len(got) != 2 {
		t.Errorf("found %q, want what no batch that was handed out has settled", got)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Append(Event, []byte(line(0, 9))); !errors.Is(err, errClosed) {
		t.Errorf("found %v", err)
	}
	if _, err := b.Next(Events, 1, 100); !errors.Is(err, errClosed) {
		t.Errorf("found %v", err)
	}
	if err := errors.Join(b.Sync(Event), b.Settle(again, len(again.Lines)), b.Close()); err != nil {
		t.Errorf("found %v", err)
	}
}

// A line or a write that can never be kept is refused at once, and leaves nothing.
func TestTooLong(t *testing.T) {
	b := newBench(t, 64<<20)
	b.append(Event, line(0, 50))
	before := read(t, b.files(segmentEnd)[0])
	long := []byte(strings.Repeat("x", maxLine) + "\n")
	err := b.Append(Event, append([]byte(line(1, 50)), long...))
	if want := "append to spool: found a line of 16777217 bytes, expected at most 16777216"; err == nil || err.Error() != want {
		t.Errorf("found %v, want %q", err, want)
	}
	if found := b.files(segmentEnd); len(found) != 1 || string(read(t, found[0])) != string(before) {
		t.Errorf("found %q, want what was there before", found)
	}
	longest := string(long[1:])
	b.append(Event, longest)
	b.append(Event, line(2, 50))
	b.reopen()
	if diff := cmp.Diff([]string{line(0, 50), longest, line(2, 50)}, b.drain(Events)); diff != "" {
		t.Error("the longest line did not come back between the others")
	}

	small := newBench(t, 20_000)
	small.append(Event, line(0, 50))
	err = small.Append(Event, []byte(strings.Join(rows(1, 30, 1000), "")))
	if want := "append to spool: found 30056 bytes in one write, expected at most the 20000 of the whole spool"; err == nil || err.Error() != want {
		t.Errorf("found %v, want %q", err, want)
	}
	if diff := cmp.Diff([]string{line(0, 50)}, small.drain(Events)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStats(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Sample, rows(0, 4, 100)...)
	b.now = b.now.Add(time.Minute)
	b.append(Event, rows(4, 1, 100)...)
	b.now = b.now.Add(time.Minute)
	b.append(Sample, rows(5, 1, 100)...)
	if diff := cmp.Diff(Stats{Bytes: 600 + 3*recordHead, Oldest: start}, b.Stats()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.take(Live, 5, 1<<20, 4)
	if diff := cmp.Diff(Stats{Bytes: 200 + 2*recordHead, Oldest: start.Add(time.Minute)}, b.Stats()); diff != "" {
		t.Errorf("the oldest record is delivered: (-want +got)\n%s", diff)
	}
	b.reopen()
	if diff := cmp.Diff(Stats{Bytes: 200 + 2*recordHead, Oldest: start.Add(time.Minute)}, b.Stats()); diff != "" {
		t.Errorf("in another life: (-want +got)\n%s", diff)
	}
	if b.drain(Events); !b.Stats().Oldest.Equal(start.Add(2 * time.Minute)) {
		t.Errorf("found %v", b.Stats())
	}
}

// Segments of which nothing waits go, and what is open is one file a lane, however many there were.
func TestDeliveredSegmentsGo(t *testing.T) {
	b := newBench(t, 100_000)
	for i := range 200 {
		b.append(Event, rows(i*10, 10, 1000)...)
		if found := openFiles(t, b.dir); len(found) != 2 {
			t.Fatalf("found open: %q, want the lock and the newest segment", found)
		}
		b.drain(Events)
		if found := b.files(segmentEnd); len(found) > 1 {
			t.Fatalf("found %q, want the newest", found)
		}
	}
	if lost := b.Stats().Lost; lost != 0 {
		t.Errorf("found %d lost", lost)
	}
}

func TestNothingStaysOpen(t *testing.T) {
	b := newBench(t, 100_000)
	for i := range 30 {
		b.append(Kind(1+i%2), rows(i, 5, 1000)...)
	}
	b.append(Sample, rows(50, 1, 60_000)...)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if found := openFiles(t, b.dir); len(found) != 0 {
		t.Errorf("after Close found open: %q", found)
	}

	// A lane that cannot be opened closes the other, and the lock.
	if err := os.RemoveAll(filepath.Join(b.dir, "samples")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.dir, "samples"), nil)
	if _, err := Open(b.dir, b.opts); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("found %v, want ENOTDIR", err)
	}
	if found := openFiles(t, b.dir); len(found) != 0 {
		t.Errorf("after a failed Open found open: %q", found)
	}
}

func TestNumbersAreNotGivenTwice(t *testing.T) {
	b := newBench(t, 1<<20)
	for i := range uint64(5) {
		if b.events.next != i {
			t.Fatalf("found %d as the next number, want %d", b.events.next, i)
		}
		b.append(Event, rows(0, 2, 50)...)
		b.drain(Events)
		if i == 2 { // nothing is left but the note of what is delivered
			b.now = b.now.Add(DefaultMaxAge + time.Hour)
			b.take(Events, 1, 1, -1)
			if found := b.files(segmentEnd); len(found) != 0 {
				t.Fatalf("found %q", found)
			}
		}
		b.reopen()
	}
}

// unreadable makes a file one that cannot be opened, not even by root: a link to itself. What is returned makes it good again.
func unreadable(t *testing.T, path string) (mend func()) {
	t.Helper()
	err := os.Rename(path, path+".kept")
	if err == nil {
		err = os.Symlink(path, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(path+".kept", path); err != nil {
			t.Fatal(err)
		}
	}
}

// Sync waits for each file that was written to, and a sync that fails fails for all who waited for it, but for none who come later.
func TestSync(t *testing.T) {
	b := newBench(t, 1<<20)
	for _, step := range []string{"a new segment", "one that is there", "one that is full"} {
		b.append(Event, rows(0, 2, 50)...)
		early, failures := b.events.next, b.events.failures
		path := b.events.last().path
		if step == "one that is full" {
			b.events.rotate()
			b.append(Event, rows(0, 2, 50)...)
		}
		mend := unreadable(t, path)
		if err := b.Sync(Event); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("%s: found %v, want ELOOP", step, err)
		}
		if err := b.events.syncTo(early, failures); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("%s: who waited for the same disk: found %v, want ELOOP", step, err)
		}
		if err := b.Sync(Event); err != nil {
			t.Errorf("%s: with nothing new: found %v", step, err)
		}
		mend()
		b.append(Event, rows(0, 2, 50)...)
		if err := b.Sync(Event); err != nil {
			t.Errorf("%s: what comes after: found %v", step, err)
		}
	}
	if n := len(b.drain(Events)); n != 14 {
		t.Errorf("found %d lines, want 14", n)
	}
	if err := b.Sync(Event); err != nil {
		t.Error(err)
	}
}

func TestConcurrentUse(t *testing.T) {
	b := newBench(t, 64<<20)
	const writers, writes = 4, 100
	var running sync.WaitGroup
	var left atomic.Int32
	left.Store(2 * writers)
	for w := range writers {
		for _, kind := range []Kind{Event, Sample} {
			running.Go(func() {
				defer left.Add(-1)
				for i := range writes {
					if err := b.Append(kind, []byte(line(w*writes+i, 2000))); err != nil {
						t.Error(err)
					}
					if err := b.Sync(kind); err != nil {
						t.Error(err)
					}
					b.Stats()
				}
			})
		}
	}
	var got []string
	for last := false; ; {
		done := left.Load() == 0
		before := len(got)
		for _, from := range []Source{Events, Live, Backlog} {
			got = append(got, b.take(from, 30, 1<<20, -1)...)
		}
		if last && len(got) == before {
			break
		}
		last = done
	}
	running.Wait()
	slices.Sort(got)
	var want []string
	for i := range writers * writes {
		want = append(want, line(i, 2000), line(i, 2000))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %d lines, want each of %d twice", len(got), len(want)/2)
	}
}

// What has just been written is read into room of its size: text that grows piece by piece takes several times as much.
func TestALiveBatchTakesRoomOnce(t *testing.T) {
	b := newBench(t, 64<<20)
	lines := strings.Join(rows(0, 3000, 300), "")
	took := func(n int) (bytes uint64) {
		b.append(Sample, lines)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		batch, err := b.Next(Live, 5000, 4<<20)
		runtime.ReadMemStats(&after)
		if err != nil || batch.Lines != lines {
			t.Fatalf("write %d: found %d bytes, %v, want %d", n, len(batch.Lines), err, len(lines))
		}
		if err := b.Settle(batch, len(lines)); err != nil {
			t.Fatal(err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	took(1) // the spool's own room grows too
	if found, most := took(2), uint64(len(lines))*5/4; found > most {
		t.Errorf("a batch of %d bytes took %d, want %d at most", len(lines), found, most)
	}
}
