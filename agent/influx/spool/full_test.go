package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/packaging/testenv"
)

// smallDisk is a folder on a disk of 1 MiB.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	testenv.Root(t)
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		testenv.LeftOut(t, "mount", "run the tests as a root who may mount")
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// occupy fills a disk but for so many bytes, and returns the file that does.
func occupy(t *testing.T, dir string, left int64) (ballast string) {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	ballast = filepath.Join(dir, "ballast")
	write(t, ballast, make([]byte, int64(fs.Bavail)*fs.Bsize-left))
	return ballast
}

// On a full disk Append fails and leaves nothing, whether in a segment that is there or in one that it would begin; what was there
// is delivered, and with room again all goes on.
func TestFullDisk(t *testing.T) {
	for _, begun := range []bool{true, false} {
		disk := smallDisk(t)
		b := openBench(t, filepath.Join(disk, "spool"), 8<<20)
		b.append(Event, rows(0, 3, 100)...)
		if !begun {
			b.events.rotate()
		}
		before := read(t, b.files(segmentEnd)[0])
		ballast := occupy(t, disk, 20_000)
		lines := strings.Join(rows(3, 200, 1000), "") // three records and more, of which one would fit
		for range 3 {
			if err := b.Append(Event, []byte(lines)); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("found %v, want ENOSPC", err)
			}
		}
		if found := b.files(segmentEnd); len(found) != 1 || string(read(t, found[0])) != string(before) {
			t.Errorf("found %q, want what was there before", found)
		}
		b.append(Event, rows(3, 2, 100)...) // which fits
		_ = os.Remove(ballast)
		b.append(Event, split(lines)...)
		if err := b.Sync(Event); err != nil {
			t.Fatal(err)
		}
		b.reopen()
		want := append(rows(0, 3, 100), append(rows(3, 2, 100), split(lines)...)...)
		if diff := cmp.Diff(want, b.drain(Events)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if stats := b.Stats(); stats != (Stats{}) {
			t.Errorf("found %+v", stats)
		}
	}
}

// What is delivered while nothing can be noted is delivered once in that life; Settle says that a crash would repeat it.
func TestFullDiskForTheNote(t *testing.T) {
	disk := smallDisk(t)
	b := openBench(t, filepath.Join(disk, "spool"), 8<<20)
	b.append(Event, rows(0, 6, 100)...)
	ballast := occupy(t, disk, 0)
	batch, err := b.Next(Events, 2, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Settle(batch, len(batch.Lines)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("found %v, want ENOSPC", err)
	}
	killed := filepath.Join(t.TempDir(), "spool")
	copyDir(t, b.dir, killed)
	if diff := cmp.Diff(rows(0, 6, 100), openBench(t, killed, 8<<20).drain(Events)); diff != "" {
		t.Errorf("after a kill: (-want +got)\n%s", diff)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows(2, 2, 100), b.take(Events, 2, 1<<20, -1)); diff != "" {
		t.Errorf("in the same life: (-want +got)\n%s", diff)
	}
	b.reopen()
	if diff := cmp.Diff(rows(4, 2, 100), b.drain(Events)); diff != "" {
		t.Errorf("in the next: (-want +got)\n%s", diff)
	}
}

// What is dropped on a full disk is noted all the same, in the room that it leaves.
func TestFullDiskWhileDropping(t *testing.T) {
	disk := smallDisk(t)
	b := openBench(t, filepath.Join(disk, "spool"), 1<<20)
	fill(b, Sample, 0, 3)
	occupy(t, disk, 0)
	b.now = b.now.Add(DefaultMaxAge + time.Hour)
	if got := b.take(Backlog, 1, 1, -1); got != nil || b.Stats().Lost != 30 {
		t.Errorf("found %q and %+v, want 30 lost", got, b.Stats())
	}
	killed := filepath.Join(t.TempDir(), "spool")
	copyDir(t, b.dir, killed)
	if got := openBench(t, killed, 1<<20).Stats(); got != (Stats{Lost: 30}) {
		t.Errorf("after a kill found %+v, want 30 lost", got)
	}
}

func TestFullDiskForWhatIsRefused(t *testing.T) {
	disk := smallDisk(t)
	b := openBench(t, filepath.Join(disk, "spool"), 8<<20)
	if err := b.Refuse("no", line(0, 100), start); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.dir, refusedDir, refusedFile)
	before := read(t, path)
	ballast := occupy(t, disk, 20_000)
	if err := b.Refuse("no", strings.Join(rows(1, 100, 1000), ""), start); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("found %v, want ENOSPC", err)
	}
	if diff := cmp.Diff(string(before), string(read(t, path))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := b.Refuse("no", line(1, 100), start); err != nil {
		t.Fatal(err)
	}
}
