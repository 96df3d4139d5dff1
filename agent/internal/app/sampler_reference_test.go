package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/cgroup/reference"
	"nezuban/agent/internal/docker"
)

// recordedPID is the process of the container in a recording.
const recordedPID = 511

// recordedMachine is the one that a container of a web server was recorded on.
func recordedMachine(t *testing.T) cgroup.Hierarchy {
	t.Helper()
	archive, err := txtar.ParseFile("../cgroup/testdata/v2-web.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	hierarchy, err := cgroup.Under(dir)
	if err != nil {
		t.Fatal(err)
	}
	return hierarchy
}

// Each container is compared with the reference when its first sample is taken: one of which our own reader does not understand a file
// is read by cAdvisor's handler, and counted.
func TestTheSamplerComparesWithTheReference(t *testing.T) {
	cgroups.TestMode = true // lets the library read recordings, which lie on no cgroup file system
	t.Cleanup(func() { cgroups.TestMode = false })
	const usage = 31977472 - 8396800 // memory.current of the recording, less inactive_file
	for _, tt := range []struct {
		name, blockIO string // what io.stat says; empty: as recorded
		fallbacks     int64
	}{
		{"the two agree", "", 0},
		{"ours does not understand", "254:0 rbytes=102400 rubbish\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := docker.NewTable()
			table.Put(docker.Container{ID: "a", Name: "a", Status: "running", PID: recordedPID, RestartPolicy: "no"})
			s, _ := testSampler(t, table)
			s.hierarchy = recordedMachine(t)
			if tt.blockIO != "" {
				place, err := s.hierarchy.Of(recordedPID, true)
				if err := errors.Join(err, os.WriteFile(filepath.Join(place.Dirs["blkio"].Path, "io.stat"), []byte(tt.blockIO), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			for round := range int64(2) { // of one life it is said once
				memory := tick(t, s, time.Unix(1000+10*round, 0))["a"][influx.ContainerMem]
				if len(memory) != 1 {
					t.Fatalf("round %d: found the points %v of memory, expected one", round, memory)
				}
				if got, _ := memory[0].Int(influx.FieldUsage); got != usage {
					t.Errorf("round %d: it uses %d bytes, expected %d", round, got, usage)
				}
				if got, _ := s.heartbeat(influx.StateUp, 0, time.Unix(1000, 0)).Int(influx.FieldFallbacks); got != tt.fallbacks {
					t.Errorf("round %d: %d containers fall back, expected %d", round, got, tt.fallbacks)
				}
				if _, byHandler := s.containers["a"].source.(*reference.Handler); byHandler != (tt.fallbacks > 0) {
					t.Errorf("round %d: it is read by a %T", round, s.containers["a"].source)
				}
			}
		})
	}
}
