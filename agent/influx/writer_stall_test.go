package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx/spool"
)

// stalling is a spool whose disk can stop to answer.
type stalling struct {
	disk

	mu     sync.Mutex
	gate   chan struct{} // nil: the disk answers
	broken error         // what comes of a write that waited
}

func (s *stalling) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
}

// answer lets the disk go on; what waited in it ends with an error, if there is one.
func (s *stalling) answer(broken error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
	close(s.gate)
	s.gate = nil
}

func (s *stalling) wait() error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate == nil {
		return nil
	}
	<-gate
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *stalling) Append(kind spool.Kind, lines []byte) error {
	if err := s.wait(); err != nil {
		return err
	}
	return s.disk.Append(kind, lines)
}

func (s *stalling) Next(from spool.Source, maxLines, maxBytes int) (spool.Batch, error) {
	_ = s.wait()
	return s.disk.Next(from, maxLines, maxBytes)
}

func (s *stalling) Settle(b spool.Batch, n int) error { _ = s.wait(); return s.disk.Settle(b, n) }
func (s *stalling) Sync(kind spool.Kind) error        { _ = s.wait(); return s.disk.Sync(kind) }
func (s *stalling) Stats() spool.Stats                { _ = s.wait(); return s.disk.Stats() }
func (s *stalling) Close() error                      { _ = s.wait(); return s.disk.Close() }

func (s *stalling) Refuse(words, lines string, now time.Time) error {
	_ = s.wait()
	return s.disk.Refuse(words, lines, now)
}

// stallRig is a writer in virtual time, with one output whose disk can stop to answer, and whose server can be away.
type stallRig struct {
	*Writer
	log  *logText
	disk *stalling
	end  func() // of Run, for which it waits

	mu    sync.Mutex
	away  bool
	lines []string      // accepted
	busy  time.Duration // how long a request takes
}

func newStallRig(t *testing.T, dir string) *stallRig {
	r := &stallRig{log: &logText{}}
	r.Writer = NewWriter(
		[]Output{{Name: "db", URLs: []string{"http://db.example"}}},
		WriterOptions{Log: slog.New(slog.NewTextHandler(r.log, nil)), Metrics: metrics.NewSet(), SpoolDir: dir},
	)
	store := &r.senders[0].store
	r.disk = &stalling{disk: store.spool}
	store.spool = r.disk
	r.senders[0].urls[0].write = r.write
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	r.end = func() { cancel(); <-done }
	time.Sleep(100 * time.Millisecond) // not just when something is read, which is each second
	return r
}

func (r *stallRig) write(_ context.Context, lines string) error {
	time.Sleep(r.busy)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return errors.New("connection refused")
	}
	r.lines = append(r.lines, strings.Split(strings.TrimSuffix(lines, "\n"), "\n")...)
	return nil
}

func (r *stallRig) setAway(away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = away
}

// expect compares what was accepted since the last call.
func (r *stallRig) expect(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lines, want) {
		t.Errorf("found\n%s\nexpected\n%s\n%s", strings.Join(r.lines, "\n"), strings.Join(want, "\n"), r.log)
	}
	r.lines = nil
}

// within fails when what happens takes longer in virtual time.
func within(t *testing.T, most time.Duration, what func()) {
	t.Helper()
	start := time.Now()
	what()
	if took := time.Since(start); took > most {
		t.Errorf("found %s, expected at most %s", took, most)
	}
}

func events(from, to int) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, eventLine(i))
	}
	return lines
}

// A disk that does not answer holds up nobody: what comes goes through memory, and what it has arrives when it answers.
func TestADiskThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t, dir)
		defer r.end()
		r.Write(happening(0))
		time.Sleep(2 * time.Second)
		r.expect(t, eventLine(0))

		r.disk.stop()
		within(t, diskPatience, func() { r.WriteNow(happening(1)) })
		within(t, 0, func() { r.WriteNow(happening(2)) })
		lines := &Lines{text: []byte(sampleLine(3) + "\n")}
		within(t, 0, func() { r.WriteLines(lines) })
		within(t, 0, func() { r.Stats() })
		within(t, 0, func() {
			if err := r.Sync(); !errors.Is(err, errStalled) {
				t.Errorf("Sync: %v", err)
			}
		})
		time.Sleep(2 * time.Second)
		r.expect(t, eventLine(2), sampleLine(3))
		if r.log.count("kept in memory only: the disk does not answer") != 1 || r.log.count("level=WARN") != 1 {
			t.Errorf("expected it said once:\n%s", r.log)
		}

		r.disk.answer(nil)
		time.Sleep(2 * time.Second)
		r.expect(t, eventLine(1))
		r.setAway(true)
		r.Write(happening(4))
		time.Sleep(2 * time.Second)
		if err := r.Sync(); err != nil {
			t.Errorf("Sync: %v", err)
		}
		if r.log.count("trouble is over") != 1 || r.senders[0].store.volatile() {
			t.Errorf("expected the disk in use again:\n%s", r.log)
		}
	})
}

// The lines of a write that is under way are not changed by those who wrote them.
func TestALateWriteKeepsItsLines(t *testing.T) {
	for _, filter := range []Filter{{}, {Include: []string{"m"}}} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newStallRig(t, dir)
			defer r.end()
			r.senders[0].output.Filter, r.senders[0].sieve.filter = filter, filter
			r.disk.stop()
			lines := &Lines{text: []byte(sampleLine(0) + "\n")}
			r.WriteLines(lines)
			lines.Reset()
			lines.text = append(lines.text, sampleLine(1)+"\n"...)
			r.WriteLines(lines)
			r.disk.answer(nil)
			time.Sleep(2 * time.Second)
			r.mu.Lock()
			slices.Sort(r.lines)
			r.mu.Unlock()
			r.expect(t, sampleLine(0), sampleLine(1))
		})
	}
}

// What waited in memory while the disk did not answer goes to the disk afterwards, and stays in order with what was there, and what
// comes.
func TestMemoryGoesHome(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t, dir)
		r.setAway(true)
		for i := range 3 {
			r.Write(happening(i))
		}
		time.Sleep(time.Second)
		r.disk.stop()
		for i := 3; i < 6; i++ {
			r.Write(happening(i))
		}
		time.Sleep(time.Minute)
		r.disk.answer(nil)
		synctest.Wait()
		for i := 6; i < 9; i++ {
			r.Write(happening(i))
		}
		time.Sleep(2 * MaxBackoff)
		if err := r.Sync(); err != nil {
			t.Errorf("Sync: %v", err)
		}
		r.end()
		r = newStallRig(t, dir)
		defer r.end()
		time.Sleep(2 * time.Second)
		r.expect(t, events(0, 9)...)
	})
}

func TestKindOf(t *testing.T) {
	for lines, want := range map[string]spool.Kind{
		sampleLine(0) + "\n":                                 spool.Sample,
		sampleLine(0) + "\n" + eventLine(1) + "\n":           spool.Event,
		"docker_event a=1i 1\n":                              spool.Event,
		"container_events,host=a a=1i 1\n":                   spool.Sample,
		"m a=\"container_event,host=a\" 1\n" + sampleLine(1): spool.Sample,
	} {
		if got := kindOf(lines); got != want {
			t.Errorf("%q: found %s, expected %s", lines, got, want)
		}
	}
}

// A write that fails after all leaves its lines in memory.
func TestALateWriteThatFails(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t, dir)
		defer r.end()
		r.disk.stop()
		r.Write(happening(0), sample(1))
		time.Sleep(2 * time.Second)
		r.expect(t, sampleLine(1))
		r.disk.answer(syscall.EIO)
		time.Sleep(2 * time.Second)
		r.expect(t, eventLine(0))
		if r.log.count(syscall.EIO.Error()) != 1 {
			t.Errorf("expected it said:\n%s", r.log)
		}
	})
}

// What was sent while the disk did not answer is not sent again when it does, nor is anything held up then.
func TestWhatIsSentWhileTheDiskDoesNotAnswer(t *testing.T) {
	for _, when := range []time.Duration{0, 500 * time.Millisecond} { // before a batch is read, and while it is sent
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newStallRig(t, dir)
			defer r.end()
			r.busy = time.Second
			synctest.Wait()
			r.Write(happening(0))
			if when > 0 {
				r.hurry()
				time.Sleep(when)
			}
			r.disk.stop()
			time.Sleep(5 * time.Second)
			r.Write(happening(1))
			time.Sleep(5 * time.Second)
			r.disk.answer(nil)
			time.Sleep(10 * time.Second)
			r.Write(happening(2))
			time.Sleep(5 * time.Second)
			r.mu.Lock()
			slices.Sort(r.lines)
			r.mu.Unlock()
			r.expect(t, events(0, 3)...)
			if stats := r.Stats(); stats.Waiting != 0 {
				t.Errorf("found %+v after all was sent", stats)
			}
		})
	}
}

func (r *stallRig) hurry() { r.senders[0].hurry() }

// A stop does not wait for a disk that does not answer, and sends what is in memory.
func TestAStopWhileTheDiskDoesNotAnswer(t *testing.T) {
	for _, known := range []bool{true, false} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newStallRig(t, dir)
			time.Sleep(time.Second)
			r.disk.stop()
			if known {
				r.Write(happening(0), sample(1))
			}
			within(t, closePatience+4*diskPatience, r.end)
			if known {
				r.expect(t, sampleLine(1))
			}
			if want := fmt.Sprintf("may be lost: %s", errStalled); r.log.count(want) != 1 {
				t.Errorf("expected %q:\n%s", want, r.log)
			}
			r.disk.answer(nil)
			synctest.Wait()
		})
	}
}
