package app

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nezuban/agent/influx"
)

// heartbeat says that the agent lives, or goes away on purpose, and what it
// costs. took is how long the last round of samples was; 0 before the first.
func (s *sampler) heartbeat(state string, took time.Duration, at time.Time) influx.Point {
	_, _, up := s.table.Engine()
	fields := []influx.Field{
		influx.String(influx.FieldState, state),
		influx.Float(influx.FieldUptimeSeconds, time.Since(s.started).Seconds()),
		influx.Int(influx.FieldContainers, int64(len(s.containers))),
		influx.Bool(influx.FieldDockerUp, up),
		influx.Int(influx.FieldMountsHung, int64(s.host.Hung())),
		influx.Int(influx.FieldOpenFiles, int64(s.files.Open())),
		influx.Int(influx.FieldOpenFilesLimit, int64(s.files.Most())),
		influx.Int(influx.FieldFallbacks, int64(s.fallbacks)),
		influx.Int(influx.FieldTicksSkipped, int64(s.skipped)),
		influx.Int(influx.FieldLabelsDropped, int64(s.labels.dropped)),
	}
	waiting := s.writer.Stats()
	fields = append(fields, influx.Int(influx.FieldDropped, int64(waiting.Lost)), influx.Int(influx.FieldSpoolBytes, waiting.Waiting))
	if !waiting.Oldest.IsZero() {
		fields = append(fields, influx.Float(influx.FieldSpoolOldestSeconds, at.Sub(waiting.Oldest).Seconds()))
	}
	if took > 0 {
		fields = append(fields, influx.Float(influx.FieldSampleSeconds, took.Seconds()))
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		spent := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		fields = append(fields, influx.Float(influx.FieldCPUSeconds, spent.Seconds()))
	}
	if rss, ok := residentBytes(); ok {
		fields = append(fields, influx.Int(influx.FieldRSSBytes, rss))
	}
	return influx.Point{
		Measurement: influx.Agent, Fields: fields, Time: at,
		Tags: []influx.Tag{{Key: influx.TagHost, Value: s.hostName}},
	}
}

// residentBytes is the memory of this process, from the second figure of
// /proc/self/statm (proc(5)), which is in pages.
func residentBytes() (int64, bool) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	figures := strings.Fields(string(data))
	if len(figures) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(figures[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
