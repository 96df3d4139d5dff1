package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
	"nezuban/packaging/testenv"
)

// received are the points that an agent has sent.
type received struct {
	mu     sync.Mutex
	points []influx.Point
}

// ServeHTTP takes line protocol.
func (r *received) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	points, bad := influx.Decode(body, lineprotocol.Nanosecond, time.Now())
	if err != nil || len(bad) > 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, points...)
	w.WriteHeader(http.StatusNoContent)
}

// of are those of a measurement of one container, in the order in which they came.
func (r *received) of(measurement, container string) (found []influx.Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.points {
		if p.Measurement == measurement && p.Tag(influx.TagContainerName) == container {
			found = append(found, p)
		}
	}
	return found
}

// last is the newest of them.
func (r *received) last(measurement, container string) influx.Point {
	if all := r.of(measurement, container); len(all) > 0 {
		return all[len(all)-1]
	}
	return influx.Point{}
}

// event is the first event of its kind, if one was told.
func (r *received) event(container, action string) (p influx.Point, told bool) {
	for _, p := range r.of(influx.ContainerEvent, container) {
		if p.Tag(influx.TagAction) == action {
			return p, true
		}
	}
	return influx.Point{}, false
}

func field(p influx.Point, key string) int64 { v, _ := p.Int(key); return v }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const patience = 3 * time.Minute // also on a machine that is emulated
	for end := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// The built agent among real containers, on whatever version of cgroup this machine has: what it sends of each, and that verify
// finds its figures to be cAdvisor's.
func TestTheAgentAmongContainers(t *testing.T) {
	engine, image := testenv.Docker(t), testenv.DockerImage(t)
	command := testenv.Command(t, "docker", "docker.io")
	program := testenv.Build(t, "./agent")
	docker := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), command, args...).CombinedOutput(); err != nil {
			t.Fatalf("docker %v: %v\n%s", args, err, out)
		}
	}
	run := func(options string, command string) (name string) {
		t.Helper()
		name = "nz-agent-" + strings.ToLower(rand.Text()[:10])
		args := append([]string{"run", "-d", "--name", name}, strings.Fields(options)...)
		t.Cleanup(func() { docker("rm", "-f", name) })
		docker(append(append(args, image), strings.Fields(command)...)...)
		return name
	}

	var got received
	server := httptest.NewServer(&got)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "agent.toml")
	text := fmt.Sprintf("host = \"h1\"\ninterval = \"1s\"\nlisten = \"\"\ndocker_socket = %q\n[[output]]\nname = \"there\"\nurl = %q\n", engine, server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	agent := exec.CommandContext(t.Context(), program, "run", "-config", path)
	agent.Stderr = &log
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}

	limited := run("--memory 64m --cpus 0.15 --pids-limit 50", "burn")
	plain := run("", "sleep")
	paused := run("", "burn")
	onHost := run("--network host", "sleep")
	joined := run("--network container:"+limited, "sleep")
	parent := run("--memory 32m", "parent hoard")   // whose child the kernel kills
	victim := run("--memory 32m", "hoard after 3s") // and of this the first process
	docker("pause", paused)
	_, unified := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	v2 := unified == nil
	living := []string{limited, plain, paused, onHost, joined, parent}

	eventually(t, "a container to be throttled", func() bool {
		return field(got.last(influx.ContainerCPU, limited), influx.FieldThrottledTime) > 0
	})
	eventually(t, "a child to be killed", func() bool { return field(got.last(influx.ContainerMem, parent), influx.FieldOOMKills) > 0 })
	eventually(t, "a pause to be told", func() bool { return got.last(influx.ContainerCPU, paused).Tag(influx.TagContainerStatus) == "paused" })
	eventually(t, "figures of all", func() bool {
		for _, name := range living {
			if len(got.of(influx.ContainerMem, name)) < 2 || len(got.of(influx.ContainerCPU, name)) < 2 {
				return false
			}
		}
		return true
	})
	for _, name := range living {
		cpu, memory, pids := got.last(influx.ContainerCPU, name), got.last(influx.ContainerMem, name), got.last(influx.ContainerPIDs, name)
		if field(cpu, influx.FieldUsageTotal) <= 0 || field(memory, influx.FieldUsage) <= 0 || field(memory, influx.FieldRSS) <= 0 || field(pids, influx.FieldPIDs) <= 0 {
			t.Errorf("%s: found %v, %v, %v", name, cpu, memory, pids)
		}
		if _, some := cpu.Float(influx.FieldUsagePercentOfLimit); some != (name == limited) {
			t.Errorf("%s has a percentage of its CPU limit: %v", name, some)
		}
	}
	if memory := got.last(influx.ContainerMem, limited); field(memory, influx.FieldLimit) != 64<<20 {
		t.Errorf("a limit of 64 MiB: found %v", memory)
	}
	if field(got.last(influx.ContainerPIDs, limited), influx.FieldPIDsLimit) != 50 {
		t.Errorf("a limit of 50 processes: found %v", got.last(influx.ContainerPIDs, limited))
	}
	if limit := field(got.last(influx.ContainerMem, plain), influx.FieldLimit); limit < 1<<28 {
		t.Errorf("without a limit there are %d bytes, expected what the machine has", limit)
	}
	for _, name := range []string{limited, plain, paused, parent} {
		if len(got.of(influx.ContainerNet, name)) == 0 {
			t.Errorf("%s has no network", name)
		}
	}
	for _, name := range []string{onHost, joined} {
		if net := got.of(influx.ContainerNet, name); len(net) > 0 {
			t.Errorf("%s has a network of its own: %v", name, net)
		}
	}
	if _, died := got.event(parent, "die"); died {
		t.Errorf("a container whose child was killed died: %v", got.of(influx.ContainerEvent, parent))
	}
	var die influx.Point // Docker may tell of the want of memory after it
	eventually(t, "the death of a first process", func() (died bool) { die, died = got.event(victim, "die"); return died })
	requested, _ := die.Bool(influx.FieldRequested)
	oom, _ := die.Bool(influx.FieldOOM)
	if requested || field(die, influx.FieldExitCode) != 137 || v2 && !oom { // on v1 Docker alone tells, and may be too late
		t.Errorf("a first process that was killed for want of memory: found %v", die)
	}
	if some := field(got.last(influx.ContainerPressure, limited), influx.FieldCPUSome) > 0; some != v2 {
		t.Errorf("a throttled container has waited for the CPU: %v", some)
	}

	out, err := exec.CommandContext(t.Context(), program, append([]string{"verify", "-config", path}, living...)...).CombinedOutput()
	if err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	for _, name := range living {
		if !strings.Contains(string(out), name) {
			t.Errorf("verify says nothing of %s:\n%s", name, out)
		}
	}
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err != nil || strings.Contains(log.String(), "cAdvisor's handler") {
		t.Errorf("the agent ended with %v, and logged\n%s", err, &log)
	}
}
