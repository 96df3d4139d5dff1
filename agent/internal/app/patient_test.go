package app

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

func TestPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patient
		broken := errors.New("broken")
		if err := p.do(func() error { time.Sleep(writePatience / 2); return broken }); !errors.Is(err, broken) {
			t.Errorf("found %v", err)
		}
		start, release := time.Now(), make(chan struct{})
		if err := p.do(func() error { <-release; return nil }); !errors.Is(err, errNoAnswer) || time.Since(start) != writePatience {
			t.Errorf("found %v after %s", err, time.Since(start))
		}
		if err := p.do(func() error { t.Error("began"); return nil }); !errors.Is(err, errNoAnswer) || time.Since(start) != writePatience {
			t.Errorf("found %v after %s", err, time.Since(start))
		}
		close(release)
		synctest.Wait()
		if err := p.do(func() error { return nil }); err != nil {
			t.Errorf("found %v", err)
		}
	})
}

// landed waits until the disk has all that was saved, also when it took longer than an agent is patient.
func (m *memory) landed() {
	for m.disk.late != nil {
		<-m.disk.late
		m.disk.late = nil
		m.save()
	}
}

// landed is the same for the ledger.
func (l *ledger) landed() {
	for l.disk.late != nil {
		<-l.disk.late
		l.disk.late = nil
		l.rewrite()
	}
}

// hang puts a file in place of another that keeps whoever opens it to write, until answer is called.
func hang(t *testing.T, path string) (answer func()) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = reader.Close() })
	}
}

// A disk that does not answer keeps no event waiting: what was told meanwhile is noted once it does.
func TestLedgerOnADiskThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	l := newLedger(dir, testBoot, noon(), slog.New(slog.NewTextHandler(&log, nil)))
	l.keep(map[string]event.Life{"web": {}, "db": {}}, nil)
	l.landed()
	answer := hang(t, filepath.Join(dir, ledgerFile))
	l.tell([]event.Event{happened("web", docker.ActionStart, 1)}) // which ends, though the disk does not answer
	first := l.disk.late
	l.tell([]event.Event{happened("db", docker.ActionStart, 2)})
	if first == nil || l.disk.late != first {
		t.Fatal("the next event waited for a write of its own")
	}
	answer()
	<-l.disk.late
	l.disk.late = nil
	l.tell([]event.Event{happened("web", docker.ActionDie, 3)})
	l.landed()
	if strings.Count(log.String(), "the disk does not answer") != 1 || !strings.Contains(log.String(), "trouble is over") {
		t.Errorf("expected it said once, and that it is over:\n%s", log.String())
	}
	next := newLedger(dir, testBoot, noon(), testLog(t))
	for id, want := range map[string]event.Life{"web": lifeOf(1, 3), "db": lifeOf(2, 0)} {
		if got := next.of(known(id), noon()); !got.Began.Equal(want.Began) || !got.Ended.Equal(want.Ended) {
			t.Errorf("%s: found %v, expected %v", id, got, want)
		}
	}
}

// Nor does it keep the agent from ending.
func TestMemoryOnADiskThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	m := newMemory(dir, noon(), func() error { return nil }, slog.New(slog.NewTextHandler(&log, nil)))
	m.begin(noon())
	m.settle(time.Time{})
	answer := hang(t, filepath.Join(dir, seenFile+".new"))
	m.save() // which ends, though the disk does not answer
	first := m.disk.late
	m.save()
	if first == nil || m.disk.late != first {
		t.Fatal("it waited for a second write")
	}
	if strings.Count(log.String(), "events are told again after a restart: the disk does not answer") != 1 {
		t.Errorf("expected it said:\n%s", log.String())
	}
	answer()
	<-m.disk.late
	m.disk.late = nil
	_ = os.Remove(filepath.Join(dir, seenFile+".new"))
	m.save()
	m.landed()
	if got, err := readSeen(filepath.Join(dir, seenFile), noon().Add(time.Hour)); err != nil || !got.Equal(noon()) {
		t.Errorf("found %v, %v", got, err)
	}
}
