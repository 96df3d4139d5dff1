package app

import (
	"strconv"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// containerTags are on every sample of a container.
func containerTags(host string, engine docker.Info, c docker.Container) []influx.Tag {
	return []influx.Tag{
		{Key: influx.TagContainerImage, Value: c.Image},
		{Key: influx.TagContainerName, Value: c.Name},
		{Key: influx.TagContainerStatus, Value: c.Status},
		{Key: influx.TagContainerVersion, Value: c.Version},
		{Key: influx.TagEngineHost, Value: engine.Name},
		{Key: influx.TagHost, Value: host},
		{Key: influx.TagServerVersion, Value: engine.ServerVersion},
	}
}

// presentPoint is the state of a container when the agent has connected to its engine.
func presentPoint(host string, c docker.Container, now time.Time) influx.Point {
	fields := append(detailFields(c),
		influx.String(influx.FieldStatus, c.Status),
		influx.Int(influx.FieldExitCode, int64(c.ExitCode)))
	fields = appendTime(fields, influx.FieldStartedAt, c.StartedAt)
	fields = appendTime(fields, influx.FieldFinishedAt, c.FinishedAt)
	return eventPoint(host, c.Name, influx.ActionPresent, now, fields)
}

// happenedPoint is an event with its verdict.
func happenedPoint(host string, e event.Event) influx.Point {
	fields := detailFields(e.Container)
	switch e.Action {
	case docker.ActionDie:
		fields = append(fields,
			influx.Int(influx.FieldExitCode, int64(e.ExitCode)),
			influx.Bool(influx.FieldRequested, e.Requested),
			influx.Bool(influx.FieldOOM, e.OOM()))
		fields = append(fields, endFields(e)...)
	case docker.ActionKill:
		fields = appendText(fields, influx.FieldSignal, e.Signal)
	case docker.ActionHealth:
		fields = append(fields, influx.String(influx.FieldHealth, e.Health))
	case docker.ActionRename:
		fields = appendText(fields, influx.FieldOldName, e.OldName)
	}
	name := e.Name
	if name == "" {
		name = e.Container.Name
	}
	return eventPoint(host, name, e.Action, e.At, fields)
}

// endFields are what else is known of a death.
func endFields(e event.Event) []influx.Field {
	var fields []influx.Field
	if signal, ok := e.Died(); ok {
		fields = append(fields, influx.String(influx.FieldSignal, strconv.Itoa(signal)))
	}
	if lifetime, ok := e.Lifetime(); ok {
		fields = append(fields, influx.Int(influx.FieldLifetimeNs, lifetime.Nanoseconds()))
	}
	last := e.Last
	if last.At.IsZero() {
		return fields
	}
	fields = append(fields,
		influx.Int(influx.FieldLastAgeNs, max(e.At.Sub(last.At), 0).Nanoseconds()),
		influx.Uint(influx.FieldLastMemoryUsage, last.Memory),
		influx.Uint(influx.FieldLastCPUUsage, last.CPU))
	if last.Limit > 0 {
		fields = append(fields, influx.Uint(influx.FieldLastMemoryLimit, last.Limit))
	}
	if last.PIDs > 0 {
		fields = append(fields, influx.Uint(influx.FieldLastPIDs, last.PIDs))
	}
	return fields
}

// imagePoint is an event of an image.
func imagePoint(host string, e docker.Event) influx.Point {
	image, version := docker.SplitImage(e.Image)
	return dockerEventPoint(host, e.Action, e.At, influx.String(influx.FieldImage, image), influx.String(influx.FieldVersion, version))
}

// gonePoint says that the engine is not followed any more, and why.
func gonePoint(host string, at time.Time, why error) influx.Point {
	const longest = 500
	reason := why.Error()
	return dockerEventPoint(host, influx.ActionDaemonGone, at, influx.String(influx.FieldReason, strings.ToValidUTF8(reason[:min(len(reason), longest)], "")))
}

// backPoint says that it is followed again, after so long.
func backPoint(host string, at time.Time, away time.Duration) influx.Point {
	return dockerEventPoint(host, influx.ActionDaemonBack, at, influx.Int(influx.FieldAwayNs, away.Nanoseconds()))
}

func dockerEventPoint(host, action string, at time.Time, fields ...influx.Field) influx.Point {
	return influx.Point{
		Measurement: influx.DockerEvent, Time: at, Fields: fields,
		Tags: []influx.Tag{{Key: influx.TagAction, Value: action}, {Key: influx.TagHost, Value: host}},
	}
}

// appendText adds a text, unless it is empty: then nobody knows it.
func appendText(fields []influx.Field, key, text string) []influx.Field {
	if text == "" {
		return fields
	}
	return append(fields, influx.String(key, text))
}

func eventPoint(host, name, action string, at time.Time, fields []influx.Field) influx.Point {
	return influx.Point{
		Measurement: influx.ContainerEvent, Time: at, Fields: fields,
		Tags: []influx.Tag{
			{Key: influx.TagAction, Value: action},
			{Key: influx.TagContainerName, Value: name},
			{Key: influx.TagHost, Value: host},
		},
	}
}

// detailFields say what a container is. How it is restarted is left out when
// no inspect has told.
func detailFields(c docker.Container) []influx.Field {
	fields := []influx.Field{influx.String(influx.FieldContainerID, c.ID)}
	fields = appendText(fields, influx.FieldImage, c.Image)
	fields = appendText(fields, influx.FieldVersion, c.Version)
	if c.Known() {
		fields = append(fields,
			influx.String(influx.FieldRestartPolicy, c.RestartPolicy),
			influx.Bool(influx.FieldAutoRemove, c.AutoRemove))
	}
	return fields
}

// appendTime adds a time in unix nanoseconds, unless it never was.
func appendTime(fields []influx.Field, key string, t time.Time) []influx.Field {
	if t.IsZero() {
		return fields
	}
	return append(fields, influx.Int(key, t.UnixNano()))
}
