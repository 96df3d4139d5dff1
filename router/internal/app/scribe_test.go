package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/router/internal/state"
)

// writingDesk is a state folder with its archive, and the scribe of a router on it.
type writingDesk struct {
	t   *testing.T
	dir string
	log *strings.Builder
	*scribe
	set  *metrics.Set
	stop func()
}

// sitDown is a router's start on a folder.
func sitDown(t *testing.T, dir string, o influx.Output) *writingDesk {
	t.Helper()
	archive, err := state.OpenArchive(filepath.Join(dir, closedDir))
	if err != nil {
		t.Fatal(err)
	}
	w := &writingDesk{t: t, dir: dir, log: &strings.Builder{}, set: metrics.NewSet()}
	w.scribe = newScribe(o, archive, dir, &daemon.Daemon{Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: w.set})
	return w
}

// start begins what a router's loop does; stop ends it, and waits.
func (w *writingDesk) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	w.stop = func() { cancel(); <-done }
}

// file files an incident away, as the archive does.
func (w *writingDesk) file(id string) {
	w.t.Helper()
	if err := state.WriteFile(filepath.Join(w.dir, closedDir, id+".json"), textOf(w.t, closedIncident(id)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.filed(id)
}

// fileAway files an incident of which the scribe is not told.
func fileAway(t *testing.T, dir string, closed state.Closed) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, closedDir, closed.Incident.ID+".json"), textOf(t, closed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func textOf(t *testing.T, closed state.Closed) []byte {
	t.Helper()
	text, err := json.Marshal(closed)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (w *writingDesk) unwritten() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// library is an InfluxDB in memory, which may be told how to answer.
type library struct {
	mu     sync.Mutex
	answer func(ids []string) error // nil: everything is taken
	taken  []string
	calls  []request
}

type request struct {
	at  time.Time
	ids []string
}

func (s *library) write(_ context.Context, _ influx.Output, points []influx.Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, p := range points {
		id, _ := p.Text(influx.FieldID)
		ids = append(ids, id)
	}
	s.calls = append(s.calls, request{time.Now(), ids})
	if s.answer != nil {
		if err := s.answer(ids); err != nil {
			return err
		}
	}
	s.taken = append(s.taken, ids...)
	return nil
}

var influxOutput = influx.Output{Name: "influxdb", URLs: []string{"http://127.0.0.1:8086"}, Bucket: "nezuban"}

func TestAfterAStartWhatIsNotWrittenIsWrittenOnceAndOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, database := t.TempDir(), &library{}
		first := sitDown(t, dir, influxOutput)
		first.write = database.write
		for _, id := range []string{"03", "01", "02"} {
			fileAway(t, dir, closedIncident(id)) // before there was an InfluxDB
		}
		first.start()
		synctest.Wait()
		first.file("00") // was open for long
		synctest.Wait()
		first.stop()
		if want := []string{"01", "02", "03", "00"}; !slices.Equal(database.taken, want) || first.unwritten() != 0 {
			t.Errorf("written %q, want %q; %d wait", database.taken, want, first.unwritten())
		}

		database.taken = nil
		again := sitDown(t, dir, influxOutput)
		again.write = database.write
		fileAway(t, dir, closedIncident("02b")) // while no router ran: copied from another's folder
		again.start()
		synctest.Wait()
		again.file("02") // filed once more
		synctest.Wait()
		again.stop()
		if want := []string{"02b", "02"}; !slices.Equal(database.taken, want) {
			t.Errorf("after the second start written %q, want %q", database.taken, want)
		}

		database.taken = nil
		other := influxOutput
		other.Bucket = "another"
		moved := sitDown(t, dir, other)
		moved.write = database.write
		moved.start()
		synctest.Wait()
		moved.stop()
		if want := []string{"00", "01", "02", "02b", "03"}; !slices.Equal(database.taken, want) {
			t.Errorf("to another bucket written %q, want everything, %q", database.taken, want)
		}
	})
}

// While InfluxDB is away it is asked again after 0.25 s to 30 s, nothing is lost, and the trouble is said once.
func TestTheScribeWaitsForInfluxDB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := &library{answer: func([]string) error { return errors.New("unreachable") }}
		w := sitDown(t, t.TempDir(), influxOutput)
		w.write = database.write
		w.start()
		defer func() { w.stop() }()
		for i := range 60 {
			w.file(fmt.Sprintf("%03d", i))
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if got := gaugeOf(t, w.set, "nezuban_incidents_unwritten"); got != "60" {
			t.Errorf("%s wait, want 60", got)
		}
		for i, c := range database.calls[1:] {
			gap := c.at.Sub(database.calls[i].at)
			if least := min(250*time.Millisecond<<min(i, 10), 15*time.Second); gap < least || gap > 30*time.Second {
				t.Errorf("try %d came %s after the one before, want %s to 30s", i+2, gap, least)
			}
		}
		database.mu.Lock()
		database.answer = nil
		database.mu.Unlock()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if len(database.taken) != 60 || gaugeOf(t, w.set, "nezuban_incidents_unwritten") != "0" {
			t.Errorf("%d arrived, want 60; %d wait", len(database.taken), w.unwritten())
		}
		w.stop()
		if said := w.log.String(); strings.Count(said, `msg=trouble with="incidents in InfluxDB"`) != 1 || strings.Count(said, "trouble is over") != 1 {
			t.Errorf("the log says\n%s", said)
		}
	})
}

func gaugeOf(t *testing.T, set *metrics.Set, name string) string {
	t.Helper()
	var text strings.Builder
	set.WritePrometheus(&text)
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("there is no %s in\n%s", name, text.String())
	return ""
}

// One that is refused for good is named once and skipped, also after the next start; what is beside it is written.
func TestARefusedIncidentHoldsUpNoOther(t *testing.T) {
	for _, row := range []struct {
		name    string
		refused []string
		away    string // the database goes away when this one is offered, once
		most    int    // calls
	}{
		{"none", nil, "", 3},
		{"the first", []string{"000"}, "", 30},
		{"the last", []string{"249"}, "", 30},
		{"some, and it goes away between", []string{"017", "018", "123", "200"}, "123", 80},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, away := t.TempDir(), row.away
				database := &library{answer: func(ids []string) error {
					if slices.Contains(ids, away) && len(ids) == 1 {
						away = ""
						return errors.New("unreachable")
					}
					if slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(row.refused, id) }) {
						return fmt.Errorf("write: %w: answered 400", influx.ErrRefused)
					}
					return nil
				}}
				w := sitDown(t, dir, influxOutput)
				w.write = database.write
				var want []string
				for i := range 250 {
					id := fmt.Sprintf("%03d", i)
					fileAway(t, dir, closedIncident(id))
					if !slices.Contains(row.refused, id) {
						want = append(want, id)
					}
				}
				w.start()
				time.Sleep(time.Minute)
				w.stop()
				if !slices.Equal(database.taken, want) {
					t.Errorf("written %d, want all %d but %q, in order", len(database.taken), len(want), row.refused)
				}
				for _, id := range row.refused {
					if said := strings.Count(w.log.String(), "incident="+id); said != 1 {
						t.Errorf("%s is named %d times:\n%s", id, said, w.log)
					}
				}
				if got := w.set.GetOrCreateCounter("nezuban_incidents_refused_total").Get(); int(got) != len(row.refused) {
					t.Errorf("%d counted as refused, want %d", got, len(row.refused))
				}
				if len(database.calls) > row.most {
					t.Errorf("%d requests, want at most %d", len(database.calls), row.most)
				}

				database.calls = nil
				again := sitDown(t, dir, influxOutput)
				again.write = database.write
				again.start()
				time.Sleep(time.Minute)
				again.stop()
				if len(database.calls) > 0 || again.log.Len() > 0 {
					t.Errorf("after the next start %v is written; the log says %s", database.calls, again.log)
				}
			})
		})
	}
}

// A file that cannot be read, or was deleted, holds up no other; the first is named.
func TestADamagedFileHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, database := t.TempDir(), &library{}
		w := sitDown(t, dir, influxOutput)
		w.write = database.write
		for id, text := range map[string]string{"01": "{", "02": "{}", "03": `{"incident":{"id":"03","alerts":null}}`} {
			if err := os.WriteFile(filepath.Join(dir, closedDir, id+".json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.file("04")
		database.answer = func(ids []string) error {
			if slices.Contains(ids, "04") {
				w.filed("deleted")
				w.file("05")
			}
			return nil
		}
		w.start()
		synctest.Wait()
		w.stop()
		if !slices.Equal(database.taken, []string{"04", "05"}) {
			t.Errorf("written %q", database.taken)
		}
		for _, id := range []string{"01", "02", "03"} {
			if strings.Count(w.log.String(), "incident="+id) != 1 {
				t.Errorf("%s is not named once:\n%s", id, w.log)
			}
		}
		if w.unwritten() != 0 {
			t.Errorf("%d wait", w.unwritten())
		}
	})
}

// An archive of many years goes in small parts, with rests between them, and waits in memory by its ids alone.
func TestALargeArchiveGoesInSmallParts(t *testing.T) {
	const n = 5_000
	dir := t.TempDir()
	w := sitDown(t, dir, influxOutput)
	text := string(textOf(t, closedIncident("ID")))
	for i := range n {
		id := fmt.Sprintf("06FN5V2T%08d", i)
		if err := os.WriteFile(filepath.Join(dir, closedDir, id+".json"), []byte(strings.Replace(text, `"ID"`, `"`+id+`"`, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := heap()
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if each := (heap() - before) / n; each > 100 {
		t.Errorf("each that waits takes %d bytes, want at most 100", each)
	}
	synctest.Test(t, func(t *testing.T) {
		database := &library{}
		w := sitDown(t, dir, influxOutput)
		w.write = database.write
		w.start()
		time.Sleep(time.Hour)
		w.file("07")
		synctest.Wait()
		w.stop()
		if len(database.taken) != n+1 || !slices.IsSorted(database.taken) {
			t.Errorf("%d written, want %d in order", len(database.taken), n+1)
		}
		for i, c := range database.calls[1:] {
			if rest := c.at.Sub(database.calls[i].at); len(c.ids) > scribeBatch || rest < scribeRest {
				t.Errorf("call %d has %d incidents, %s after the one before", i+2, len(c.ids), rest)
			}
		}
		if w.waiting != nil {
			t.Error("what the ids took is not free again")
		}
	})
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A state folder that takes no list costs repeats, and no incident.
func TestAListThatCannotBeKeptLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, database := t.TempDir(), &library{}
		if err := os.Mkdir(filepath.Join(dir, writtenFile), 0o700); err != nil {
			t.Fatal(err)
		}
		w := sitDown(t, dir, influxOutput)
		w.write = database.write
		w.start()
		w.file("01")
		time.Sleep(time.Minute)
		if err := os.Remove(filepath.Join(dir, writtenFile)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.stop()
		if !slices.Contains(database.taken, "01") || w.unwritten() != 0 {
			t.Errorf("written %q, %d wait", database.taken, w.unwritten())
		}
	})
}

// A server that asks to be left alone is, over a real connection, and nobody who files an incident waits for it.
func TestTheScribeHeedsRetryAfter(t *testing.T) {
	var mu sync.Mutex
	var asked []time.Time
	both := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, time.Now())
		if len(asked) == 1 {
			rw.Header().Set("Retry-After", "2")
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
		if len(asked) == 2 {
			close(both)
		}
	}))
	defer server.Close()
	w := sitDown(t, t.TempDir(), influx.Output{Name: "influxdb", URLs: []string{server.URL}, Bucket: "nezuban"})
	w.start()
	defer func() { w.stop() }()
	w.file("01")
	select {
	case <-both:
	case <-time.After(30 * time.Second):
		t.Fatal("it was not asked again")
	}
	mu.Lock()
	defer mu.Unlock()
	if gap := asked[1].Sub(asked[0]); gap < 2*time.Second {
		t.Errorf("asked again after %s, want at least 2s", gap)
	}
}

// A server that never answers holds up neither who files nor the end of the router.
func TestTheScribeHoldsNobodyUp(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)
	w := sitDown(t, t.TempDir(), influx.Output{Name: "influxdb", URLs: []string{server.URL}, Bucket: "nezuban"})
	w.start()
	w.file("01")
	<-asked
	began := time.Now()
	for i := range 1000 {
		w.filed(fmt.Sprint(i))
	}
	w.stop()
	if took := time.Since(began); took > 5*time.Second { // a request may take 10
		t.Errorf("filing and stopping took %s", took)
	}
}
