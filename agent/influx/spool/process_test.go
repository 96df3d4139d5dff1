package spool

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// otherEnv holds the folder of TestOther.
const otherEnv = "NEZUBAN_SPOOL_OTHER"

// TestOther is another process, in which it writes one line after the other and says so, until it is killed.
func TestOther(t *testing.T) {
	dir := os.Getenv(otherEnv)
	if dir == "" {
		return
	}
	b := openBench(t, dir, 1<<30)
	for i := 0; ; i++ {
		b.append(Event, line(i, 3000))
		if _, err := fmt.Println(i); err != nil {
			return
		}
	}
}

// TestKilledProcess kills a process that writes: what it said to have written is there, and its folder is free again.
func TestKilledProcess(t *testing.T) {
	dir := filepath.Join(folder(t), "spool")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOther$")
	other.Env = append(os.Environ(), otherEnv+"="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	last := 0
	for last < 500 && said.Scan() {
		if last, err = strconv.Atoi(said.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, Options{Now: func() time.Time { return start }}); !errors.Is(err, ErrInUse) {
		t.Errorf("found %v, want ErrInUse", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for said.Scan() {
		if n, err := strconv.Atoi(said.Text()); err == nil {
			last = max(last, n)
		}
	}
	if err := other.Wait(); err == nil {
		t.Errorf("found %v, want that it was killed", err)
	}
	b := openBench(t, dir, 1<<30)
	got := b.drain(Events)
	if n := len(got); n < last+1 || n > last+2 {
		t.Errorf("found %d lines, want %d or one more", n, last+1)
	}
	if diff := cmp.Diff(rows(0, len(got), 3000), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
