package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The whole folder is deleted while the spool is in use: that is said once for each kind, and all goes on in a new folder, which is
// nobody else's.
func TestTheFolderIsDeleted(t *testing.T) {
	b := newBench(t, 64<<10)
	for i := range 6 { // segments of 8 KiB
		b.append(Event, rows(10*i, 10, 500)...)
		b.append(Sample, rows(10*i, 10, 500)...)
	}
	var size int64
	for _, path := range b.files(segmentEnd) {
		if strings.Contains(path, "events") {
			size += int64(len(read(t, path)))
		}
	}
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	for _, from := range []Source{Events, Live, Backlog} {
		if got := b.drain(from); got != nil {
			t.Errorf("found %q", got)
		}
	}
	said := b.log.String()
	if n := strings.Count(said, "level=ERROR"); n != 2 || strings.Contains(said, "lines_lost") || strings.Contains(said, "set_aside") {
		t.Errorf("found %d errors:\n%s", n, said)
	}
	if want := fmt.Sprintf("folder=%s files=6 bytes=%d", filepath.Join(b.dir, "events"), size); strings.Count(said, want) != 1 {
		t.Errorf("expected %q:\n%s", want, said)
	}
	if n := strings.Count(said, "made again"); n != 1 {
		t.Errorf("expected once that the folder is made again:\n%s", said)
	}
	if stats := b.Stats(); stats != (Stats{}) {
		t.Errorf("found %+v", stats)
	}
	all := rows(100, 40, 500)
	b.append(Event, all...)
	b.append(Sample, all...)
	if _, err := Open(b.dir, b.opts); !errors.Is(err, ErrInUse) {
		t.Errorf("found %v, want that the new folder is in use", err)
	}
	b.reopen()
	if diff := cmp.Diff(all, b.drain(Events)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(all, b.drainSamples()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if found := openFiles(t, b.dir); len(found) > 3 {
		t.Errorf("found open: %q", found)
	}
}

// With nothing that waits, the folder is made again for what comes, and for the note of what is delivered.
func TestAnEmptyFolderIsDeleted(t *testing.T) {
	for _, settling := range []bool{true, false} {
		b := newBench(t, 1<<20)
		b.append(Event, line(0, 100))
		batch, err := b.Next(Events, 10, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if settling {
			_ = os.RemoveAll(b.dir)
		}
		if err := b.Settle(batch, len(batch.Lines)); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(b.dir)
		b.now = b.now.Add(DefaultMaxAge / 2) // the next write begins a segment
		b.append(Event, line(1, 100))
		if diff := cmp.Diff([]string{line(1, 100)}, b.drain(Events)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if strings.Contains(b.log.String(), "level=ERROR") {
			t.Errorf("expected no error:\n%s", b.log.String())
		}
	}
}

// A folder that another process has taken meanwhile stays its own.
func TestTheFolderIsAnothers(t *testing.T) {
	b := newBench(t, 1<<20)
	b.append(Event, line(0, 100))
	_ = os.RemoveAll(b.dir)
	other := openBench(t, b.dir, 1<<20)
	if err := os.Remove(filepath.Join(b.dir, "events")); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(DefaultMaxAge / 2)
	if err := b.Append(Event, []byte(line(1, 100))); !errors.Is(err, ErrInUse) {
		t.Errorf("found %v, want that %s is in use", err, other.dir)
	}
}
