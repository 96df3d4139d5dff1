package app

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
)

// linesOf samples once and returns the lines of some measurements, in the order of their texts.
func linesOf(s *sampler, at time.Time, measurements ...string) []string {
	s.sample(at)
	var found []string
	for line := range strings.Lines(string(s.lines.Bytes())) {
		if measurement, _, _ := strings.Cut(line, ","); slices.Contains(measurements, measurement) {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(found)
	return found
}

// What Docker has said, to the letter: of containers in each state, and of the engine. What it has not said is absent.
func TestStatusAndEngineLines(t *testing.T) {
	const gone = 1 << 30 // a process that is not there: of such a container there is the status alone
	started, finished := time.Unix(900, 5), time.Unix(800, 7)
	state := func(name string) string { return strings.TrimSuffix(name, "2") }
	status := func(name, fields string) string {
		return "docker_container_status,container_image=load,container_name=" + name + ",container_status=" + state(name) +
			",container_version=1,engine_host=e1,host=h1,server_version=20.10.24 " + fields + " 1000000000000"
	}
	table := docker.NewTable()
	for _, c := range []docker.Container{
		{ID: "a1", Name: "running", PID: gone, ExitCode: 2, RestartCount: 3, StartedAt: started, FinishedAt: finished, NetworkMode: "host"},
		{ID: "a2", Name: "paused", PID: gone + 1, StartedAt: started, NetworkMode: "container:a1"},
		{ID: "a3", Name: "restarting", ExitCode: 1, RestartCount: 8, StartedAt: started, FinishedAt: finished, NetworkMode: "shop net"},
		{ID: "a4", Name: "exited", ExitCode: 137, OOMKilled: true, StartedAt: started, FinishedAt: finished, NetworkMode: "default"},
		{ID: "a5", Name: "exited2", StartedAt: started, FinishedAt: finished, NetworkMode: "none"},
		{ID: "a6", Name: "created"},
		{ID: "a7", Name: "dead"},
	} {
		c.Image, c.Version, c.Status = "load", "1", state(c.Name)
		table.Put(c)
	}
	engine := docker.Info{Name: "e1", ServerVersion: "20.10.24", NCPU: 8, MemTotal: 33 << 30, Images: 41, NFd: 42, NGoroutines: 43, NEventsListener: 44}
	table.Connected(engine)
	s, _ := testSampler(t, table)
	const times = "started_at=900000000005i,finished_at=800000000007i"
	want := []string{
		"docker,engine_host=e1,host=h1,server_version=20.10.24 n_cpus=8i,memory_total=35433480192i,n_images=41i,n_containers=7i,n_containers_running=2i," +
			"n_containers_paused=1i,n_containers_stopped=4i,n_used_file_descriptors=42i,n_goroutines=43i,n_listener_events=44i 1000000000000",
		status("created", `oomkilled=false,pid=0i,exitcode=0i,restart_count=0i,container_id="a6"`),
		status("dead", `oomkilled=false,pid=0i,exitcode=0i,restart_count=0i,container_id="a7"`),
		status("exited", `oomkilled=true,pid=0i,exitcode=137i,restart_count=0i,`+times+`,network_mode="default",container_id="a4"`),
		status("exited2", `oomkilled=false,pid=0i,exitcode=0i,restart_count=0i,`+times+`,network_mode="none",container_id="a5"`),
		status("paused", `oomkilled=false,pid=1073741825i,exitcode=0i,restart_count=0i,started_at=900000000005i,uptime_ns=99999999995i,network_mode="container:a1",container_id="a2"`),
		status("restarting", `oomkilled=false,pid=0i,exitcode=1i,restart_count=8i,`+times+`,network_mode="shop net",container_id="a3"`),
		status("running", `oomkilled=false,pid=1073741824i,exitcode=2i,restart_count=3i,`+times+`,uptime_ns=99999999995i,network_mode="host",container_id="a1"`),
	}
	if diff := cmp.Diff(want, linesOf(s, time.Unix(1000, 0), influx.Docker, influx.ContainerStatus)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// An inspect that was late tells the network of a container that the list alone has told of, and the engine counts no descriptors.
	created, _ := table.Find("a6")
	created.NetworkMode = "bridge"
	table.Replace([]docker.Container{created})
	engine.NFd, engine.NGoroutines, engine.NEventsListener = -1, 0, 0
	table.Connected(engine)
	want = []string{
		"docker,engine_host=e1,host=h1,server_version=20.10.24 n_cpus=8i,memory_total=35433480192i,n_images=41i,n_containers=1i,n_containers_running=0i," +
			"n_containers_paused=0i,n_containers_stopped=1i 1000000000000",
		status("created", `oomkilled=false,pid=0i,exitcode=0i,restart_count=0i,network_mode="bridge",container_id="a6"`),
	}
	if diff := cmp.Diff(want, linesOf(s, time.Unix(1000, 0), influx.Docker, influx.ContainerStatus)); diff != "" {
		t.Errorf("later (-want +got):\n%s", diff)
	}
}

// A round makes no garbage of its containers: what is the same each time is encoded once.
func TestARoundAllocatesLittle(t *testing.T) {
	const containers = 50
	table := docker.NewTable()
	table.Connected(docker.Info{Name: "e1", ServerVersion: "20.10.24"})
	s, _ := testSampler(t, table)
	s.hierarchy = recordedMachine(t)
	round := func() float64 {
		least := math.Inf(1)
		for range 4 { // the first opens files and makes room, and in any of them the host may have a new mount
			least = min(least, testing.AllocsPerRun(10, func() { s.sample(time.Unix(1000, 0)) }))
		}
		return least
	}
	host := round()
	for i := range containers {
		id := fmt.Sprintf("%064d", i)
		table.Put(docker.Container{
			ID: id, Name: "web" + id, Image: "load", Version: "1", Status: "running", NetworkMode: "default", Health: docker.Healthy,
			PID: recordedPID, StartedAt: time.Unix(900, 0),
		})
	}
	all := round()
	if found := strings.Count(string(s.lines.Bytes()), influx.ContainerMem+","); found != containers {
		t.Fatalf("%d containers are sampled, expected %d", found, containers)
	}
	if all > host+3 {
		t.Errorf("a round of %d containers makes %v allocations, one of none %v: expected no more", containers, all, host)
	}
}
