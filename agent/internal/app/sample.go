package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"syscall"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/host"
	"nezuban/agent/internal/kernel"
)

// diskPatience is how long a round waits for the file systems that it asks how full they are: a thousand times what most take.
const diskPatience = 100 * time.Millisecond

// pointWriter takes points, as [influx.Writer] does.
type pointWriter interface {
	Write(points ...influx.Point)
	WriteLines(lines *influx.Lines, points ...influx.Point)
	WriteNow(points ...influx.Point)
	Sync() error
	Stats() influx.Stats
}

// sampler measures, at each tick, the host, its containers and its other
// cgroups. It runs in one goroutine, and does not need Docker to be there.
type sampler struct {
	hostName  string
	interval  time.Duration
	table     *docker.Table
	hierarchy cgroup.Hierarchy
	host      *host.Sampler
	writer    pointWriter
	health    *daemon.Health
	started   time.Time
	log       *slog.Logger
	late      *time.Timer // fires when a round waits no longer for file systems

	hostTrouble, cgroupTrouble, killsTrouble *daemon.Condition

	open       func(*kernel.Files, cgroup.Place) (source cgroup.Source, why, err error) // as [reference.Open]
	files      *kernel.Files
	containers map[string]*watched // by container id
	groups     *cgroup.Groups
	reading    cgroup.Sample     // the room for one at a time
	lines      influx.Lines      // of one tick
	owners     map[string]*owner // by container id
	engine     engineSeries
	all        []docker.Container // the room for them
	there      map[string]bool    // and for their ids
	agenda     agenda             // of containers that have just begun
	against    cgroup.Machine     // of those
	last       *lastSamples       // of containers
	kills      *cgroup.Kills      // for want of memory; nil: nobody tells of them
	labels     *labels            // of containers, as tags
	fallbacks  int                // lives of containers that cAdvisor's handler reads, or read
	skipped    int                // ticks since the start that were left out
}

// watched is one life of one container.
type watched struct {
	pid     int
	started time.Time
	source  cgroup.Source
	tracker cgroup.Tracker
}

// run samples at every multiple of the interval until ctx ends, and containers that have just begun some times more. All points of
// one tick have the tick's own time. A tick that comes while another is still being sampled is left out. Here a sample's path
// begins; next: sampler.sample.
func (s *sampler) run(ctx context.Context) error {
	s.writer.WriteNow(s.heartbeat(influx.StateUp, 0, time.Now()))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for at := s.tickAfter(time.Now()); ; {
		at = s.tickBefore(at, time.Now())
		timer.Reset(time.Until(s.agenda.next(at)))
		select {
		case <-ctx.Done():
			return nil
		case <-s.table.News():
			for _, life := range s.table.Begun() {
				s.agenda.begins(life, time.Now())
			}
			continue
		case now := <-timer.C:
			s.lookAt(s.agenda.due(now))
			if now.Before(at) {
				continue
			}
		}
		begun := time.Now()
		s.sample(at)
		s.writer.WriteLines(&s.lines, s.heartbeat(influx.StateUp, time.Since(begun), at))
		s.health.Set(samples, nil)
		next := s.tickAfter(time.Now())
		s.skipped += s.ticksBetween(at, next)
		at = next
	}
}

// tickAfter is the next multiple of the interval.
func (s *sampler) tickAfter(now time.Time) time.Time { return now.Truncate(s.interval).Add(s.interval) }

// ticksBetween counts the ticks after one and before another, which nobody sampled.
func (s *sampler) ticksBetween(at, next time.Time) int { return max(int(next.Sub(at)/s.interval)-1, 0) }

// tickBefore is at, or the tick that comes before it: once the clock was put back, nobody waits until it has caught up.
func (s *sampler) tickBefore(at, now time.Time) time.Time {
	if next := s.tickAfter(now); next.Before(at) {
		return next
	}
	return at
}

// lookAt samples containers between two ticks, if they still live.
func (s *sampler) lookAt(looks []look) {
	if len(looks) == 0 {
		return
	}
	engine, _, _ := s.table.Engine()
	s.lines.Reset()
	for _, l := range looks {
		c, known := s.table.Find(l.ID)
		if !known || !c.Running() || !c.StartedAt.Equal(l.Started) {
			continue
		}
		if err := s.container(&c, &engine, s.against, time.Now()); err != nil {
			s.cgroupTrouble.Failed(err)
		}
	}
	s.writer.WriteLines(&s.lines)
}

// sample measures everything once, into lines.
// Next on a sample's path: sampler.container.
func (s *sampler) sample(at time.Time) {
	s.lines.Reset()
	s.late.Reset(diskPatience)
	machine, err := s.host.Sample(&s.lines, at, s.late.C)
	note(s.hostTrouble, err)
	against := cgroup.Machine{Memory: machine.Memory, SystemCPU: machine.SystemCPU}
	s.against = cgroup.Machine{Memory: machine.Memory} // whose CPU time is of this tick alone
	engine, seen, _ := s.table.Engine()
	s.all = s.table.Append(s.all[:0])
	containers := s.all
	var errs []error
	for i := range containers {
		if err := s.container(&containers[i], &engine, against, at); err != nil {
			errs = append(errs, err)
		}
	}
	s.forget(containers)
	if seen {
		if err := s.appendEngine(&engine, containers, at); err != nil {
			errs = append(errs, err)
		}
	}
	if err := s.groups.Append(&s.lines, seen, against, at); err != nil {
		errs = append(errs, err)
	}
	note(s.cgroupTrouble, errors.Join(errs...))
}

// container samples one container, if it runs.
// Next on a sample's path: [cgroup.Reader.Read].
func (s *sampler) container(c *docker.Container, engine *docker.Info, machine cgroup.Machine, at time.Time) error {
	o, err := s.owner(c, engine)
	if err != nil {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	o.appendStatus(&s.lines, c, at)
	if !c.Running() {
		s.leave(c.ID)
		return nil
	}
	w, err := s.watch(c)
	if err != nil {
		return ignoreGone(err)
	}
	if err = w.source.Read(&s.reading, time.Now()); err != nil {
		s.leave(c.ID) // opened, and compared, again if it is still said to run
	}
	if errors.Is(err, cgroup.ErrGone) {
		return nil
	}
	s.last.keep(c.ID, c.StartedAt, &s.reading)
	w.tracker.Append(&s.lines, &s.reading, o.Owner, machine, at)
	return err
}

// watch gives the reader of a container's present life. At its start what is read is compared with the reference.
func (s *sampler) watch(c *docker.Container) (*watched, error) {
	w := s.containers[c.ID]
	if w != nil && w.pid == c.PID && w.started.Equal(c.StartedAt) {
		return w, nil
	}
	s.leave(c.ID)
	place, err := s.hierarchy.Of(c.PID, c.OwnsNetwork())
	if err != nil {
		return nil, err
	}
	source, why, err := s.open(s.files, place)
	if err != nil {
		return nil, err
	}
	if why != nil {
		say := s.log.Debug
		if s.fallbacks++; s.fallbacks == 1 { // the others are as the first: the kernel is the same
			say = s.log.Warn
		}
		say("a container is read by cAdvisor's handler, at many times the cost, as our own reader says something else",
			"container", c.Name, "why", why)
	}
	w = &watched{pid: c.PID, started: c.StartedAt, source: source}
	s.containers[c.ID] = w
	if s.kills != nil {
		id, started := c.ID, c.StartedAt
		note(s.killsTrouble, s.kills.Watch(id, place, func(kills uint64) { s.last.killed(id, started, kills) }))
	}
	return w, nil
}

// leave closes what reads a container.
func (s *sampler) leave(id string) {
	if w := s.containers[id]; w != nil {
		w.source.Close()
		delete(s.containers, id)
		if s.kills != nil {
			s.kills.Forget(id)
		}
	}
}

// forget drops the readers of containers that are no longer there.
func (s *sampler) forget(there []docker.Container) {
	known := s.there
	clear(known)
	for i := range there {
		known[there[i].ID] = true
	}
	for id := range s.containers {
		if !known[id] {
			s.leave(id)
		}
	}
	maps.DeleteFunc(s.owners, func(id string, _ *owner) bool { return !known[id] })
	s.last.keepOnly(known)
	s.labels.forget(known)
}

// close gives back what the sampler holds open.
func (s *sampler) close() {
	s.late.Stop()
	s.host.Close()
	for id := range s.containers {
		s.leave(id)
	}
	s.groups.Close()
}

// ignoreGone drops the error of what ended while it was looked at: Docker
// tells about that.
func ignoreGone(err error) error {
	if errors.Is(err, cgroup.ErrGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) { // a process that is ending
		return nil
	}
	return err
}

// note says a lasting trouble once.
func note(trouble *daemon.Condition, err error) {
	if err != nil {
		trouble.Failed(err)
		return
	}
	trouble.OK()
}
