package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/docker"
)

// owner is a container's series, as long as its tags stay what they are.
type owner struct {
	*cgroup.Owner
	of             described
	status, health influx.Series
	networkField   influx.Fixed // of status
	healthOf       string       // what the fixed field says
	healthField    influx.Fixed
}

// described is what a container's tags are made of, and its network.
type described struct{ name, image, version, status, network, engine, server string }

// owner is the one of a container, made anew when something of it changes. An error is of tags that have no line protocol.
func (s *sampler) owner(c *docker.Container, engine *docker.Info) (*owner, error) {
	now := described{c.Name, c.Image, c.Version, c.Status, c.NetworkMode, engine.Name, engine.ServerVersion}
	if o := s.owners[c.ID]; o != nil && o.of == now {
		return o, nil
	}
	tags := append(containerTags(s.hostName, *engine, *c), s.labels.tags(c)...)
	slices.SortFunc(tags, func(a, b influx.Tag) int { return strings.Compare(a.Key, b.Key) })
	o := &owner{of: now}
	var errs [4]error
	o.Owner, errs[0] = cgroup.NewOwner(c.ID, tags)
	o.status, errs[1] = influx.NewSeries(influx.ContainerStatus, tags)
	o.health, errs[2] = influx.NewSeries(influx.ContainerHealth, tags)
	o.networkField, errs[3] = influx.NewFixed(influx.String(influx.FieldNetworkMode, c.NetworkMode))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	s.owners[c.ID] = o
	return o, nil
}

// engineSeries is the series of the Docker engine, as long as its tags stay what they are.
type engineSeries struct {
	name, server string
	series       influx.Series
}

// appendEngine adds what the Docker engine last said of itself, and counts its containers by state.
func (s *sampler) appendEngine(info *docker.Info, containers []docker.Container, at time.Time) error {
	if e := &s.engine; e.name != info.Name || e.server != info.ServerVersion || e.series.None() {
		series, err := influx.NewSeries(influx.Docker, []influx.Tag{
			{Key: influx.TagEngineHost, Value: info.Name},
			{Key: influx.TagHost, Value: s.hostName},
			{Key: influx.TagServerVersion, Value: info.ServerVersion},
		})
		if err != nil {
			return fmt.Errorf("docker engine: %w", err)
		}
		*e = engineSeries{info.Name, info.ServerVersion, series}
	}
	running, paused := 0, 0
	for i := range containers {
		switch containers[i].Status {
		case "running", "restarting": // as the engine counts them itself
			running++
		case "paused":
			paused++
		}
	}
	l := &s.lines
	l.Begin(s.engine.series)
	l.Int(influx.FieldNCPUs, int64(info.NCPU))
	l.Int(influx.FieldMemoryTotal, info.MemTotal)
	l.Int(influx.FieldNImages, int64(info.Images))
	l.Int(influx.FieldNContainers, int64(len(containers)))
	l.Int(influx.FieldNContainersRunning, int64(running))
	l.Int(influx.FieldNContainersPaused, int64(paused))
	l.Int(influx.FieldNContainersStopped, int64(len(containers)-running-paused))
	appendSaid(l, influx.FieldNUsedFDs, info.NFd)
	appendSaid(l, influx.FieldNGoroutines, info.NGoroutines)
	appendSaid(l, influx.FieldNListeners, info.NEventsListener)
	l.End(influx.Fixed{}, at)
	return nil
}

// appendSaid adds a figure of the engine's own process: there is at least one of each.
func appendSaid(l *influx.Lines, key string, n int) {
	if n > 0 {
		l.Int(key, int64(n))
	}
}

// appendStatus adds what Docker last said of a container, running or not, and the result of its health check, if it has one.
func (o *owner) appendStatus(l *influx.Lines, c *docker.Container, at time.Time) {
	l.Begin(o.status)
	l.Bool(influx.FieldOOMKilled, c.OOMKilled)
	l.Int(influx.FieldPID, int64(c.PID))
	l.Int(influx.FieldExitcode, int64(c.ExitCode))
	l.Int(influx.FieldRestartCount, int64(c.RestartCount))
	if !c.StartedAt.IsZero() {
		l.Int(influx.FieldStartedAt, c.StartedAt.UnixNano())
	}
	if !c.FinishedAt.IsZero() {
		l.Int(influx.FieldFinishedAt, c.FinishedAt.UnixNano())
	}
	if c.Running() && !c.StartedAt.IsZero() {
		l.Int(influx.FieldUptimeNs, at.Sub(c.StartedAt).Nanoseconds())
	}
	if c.NetworkMode != "" { // else no inspect has told
		l.Fixed(o.networkField)
	}
	l.End(o.ID(), at)
	if c.Health == "" {
		return
	}
	if o.healthOf != c.Health {
		field, err := influx.NewFixed(influx.String(influx.FieldHealthStatus, c.Health))
		if err != nil {
			return // a text can always be encoded
		}
		o.healthOf, o.healthField = c.Health, field
	}
	l.Begin(o.health)
	l.Fixed(o.healthField)
	if c.FailingStreak >= 0 {
		l.Int(influx.FieldFailingStreak, int64(c.FailingStreak))
	}
	l.End(influx.Fixed{}, at)
}
