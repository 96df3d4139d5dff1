package influx

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/packaging/testenv"
)

// happening is the i-th event of a container.
func happening(i int) Point {
	return Point{Measurement: ContainerEvent, Tags: []Tag{{TagHost, "a"}}, Fields: []Field{Int("i", int64(i))}, Time: at(int64(i) + 1)}
}

func eventLine(i int) string  { return fmt.Sprintf("container_event,host=a i=%di %d", i, i+1) }
func sampleLine(i int) string { return fmt.Sprintf("m,host=a i=%di %d", i, i+1) }

// What was not sent when a writer ends is sent by the next one, events in order, and once.
func TestWhatWaitsOutlivesTheWriter(t *testing.T) {
	address, dir := testenv.FreeAddress(t), t.TempDir()
	output := Output{Name: "db/one", URLs: []string{"http://" + address}, Bucket: "db"}
	first := newRig(t, WriterOptions{SpoolDir: dir}, output)
	var want []string
	for i := range 50 {
		first.Write(happening(i), sample(i))
		want = append(want, eventLine(i), sampleLine(i))
	}
	if err := first.Sync(); err != nil {
		t.Errorf("Sync: %v", err)
	}
	if stats := first.Stats(); stats.Waiting < 1000 || stats.Oldest.IsZero() || stats.Lost != 0 {
		t.Errorf("found %+v", stats)
	}
	first.stop()
	if first.log.count("is sent after the next start") != 1 || first.log.count("points not sent") != 0 {
		t.Errorf("expected to hear what becomes of it:\n%s", first.log)
	}

	server := listenAt(t, address)
	second := newRig(t, WriterOptions{SpoolDir: dir}, output)
	second.Write(happening(50))
	want = append(want, eventLine(50))
	await(t, "all lines", func() bool { return second.Stats().Waiting == 0 && second.figure("db/one", "lines_sent_total") > 50 })
	second.stop()
	got := server.accepted()
	var events []string
	for _, line := range got {
		if strings.HasPrefix(line, ContainerEvent) {
			events = append(events, line)
		}
	}
	for i := range 51 {
		if i >= len(events) || events[i] != eventLine(i) {
			t.Fatalf("events out of order:\n%s", strings.Join(events, "\n"))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %d lines, expected %d:\n%s\n%s", len(got), len(want), strings.Join(got, "\n"), second.log)
	}
	if third := newRig(t, WriterOptions{SpoolDir: dir}, output); third.Stats().Waiting != 0 {
		t.Errorf("found %+v after all was sent", third.Stats())
	}
}

// After an outage what is new goes before what is old: first the events, then the newest samples.
func TestWhatIsNewGoesBeforeWhatIsOld(t *testing.T) {
	address := testenv.FreeAddress(t)
	w := newRig(t, WriterOptions{SpoolDir: t.TempDir(), MaxBatch: 2}, Output{Name: "db", URLs: []string{"http://" + address}, Bucket: "db"})
	await := func(what string, ok func() bool) { t.Helper(); await(t, what, ok) }
	for i := 0; i < 10; i += 2 {
		w.Write(sample(i), sample(i+1))
	}
	w.Write(happening(0))
	await("the trouble", func() bool { return w.log.count("unreachable") == 1 })
	server := listenAt(t, address)
	await("all", func() bool { return len(server.accepted()) == 11 })
	got := server.accepted()
	at := func(line string) int { return slices.Index(got, line) }
	if at(eventLine(0)) > 4 || at(sampleLine(8)) > 4 || at(sampleLine(0)) < at(sampleLine(8)) || at(sampleLine(2)) < at(sampleLine(0)) {
		t.Errorf("found\n%s", strings.Join(got, "\n"))
	}
}

// What was sampled together goes together, with and without a spool, and the caller's lines stay its own.
func TestLinesAndPointsGoTogether(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		server := newFakeServer(t, nil)
		w := newRig(t, WriterOptions{SpoolDir: dir, FlushEvery: time.Hour}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
		bad := sample(2)
		bad.Fields = []Field{Float("ratio", math.NaN())}
		lines := &Lines{text: []byte(sampleLine(0) + "\n" + sampleLine(1) + "\n")}
		w.WriteLines(lines, sample(3), bad)
		clear(lines.text)
		w.hurry()
		await(t, "the lines", func() bool { return len(server.accepted()) == 3 })
		if got := strings.Join(server.accepted(), "\n"); got != sampleLine(0)+"\n"+sampleLine(1)+"\n"+sampleLine(3) || len(server.tries()) != 1 {
			t.Errorf("found in %d requests\n%s", len(server.tries()), got)
		}
		if w.log.count("points left out") != 1 || w.log.count("ratio") != 1 {
			t.Errorf("expected the bad field named once:\n%s", w.log)
		}
	}
}

// What a server cannot take holds up nothing but its own kind.
func TestEventsThatAServerCannotTakeHoldUpNoSamples(t *testing.T) {
	var mended atomic.Bool
	server := newFakeServer(t, func(w http.ResponseWriter, body string) {
		if strings.HasPrefix(body, ContainerEvent) && !mended.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	w := newRig(t, WriterOptions{SpoolDir: t.TempDir()}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	w.Write(happening(0))
	await(t, "the trouble", func() bool { return w.log.count("answered 500") == 1 })
	w.Write(sample(0))
	await(t, "the sample", func() bool { return slices.Contains(server.accepted(), sampleLine(0)) })
	mended.Store(true)
	await(t, "the event", func() bool { return slices.Contains(server.accepted(), eventLine(0)) })
}

// Lines that a server refuses for good are set aside with its words, and the rest goes on.
func TestRefusedLinesAreSetAside(t *testing.T) {
	server := newFakeServer(t, func(w http.ResponseWriter, body string) {
		if strings.Contains(body, "i=1i") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":"invalid","message":"field type conflict"}`))
		}
	})
	dir := t.TempDir()
	w := newRig(t, WriterOptions{SpoolDir: dir, MaxBatch: 1}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	for i := range 4 {
		w.Write(sample(i))
	}
	await(t, "the good lines", func() bool { return len(server.accepted()) == 3 })
	// It may be the last of the four, and what is said of it comes after all else.
	await(t, "the refused one", func() bool { return w.log.count("server refused lines") == 1 && w.Stats().Waiting == 0 })
	if got := w.figure("db", "lines_refused_total"); got != 1 {
		t.Errorf("found %d lines refused, expected 1", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "db", "refused", "refused.lp"))
	if err != nil || !strings.HasPrefix(string(text), "# ") || !strings.Contains(string(text), "refused 1 lines: ") ||
		!strings.Contains(string(text), "field type conflict") || !strings.HasSuffix(string(text), "\n"+sampleLine(1)+"\n") {
		t.Errorf("found %q, %v", text, err)
	}
	if w.log.count("set_aside=true") != 1 {
		t.Errorf("expected it said:\n%s", w.log)
	}
}

// Whatever an output is called, its folder is one of its own below the others.
func TestFoldersOfOutputs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	names := []string{"db", "..", ".", "a/b", "../db", "ü ö", "%2E."}
	var outputs []Output
	for _, name := range names {
		outputs = append(outputs, Output{Name: name, URLs: []string{"http://127.0.0.1:1"}, Bucket: "db"})
	}
	w := newRig(t, WriterOptions{SpoolDir: dir}, outputs...)
	w.stop()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) || w.log.count("level=WARN") != 0 {
		t.Errorf("found %v, %v\n%s", entries, err, w.log)
	}
	if above, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(above) != 1 {
		t.Errorf("found above %v, %v", above, err)
	}
}

// A spool that cannot be opened is said once, and memory does.
func TestASpoolThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{SpoolDir: dir}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	w.Write(happening(0), sample(0))
	await(t, "the lines", func() bool { return len(server.accepted()) == 2 })
	if w.log.count("is kept in memory only") != 1 || w.Sync() != nil {
		t.Errorf("Sync: %v\n%s", w.Sync(), w.log)
	}
}

// A disk that takes no more leaves what comes in memory; it is sent, and nothing says meanwhile that it is durable.
func TestADiskThatTakesNoMore(t *testing.T) {
	address, dir := testenv.FreeAddress(t), t.TempDir()
	w := newRig(t, WriterOptions{SpoolDir: dir, SpoolBytes: 64 << 10}, Output{Name: "db", URLs: []string{"http://" + address}, Bucket: "db"})
	w.Write(happening(0))
	for os.WriteFile(filepath.Join(dir, "db"), nil, 0o600) != nil { // the next segment has no folder, and none can be made
		if err := os.RemoveAll(filepath.Join(dir, "db")); err != nil && !errors.Is(err, syscall.ENOTEMPTY) { // it may just be made again
			t.Fatal(err)
		}
	}
	written := 1
	for ; w.log.count("is kept in memory only") == 0 && written < 5000; written++ {
		w.Write(happening(written))
	}
	if err := w.Sync(); !errors.Is(err, errVolatile) || !strings.Contains(err.Error(), "output db") {
		t.Errorf("Sync: %v", err)
	}
	last := written - 1
	server := listenAt(t, address)
	await(t, "what was kept in memory", func() bool { return slices.Contains(server.accepted(), eventLine(last)) })
}

// What is lost because the spool is full is counted: what arrives and what is counted are all that was written.
func TestAFullSpoolCountsWhatItLoses(t *testing.T) {
	address := testenv.FreeAddress(t)
	w := newRig(t, WriterOptions{SpoolDir: t.TempDir(), SpoolBytes: 32 << 10}, Output{Name: "db", URLs: []string{"http://" + address}, Bucket: "db"})
	const all = 5000
	for i := range all {
		w.Write(sample(i))
	}
	server := listenAt(t, address)
	await(t, "the newest and all that is left", func() bool { return slices.Contains(server.accepted(), sampleLine(all-1)) && w.Stats().Waiting == 0 })
	arrived, lost := len(server.accepted()), int(w.Stats().Lost)
	if arrived+lost != all || arrived < 200 || lost != w.figure("db", "lines_dropped_total") {
		t.Errorf("found %d arrived and %d lost of %d", arrived, lost, all)
	}
	if w.log.count("the oldest lines of the spool were dropped") == 0 {
		t.Errorf("expected it said:\n%s", w.log)
	}
}

// Many write at once while the server comes and goes: nothing is lost, and each writer's events stay in order.
func TestManyWriteWhileTheServerComesAndGoes(t *testing.T) {
	var n atomic.Int32
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) {
		if n.Add(1)%3 != 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	w := newRig(t, WriterOptions{SpoolDir: t.TempDir(), MaxBatch: 50}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	const writers, each = 4, 100
	var writing sync.WaitGroup
	for who := range writers {
		writing.Go(func() {
			for i := range each {
				e, s := happening(i), sample(i)
				e.Tags = append(e.Tags, Tag{"who", fmt.Sprint(who)})
				s.Tags = append(s.Tags, Tag{"who", fmt.Sprint(who)})
				w.Write(e, s)
				w.hurry()
			}
		})
	}
	writing.Wait()
	for end := time.Now().Add(60 * time.Second); len(server.accepted()) < 2*writers*each && time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.hurry()
	}
	seen, next := map[string]bool{}, [writers]int{}
	for _, line := range server.accepted() {
		if seen[line] {
			t.Errorf("%q came twice", line)
		}
		seen[line] = true
		for who := range writers {
			if strings.HasPrefix(line, ContainerEvent) && strings.Contains(line, fmt.Sprintf("who=%d ", who)) {
				if !strings.Contains(line, fmt.Sprintf("i=%di ", next[who])) {
					t.Errorf("of %d found %q, expected its event %d", who, line, next[who])
				}
				next[who]++
			}
		}
	}
	if len(seen) != 2*writers*each {
		t.Errorf("found %d lines, expected %d", len(seen), 2*writers*each)
	}
}

// hurry wakes all senders.
func (r *rig) hurry() {
	for _, s := range r.senders {
		s.hurry()
	}
}

// What has waited for longer than it may is dropped, and counted.
func TestWhatIsTooOldGoes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := NewWriter([]Output{{Name: "db", URLs: []string{"http://db.example"}}}, WriterOptions{
			Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), SpoolDir: dir, SpoolAge: time.Hour,
		})
		defer w.senders[0].close()
		w.Write(sample(0), sample(1))
		time.Sleep(59 * time.Minute)
		w.Write(sample(2))
		if lost := w.Stats().Lost; lost != 0 {
			t.Errorf("before the hour is over %d lines are lost", lost)
		}
		time.Sleep(10 * time.Minute)
		w.Write(sample(3))
		if lost := w.Stats().Lost; lost != 2 {
			t.Errorf("found %d lines lost, expected the two that are older than an hour", lost)
		}
	})
}

// When somebody deletes the folder of a running writer, it goes on in a new one.
func TestTheFolderOfAWriterIsDeleted(t *testing.T) {
	address, dir := testenv.FreeAddress(t), t.TempDir()
	w := newRig(t, WriterOptions{SpoolDir: filepath.Join(dir, "spool")}, Output{Name: "db", URLs: []string{"http://" + address}, Bucket: "db"})
	w.Write(happening(0), sample(0))
	await(t, "the trouble", func() bool { return w.log.count("unreachable") == 1 })
	// All of it is gone at once: what is deleted file by file may be made again meanwhile, and missed more than once.
	gone := filepath.Join(dir, "gone")
	if err := errors.Join(os.Rename(filepath.Join(dir, "spool"), gone), os.RemoveAll(gone)); err != nil {
		t.Fatal(err)
	}
	w.WriteNow(happening(1), sample(1)) // into files that are deleted, unless they are missed already
	await(t, "the loss", func() bool { return w.log.count("were deleted by somebody else") > 0 })
	await(t, "the loss of both", func() bool { w.hurry(); return w.log.count("what waited in them is lost") == 2 })
	w.Write(happening(2), sample(2))
	server := listenAt(t, address)
	await(t, "what came later", func() bool {
		w.hurry() // the tries before were many
		got := server.accepted()
		return slices.Contains(got, eventLine(2)) && slices.Contains(got, sampleLine(2)) && w.Stats().Waiting == 0
	})
	if err := w.Sync(); err != nil || w.log.count("level=ERROR") != 2 {
		t.Errorf("Sync: %v\n%s", err, w.log)
	}
	if _, err := os.Stat(filepath.Join(dir, "spool", "db", "lock")); err != nil {
		t.Error(err)
	}
}
