//go:build !race

package app

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/packaging/testenv"
)

// Containers that live for a fifth of a second, started as fast as Docker can: InfluxDB has one start and one death of each, with its
// exit code and its image.
func TestShortLivesAreAllTold(t *testing.T) {
	const containers, atOnce = 200, 4
	e := newEngine(t)
	output := influx.Output{Name: "influxdb", URLs: []string{testenv.Influxd(t)}, Bucket: "nezuban"}
	there := e.run(spec{Cmd: []string{"sleep"}})
	stop := running(t, Config{Host: testHost, Interval: time.Second, LogLevel: "info", DockerSocket: e.path, StateDir: t.TempDir(), Outputs: []influx.Output{output}})
	events := func(t *testing.T, action, field string) map[string][]any {
		t.Helper()
		rows, err := influx.Query(t.Context(), output, fmt.Sprintf(
			`from(bucket: "nezuban") |> range(start: -1h) |> filter(fn: (r) => r._measurement == %q and r.action == %q and r._field == %q)`,
			influx.ContainerEvent, action, field))
		if err != nil {
			return nil // the database is made with the first write
		}
		found := make(map[string][]any)
		for _, row := range rows {
			name, _ := row[influx.TagContainerName].(string)
			found[name] = append(found[name], row["_value"])
		}
		return found
	}
	await(t, "docker to be followed", func() bool { return len(events(t, influx.ActionPresent, influx.FieldStatus)[there]) > 0 })

	var mu sync.Mutex
	want := make(map[string]int64) // exit code by name: what the test itself has started
	var starting sync.WaitGroup
	for worker := range atOnce {
		starting.Go(func() {
			for i := worker; i < containers; i += atOnce {
				name, err := e.tryRun(spec{Cmd: []string{"exit", fmt.Sprint(i), "after", "200ms"}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[name] = int64(i % 256)
				mu.Unlock()
			}
		})
	}
	starting.Wait()
	for name := range want {
		e.post("/containers/"+name+"/wait", nil)
	}
	await(t, "all deaths", func() bool {
		died := events(t, influx.ActionDie, influx.FieldExitCode)
		for name := range want {
			if len(died[name]) == 0 {
				return false
			}
		}
		return true
	})
	stop()
	all := func(action, field string) (found map[string][]any) {
		t.Helper()
		await(t, "an answer", func() bool { found = events(t, action, field); return found != nil })
		return found
	}
	starts := all(influx.ActionStart, influx.FieldContainerID)
	images, versions := all(influx.ActionStart, influx.FieldImage), all(influx.ActionStart, influx.FieldVersion)
	image, version := docker.SplitImage(e.image)
	dies := all(influx.ActionDie, influx.FieldExitCode)
	for name, code := range want {
		if len(starts[name]) != 1 || len(dies[name]) != 1 || dies[name][0] != code {
			t.Errorf("%s: starts %v, deaths with exit codes %v, expected one with %d", name, starts[name], dies[name], code)
		}
		if diff := cmp.Diff([][]any{{image}, {version}}, [][]any{images[name], versions[name]}); diff != "" {
			t.Errorf("%s: image and version of its start (-want +got):\n%s", name, diff)
		}
	}
	if len(want) != containers {
		t.Errorf("%d were started", len(want))
	}
}
