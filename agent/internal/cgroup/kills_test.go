package cgroup

import (
	"context"
	"fmt"
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

// count does to memory.events what the kernel does when it counts: the file changes once, and keeps its length.
func count(t *testing.T, path string, hits, kills int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text := fmt.Appendf(nil, "low 0\nhigh 0\nmax %d\noom %d\noom_kill %d\noom_group_kill 0\n", hits, kills, kills)
	if _, err := file.WriteAt(text, 0); err != nil {
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
	told, again, other := make(chan uint64, 100), make(chan uint64, 100), make(chan uint64, 100)
	if err := k.Watch("a", place, func(n uint64) { told <- n }); err != nil {
		t.Fatal(err)
	}
	count(t, path, 8, 0)
	count(t, path, 9, 1)
	await(t, told, 1)
	count(t, path, 9, 2)
	await(t, told, 2)

	if err := k.Watch("a", place, func(n uint64) { again <- n }); err != nil { // the next life of a container
		t.Fatal(err)
	}
	count(t, path, 9, 3)
	await(t, again, 3)
	k.Forget("a")
	k.Forget("a") // once more changes nothing
	count(t, path, 9, 4)
	b := Place{Dirs: map[string]Dir{memory: {Path: t.TempDir(), V2: true}}}
	pathB := filepath.Join(b.Dirs[memory].Path, "memory.events")
	if err := os.WriteFile(pathB, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Watch("b", b, func(n uint64) { other <- n }); err != nil {
		t.Fatal(err)
	}
	count(t, pathB, 4, 4)
	await(t, other, 4) // the kernel announces in order
	if err := k.Watch("a", place, func(n uint64) { other <- n }); err != nil {
		t.Fatal(err)
	}
	count(t, path, 9, 5)
	await(t, other, 5)
	for range len(told) {
		if n := <-told; n > 2 { // the second may be told twice: what is announced is read when there is time
			t.Errorf("%d was told to a life that has ended", n)
		}
	}
	for range len(again) {
		t.Errorf("%d was told after the end of the watch", <-again)
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
