package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/router/internal/state"
)

// How the archive goes to InfluxDB.
const (
	writtenFile = "influxdb.written" // below the state folder
	scribeBatch = 100                // incidents in a request
	scribeRest  = 100 * time.Millisecond
)

// scribe writes closed incidents to InfluxDB, on every router. The files of the archive are its queue, and a list beside them
// says which have arrived: so nothing is lost by a crash, and nobody waits for a database. Incidents wait here by their ids
// alone.
type scribe struct {
	output  influx.Output
	archive *state.Archive
	path    string // of the list
	write   func(context.Context, influx.Output, []influx.Point) error
	log     *slog.Logger
	trouble *daemon.Condition
	refused *metrics.Counter
	wake    chan struct{} // holds one call

	mu      sync.Mutex
	waiting []string // ids; what is filed comes to the end

	list *state.Written // of the goroutine of run
}

// newScribe makes the router's scribe, which learns from now on what is filed.
func newScribe(o influx.Output, archive *state.Archive, dir string, d *daemon.Daemon) *scribe {
	s := &scribe{
		output: o, archive: archive, path: filepath.Join(dir, writtenFile), write: influx.Write, log: d.Log,
		trouble: daemon.NewCondition(d.Log, "incidents in InfluxDB"), wake: make(chan struct{}, 1),
		refused: d.Metrics.GetOrCreateCounter("nezuban_incidents_refused_total"),
	}
	d.Metrics.GetOrCreateGauge("nezuban_incidents_unwritten", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.waiting))
	})
	archive.OnFiled(s.filed)
	return s
}

// filed takes note of an incident whose file was written. It waits for nothing.
func (s *scribe) filed(id string) {
	s.mu.Lock()
	s.waiting = append(s.waiting, id)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes what is not written yet, and then each incident as it is filed, until ctx ends.
func (s *scribe) run(ctx context.Context) {
	s.insist(ctx, s.open)
	for ctx.Err() == nil {
		ids := s.next(ctx)
		batch := s.read(ids)
		s.bring(ctx, batch)
		if ctx.Err() != nil {
			return
		}
		s.done(len(ids))
		if len(ids) == scribeBatch { // many wait: paging goes first
			pause(ctx, scribeRest)
		}
	}
}

// insist calls step until it succeeds or ctx ends.
func (s *scribe) insist(ctx context.Context, step func(context.Context) error) {
	for failures := 1; ctx.Err() == nil; failures++ {
		err := step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			s.trouble.OK()
			return
		}
		s.trouble.Failed(err)
		pause(ctx, influx.Pause(err, failures, time.Now(), rand.Float64()))
	}
}

// open finds what was filed before and has not been written.
func (s *scribe) open(context.Context) error {
	ids, err := s.archive.IDs()
	if err != nil {
		return err
	}
	list, lacking, err := state.OpenWritten(s.path, s.database(), ids)
	if err != nil {
		return err
	}
	s.list = list
	s.mu.Lock()
	defer s.mu.Unlock()
	filed := slices.DeleteFunc(s.waiting, func(id string) bool {
		_, found := slices.BinarySearch(lacking, id)
		return found
	})
	s.waiting = append(lacking, filed...)
	return nil
}

// database tells the place in InfluxDB from others: another one gets everything.
func (s *scribe) database() string {
	return strings.Join(append([]string{s.output.Org, s.output.Bucket}, s.output.URLs...), " ")
}

// next waits for incidents and lists the first of those that wait.
func (s *scribe) next(ctx context.Context) []string {
	for ctx.Err() == nil {
		s.mu.Lock()
		ids := s.waiting[:min(scribeBatch, len(s.waiting))]
		s.mu.Unlock()
		if len(ids) > 0 {
			return ids
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		}
	}
	return nil
}

// done takes the first of those that wait away.
func (s *scribe) done(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting = s.waiting[n:]; len(s.waiting) == 0 {
		s.waiting = nil // what many took is free again
	}
}

// sheet is a closed incident on its way.
type sheet struct {
	id    string
	point influx.Point
}

// read makes points of files. A file that cannot be read is named in the log, and left until the next start.
func (s *scribe) read(ids []string) []sheet {
	batch := make([]sheet, 0, len(ids))
	for _, id := range ids {
		closed, err := s.archive.Closed(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody deleted it
		}
		var point influx.Point
		if err == nil {
			point, err = incidentPoint(closed)
		}
		if err != nil {
			s.log.Error("a closed incident is left out of InfluxDB", "incident", id, "err", err)
			continue
		}
		batch = append(batch, sheet{id, point})
	}
	return batch
}

// bring writes a batch until InfluxDB has it, or ctx ends.
func (s *scribe) bring(ctx context.Context, batch []sheet) {
	for size := len(batch); len(batch) > 0 && ctx.Err() == nil; {
		s.insist(ctx, func(ctx context.Context) error {
			settled, err := s.settle(ctx, batch[:min(size, len(batch))])
			switch {
			case err != nil:
			case settled == 0:
				size /= 2
			default:
				size *= 2
				batch = batch[settled:]
			}
			return err
		})
	}
}

// settle offers incidents to InfluxDB and says with how many it is done: all, or none when some are refused for good and
// smaller parts will tell which. One that is refused by itself is named in the log, and skipped.
func (s *scribe) settle(ctx context.Context, part []sheet) (int, error) {
	ids, points := make([]string, 0, len(part)), make([]influx.Point, 0, len(part))
	for _, sh := range part {
		ids, points = append(ids, sh.id), append(points, sh.point)
	}
	err := s.write(ctx, s.output, points)
	refused := errors.Is(err, influx.ErrRefused)
	switch {
	case refused && len(part) > 1:
		return 0, nil
	case refused:
		s.refused.Inc()
		s.log.Error("InfluxDB refuses a closed incident, it is skipped", "incident", ids[0], "err", err)
	case err != nil:
		return 0, err
	}
	return len(part), s.list.Add(ids)
}
