package app

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
	"nezuban/packaging/testenv/declared"
)

// What the table of names has of Docker, of events and of the agent is written, and nothing else.
func TestWhatIsWrittenIsDeclared(t *testing.T) {
	c := docker.Container{
		ID: "0a1b", Name: "web", Image: "load", Version: "1", RestartPolicy: "no", NetworkMode: "host", Status: "running", PID: 1 << 30,
		StartedAt: time.Unix(10, 0), FinishedAt: time.Unix(5, 0), Health: docker.Healthy,
	}
	table := docker.NewTable()
	table.Put(c)
	table.Connected(docker.Info{Name: "h", ServerVersion: "1", NFd: 1, NGoroutines: 1, NEventsListener: 1})
	s, written := testSampler(t, table)
	written.stats = influx.Stats{Waiting: 1, Oldest: time.Unix(1, 0), Lost: 1}
	s.sample(time.Unix(1000, 0))
	points, bad := influx.Decode(s.lines.Bytes(), lineprotocol.Nanosecond, time.Time{})
	if len(bad) > 0 {
		t.Error(bad)
	}
	points = append(points, s.heartbeat(influx.StateUp, time.Second, time.Unix(1000, 0)), presentPoint(testHost, c, time.Unix(1000, 0)))
	for _, action := range []string{docker.ActionDie, docker.ActionKill, docker.ActionHealth, docker.ActionRename} {
		points = append(points, happenedPoint(testHost, event.Event{
			Event:     docker.Event{ID: c.ID, Name: c.Name, Action: action, At: time.Unix(1000, 0), ExitCode: 137, Signal: "9", Health: docker.Healthy, OldName: "shop"},
			Container: c,
			Last:      event.Last{At: time.Unix(999, 0), Memory: 1, Limit: 1, CPU: 1, PIDs: 1},
		}))
	}
	points = append(points,
		imagePoint(testHost, docker.Event{OfImage: true, Action: docker.ActionPull, At: time.Unix(1000, 0), Image: "load:1"}),
		gonePoint(testHost, time.Unix(1000, 0), errors.New("the stream ended")), backPoint(testHost, time.Unix(1000, 0), time.Second))
	declared.Check(t, points, influx.Docker, influx.ContainerStatus, influx.ContainerHealth, influx.ContainerEvent, influx.DockerEvent, influx.Agent)
}

// Each measurement of the table has a writer whose test holds it against the table.
func TestEachMeasurementHasAWriter(t *testing.T) {
	writers := map[string][]string{
		"here":           {influx.Docker, influx.ContainerStatus, influx.ContainerHealth, influx.ContainerEvent, influx.DockerEvent, influx.Agent},
		"package cgroup": {influx.ContainerCPU, influx.ContainerMem, influx.ContainerNet, influx.ContainerBlkio, influx.ContainerPIDs, influx.ContainerPressure, influx.Cgroup},
		"package host":   {influx.CPU, influx.Mem, influx.Swap, influx.Disk, influx.DiskIO, influx.Net, influx.System},
		"other daemons":  {influx.Checks, influx.HTTPResponse, influx.Incident},
	}
	for _, m := range influx.Measurements() {
		var of []string
		for writer, written := range writers {
			if slices.Contains(written, m.Name) {
				of = append(of, writer)
			}
		}
		if len(of) != 1 {
			t.Errorf("measurement %q is written by %q, expected one", m.Name, of)
		}
	}
}
