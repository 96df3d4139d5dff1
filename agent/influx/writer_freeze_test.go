package influx

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// ownDisk is a folder on a file system of its own.
func ownDisk(t *testing.T) (dir string) {
	t.Helper()
	testenv.Root(t)
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 32<<20); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Logf("%s: %v\n%s", command, err, out)
			testenv.LeftOut(t, "fsfreeze", "run the tests as a root who may mount, with e2fsprogs and util-linux")
		}
	}
	t.Cleanup(func() {
		_ = exec.Command("fsfreeze", "-u", dir).Run()
		_ = exec.Command("umount", "-l", dir).Run()
	})
	return dir
}

func freeze(t *testing.T, how, dir string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "fsfreeze", how, dir).CombinedOutput(); err != nil {
		t.Fatalf("fsfreeze %s: %v\n%s", how, err, out)
	}
}

// A file system that is frozen holds up nobody, and all arrives, once.
func TestAFrozenDisk(t *testing.T) {
	disk := ownDisk(t)
	server := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{SpoolDir: filepath.Join(disk, "spool"), patience: diskPatience}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	w.Write(happening(0))
	await(t, "the first event", func() bool { return slices.Contains(server.accepted(), eventLine(0)) && w.Stats().Waiting == 0 })

	freeze(t, "-f", disk)
	for i := 1; i <= 5; i++ {
		start := time.Now()
		w.WriteNow(happening(i))
		w.Stats()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("write %d took %s", i, took)
		}
	}
	await(t, "what came later", func() bool { return slices.Contains(server.accepted(), eventLine(5)) })
	if err := w.Sync(); !errors.Is(err, errStalled) {
		t.Errorf("Sync: %v", err)
	}
	freeze(t, "-u", disk)
	await(t, "all events", func() bool { return len(server.accepted()) == 6 })
	await(t, "the end of the trouble", func() bool {
		w.Write(sample(6))
		return w.log.count("trouble is over") >= 1 && w.Sync() == nil // a disk that was just let go may be slow once more
	})
	got := server.accepted()[:6]
	slices.Sort(got)
	if !slices.Equal(got, events(0, 6)) {
		t.Errorf("found %q", got)
	}
}

// The writer ends in time also when its disk is frozen.
func TestAStopOnAFrozenDisk(t *testing.T) {
	disk := ownDisk(t)
	server := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{SpoolDir: filepath.Join(disk, "spool"), patience: diskPatience}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	freeze(t, "-f", disk)
	w.Write(happening(0))
	w.Write(happening(1))
	start := time.Now()
	w.stop()
	if took := time.Since(start); took > lastFlushTimeout+closePatience {
		t.Errorf("the stop took %s", took)
	}
	if !slices.Contains(server.accepted(), eventLine(1)) {
		t.Errorf("found %q", server.accepted())
	}
	if want := fmt.Sprintf("may be lost: %s", errStalled); w.log.count(want) != 1 {
		t.Errorf("expected %q:\n%s", want, w.log)
	}
	freeze(t, "-u", disk)
}
