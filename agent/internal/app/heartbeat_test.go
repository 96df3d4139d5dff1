package app

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/kernel"
)

// Each figure of the heartbeat is of what it is named after.
func TestHeartbeatSaysWhatIs(t *testing.T) {
	table := docker.NewTable()
	table.Connected(docker.Info{})
	s, written := testSampler(t, table)
	at := time.Unix(1000, 0)
	written.stats = influx.Stats{Waiting: 8, Oldest: at.Add(-9 * time.Second), Lost: 7}
	s.started = time.Now().Add(-time.Hour)
	s.files = kernel.NewFiles(50)
	for range 2 {
		file := kernel.Source{Path: "/proc/self/stat"}
		if ok, err := s.files.Add(&file); !ok || err != nil {
			t.Fatal(ok, err)
		}
		defer s.files.Remove(&file)
	}
	for _, id := range []string{"a", "b", "c"} {
		s.containers[id] = &watched{source: &steady{}}
	}
	s.fallbacks, s.skipped, s.labels.dropped = 4, 5, 6

	before := cpuSeconds(t)
	beat := s.heartbeat(influx.StateUp, 1500*time.Millisecond, at)
	after := cpuSeconds(t)
	if cpu, ok := beat.Float(influx.FieldCPUSeconds); !ok || cpu <= 0 || cpu < before || cpu > after {
		t.Errorf("found %v s of CPU, %v, expected %v to %v", cpu, ok, before, after)
	}
	if rss, ok := beat.Int(influx.FieldRSSBytes); !ok || rss < 1<<20 || rss > 1<<34 {
		t.Errorf("found %d bytes of memory, %v, expected some MiB", rss, ok)
	}
	if up, ok := beat.Float(influx.FieldUptimeSeconds); !ok || up < 3600 || up > 3600+patience.Seconds() {
		t.Errorf("found %v s since the start, %v, expected an hour", up, ok)
	}
	want := map[string]any{
		"state": "up", "containers": int64(3), "docker_up": true, "mounts_hung": int64(0), "open_files": int64(2), "open_files_limit": int64(50),
		"fallbacks": int64(4), "ticks_skipped": int64(5), "labels_dropped": int64(6), "dropped": int64(7), "spool_bytes": int64(8),
		"spool_oldest_seconds": 9.0, "sample_seconds": 1.5,
	}
	if diff := cmp.Diff(want, steadyFields(beat)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]influx.Tag{{Key: "host", Value: testHost}}, beat.Tags); diff != "" || beat.Measurement != "nezuban_agent" || !beat.Time.Equal(at) {
		t.Errorf("found %s at %s (-want +got):\n%s", beat.Measurement, beat.Time, diff)
	}

	// Before the first round, without Docker, and with nothing that waits.
	table.Disconnected()
	written.stats = influx.Stats{}
	want["docker_up"], want["dropped"], want["spool_bytes"] = false, int64(0), int64(0)
	delete(want, "spool_oldest_seconds")
	delete(want, "sample_seconds")
	if diff := cmp.Diff(want, steadyFields(s.heartbeat(influx.StateUp, 0, at))); diff != "" {
		t.Errorf("with nothing that waits (-want +got):\n%s", diff)
	}
}

// steadyFields are those of a heartbeat that do not depend on the moment.
func steadyFields(beat influx.Point) map[string]any {
	fields := make(map[string]any)
	for _, f := range beat.Fields {
		fields[f.Key] = f.Value.Interface()
	}
	for _, key := range []string{influx.FieldCPUSeconds, influx.FieldRSSBytes, influx.FieldUptimeSeconds} {
		delete(fields, key)
	}
	return fields
}

// cpuSeconds is what this process has spent so far.
func cpuSeconds(t *testing.T) float64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
