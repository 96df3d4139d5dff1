package cgroup

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// kills runs a watch until the test ends.
func kills(t *testing.T) *Kills {
	t.Helper()
	k, err := NewKills()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run does not end")
		}
		if err := k.Watch("late", Place{Dirs: map[string]Dir{memory: {Path: t.TempDir(), V2: true}}}, nil); err != nil {
			t.Errorf("a watch after the end: %v", err)
		}
	})
	return k
}

// write is what the kernel does when it counts.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, told <-chan uint64, want uint64) {
	t.Helper()
	for end := time.After(10 * time.Second); ; {
		select {
		case got := <-told:
			if got == want {
				return
			}
			if got > want {
				t.Fatalf("%d kills were told, expected %d", got, want)
			}
		case <-end:
			t.Fatalf("%d kills were not told", want)
		}
	}
}

// A kill is told when it is counted, and a limit that was hit is none.
func TestKillsAreToldAsTheyHappen(t *testing.T) {
	h, dir := recorded(t, "v2-systemd-limit-hit.txtar")
	place, err := h.Of(pid, false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(place.Dirs[memory].Path, "memory.events")
	k := kills(t)
	told, again := make(chan uint64, 100), make(chan uint64, 100)
	if err := k.Watch("a", place, func(n uint64) { told <- n }); err != nil {
		t.Fatal(err)
	}
	write(t, path, "max 8\noom_kill 0\n")
	write(t, path, "max 9\noom 1\noom_kill 1\n")
	await(t, told, 1)
	write(t, path, "max 9\noom 2\noom_kill 2\n")
	await(t, told, 2)

	if err := k.Watch("a", place, func(n uint64) { again <- n }); err != nil { // the next life of a container
		t.Fatal(err)
	}
	write(t, path, "oom_kill 3\n")
	await(t, again, 3)
	k.Forget("a")
	k.Forget("a") // once more changes nothing
	write(t, path, "oom_kill 4\n")
	if err := k.Watch("a", place, func(n uint64) { again <- n }); err != nil {
		t.Fatal(err)
	}
	write(t, path, "oom_kill 5\n")
	await(t, again, 5)
	for len(told) > 0 {
		if n := <-told; n > 2 { // 2 may be told twice: a file is emptied, then written
			t.Errorf("%d was told to a life that has ended", n)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "sys")); err != nil {
		t.Fatal(err)
	}
	if err := k.Watch("b", place, nil); err != nil {
		t.Errorf("a cgroup that has ended: %v", err)
	}
}

// Of v1 nothing is told, and nothing asked.
func TestKillsOfV1AreNotWatched(t *testing.T) {
	h, _ := recorded(t, "v1-limits.txtar")
	place, err := h.Of(pid, false)
	if err != nil {
		t.Fatal(err)
	}
	k := kills(t)
	if err := k.Watch("a", place, nil); err != nil || len(k.watches) > 0 {
		t.Errorf("found %v, %v", k.watches, err)
	}
}
