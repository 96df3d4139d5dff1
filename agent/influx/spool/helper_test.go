package spool

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start is when tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bench is a spool in a folder of its own, with a clock that a test sets.
type bench struct {
	*Spool
	t    testing.TB
	dir  string
	opts Options
	now  time.Time
	log  bytes.Buffer
}

// folder is an empty one, in memory where there is such: most tests kill no power and wait for no disk.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "nezuban-spool-") //nolint:usetesting // TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newBench(t testing.TB, maxBytes int64) *bench {
	t.Helper()
	return openBench(t, filepath.Join(folder(t), "spool"), maxBytes)
}

// openBench opens a spool that is closed with the test.
func openBench(t testing.TB, dir string, maxBytes int64) *bench {
	t.Helper()
	b := &bench{t: t, dir: dir, now: start}
	b.opts = Options{MaxBytes: maxBytes, Log: slog.New(slog.NewTextHandler(&b.log, nil)), Now: func() time.Time { return b.now }}
	b.open()
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (b *bench) open() {
	b.t.Helper()
	var err error
	if b.Spool, err = Open(b.dir, b.opts); err != nil {
		b.t.Fatal(err)
	}
}

// reopen ends a life in order and begins another.
func (b *bench) reopen() {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// kill ends a life as a kill does: nothing is put on the disk that is not there.
func (b *bench) kill() {
	b.closed = true
	_ = b.release()
}

// append appends lines, and gives the newest segment the time that the test's clock shows.
func (b *bench) append(kind Kind, lines ...string) {
	b.t.Helper()
	if err := b.Append(kind, []byte(strings.Join(lines, ""))); err != nil {
		b.t.Fatal(err)
	}
	if l := b.lane(kind); len(l.segments) > 0 {
		if err := os.Chtimes(l.last().path, b.now, b.now); err != nil {
			b.t.Fatal(err)
		}
	}
}

// take reads a batch and settles the first n lines of it, all when n is negative.
func (b *bench) take(from Source, maxLines, maxBytes, n int) []string {
	b.t.Helper()
	batch, err := b.Next(from, maxLines, maxBytes)
	if err != nil {
		b.t.Fatal(err)
	}
	lines := split(batch.Lines)
	if n < 0 || n > len(lines) {
		n = len(lines)
	}
	if err := b.Settle(batch, len(strings.Join(lines[:n], ""))); err != nil {
		b.t.Fatal(err)
	}
	return lines
}

// drain takes all there is of a source, in batches.
func (b *bench) drain(from Source) (all []string) {
	b.t.Helper()
	for {
		lines := b.take(from, 50, 256<<10, -1)
		if len(lines) == 0 {
			return all
		}
		all = append(all, lines...)
	}
}

// drainSamples takes all samples, in the order in which they came.
func (b *bench) drainSamples() []string {
	b.t.Helper()
	live := b.drain(Live)
	return append(b.drain(Backlog), live...)
}

// files are the names in the spool that end so, sorted.
func (b *bench) files(ending string) (found []string) {
	b.t.Helper()
	err := filepath.WalkDir(b.dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ending) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// line is the n-th line of a test, of so many bytes at least.
func line(n, size int) string {
	text := fmt.Sprintf("m,host=a v=%di,pad=\"", n)
	return text + strings.Repeat("x", max(0, size-len(text)-12)) + fmt.Sprintf("\" %09d\n", n)
}

// rows are lines from the n-th on.
func rows(n, count, size int) (lines []string) {
	for i := range count {
		lines = append(lines, line(n+i, size))
	}
	return lines
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.SplitAfter(text, "\n")
	return lines[:len(lines)-1] // behind the last newline is nothing
}

// copyDir copies a folder as a kill would leave it.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// openFiles are the files below a folder that this process has open.
func openFiles(t testing.TB, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && strings.HasPrefix(to, dir+"/") {
			found = append(found, to)
		}
	}
	return found
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
