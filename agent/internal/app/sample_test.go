package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/docker"
)

// testSampler samples what is in the table.
func testSampler(t testing.TB, table *docker.Table) (*sampler, *recorder) {
	t.Helper()
	written := &recorder{}
	s := newSampler(testDaemon(t), Config{Host: testHost, Interval: time.Second}, table, written)
	t.Cleanup(s.close)
	return s, written
}

// tick samples once and returns the points of each container by measurement.
func tick(t testing.TB, s *sampler, at time.Time) map[string]map[string][]influx.Point {
	t.Helper()
	found := make(map[string]map[string][]influx.Point)
	s.sample(at)
	points, bad := influx.Decode(s.lines.Bytes(), lineprotocol.Nanosecond, time.Time{})
	if len(bad) > 0 {
		t.Error(bad)
	}
	for _, p := range points {
		if !p.Time.Equal(at) {
			t.Errorf("%s has the time %s, expected that of the tick, %s", p.Measurement, p.Time, at)
		}
		checkNames(t, p)
		name := p.Tag(influx.TagContainerName)
		if found[name] == nil {
			found[name] = make(map[string][]influx.Point)
		}
		found[name][p.Measurement] = append(found[name][p.Measurement], p)
	}
	return found
}

// checkNames holds a point against the table of all names.
func checkNames(t testing.TB, p influx.Point) {
	t.Helper()
	for _, m := range influx.Measurements() {
		if m.Name != p.Measurement {
			continue
		}
		if m.From != influx.FromAgent {
			t.Errorf("%s is said to be from %s", p.Measurement, m.From)
		}
		for _, tag := range p.Tags {
			if !slices.Contains(m.Tags, tag.Key) {
				t.Errorf("%s: tag %q is not in the table of names", p.Measurement, tag.Key)
			}
		}
		for _, field := range p.Fields {
			info, ok := m.Field(field.Key)
			if !ok || info.Kind != field.Value.Kind() {
				t.Errorf("%s: field %q of kind %v is not in the table of names", p.Measurement, field.Key, field.Value.Kind())
			}
		}
		return
	}
	t.Errorf("measurement %q is not in the table of names", p.Measurement)
}

// disk is a whole block device that a throttle can name.
func disk(t testing.TB) string {
	t.Helper()
	links, _ := filepath.Glob("/sys/block/*/device")
	for _, link := range links {
		name := filepath.Base(filepath.Dir(link))
		if _, err := os.Stat("/dev/" + name); err == nil {
			return "/dev/" + name
		}
	}
	t.Fatal("no disk found in /sys/block")
	return ""
}

// The figures of real containers: each kind, and none where there are none.
func TestSamplesOfRealContainers(t *testing.T) {
	e := newEngine(t)
	p := newProxy(t, e.path)
	p.restore()
	_, table := following(t, p.front)
	connected(t, table)

	const limit = 256 << 20
	busy := e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{
		Memory: limit, BlkioDeviceWriteBps: []throttle{{Path: disk(t), Rate: 1 << 30}},
	}})
	onHost := e.run(spec{Cmd: []string{"sleep"}, HostConfig: hostConfig{NetworkMode: "host"}})
	joined := e.run(spec{Cmd: []string{"sleep"}, HostConfig: hostConfig{NetworkMode: "container:" + busy}})
	alone := e.run(spec{Cmd: []string{"sleep"}, HostConfig: hostConfig{NetworkMode: "none"}})
	ended := e.run(spec{Cmd: []string{"exit", "4"}})
	e.post("/containers/"+ended+"/wait", nil)
	await(t, "the containers", func() bool {
		running := 0
		for _, c := range table.All() {
			switch {
			case c.Name == ended && c.Status == "exited":
				running++
			case c.Running() && slices.Contains([]string{busy, onHost, joined, alone}, c.Name):
				running++
			}
		}
		return running == 5
	})

	s, _ := testSampler(t, table)
	first := tick(t, s, time.Unix(1000, 0))
	if cpu := first[busy][influx.ContainerCPU]; len(cpu) != 1 {
		t.Fatalf("cpu points %v", cpu)
	} else if percent, ok := cpu[0].Float(influx.FieldUsagePercent); ok {
		t.Errorf("the first sample says %v %% CPU, expected none", percent)
	}
	begun := e.stats(busy)
	p.cut() // what runs is sampled without Docker
	await(t, "docker to be missed", func() bool { _, _, up := table.Engine(); return !up })
	const enough = uint64(200 * time.Millisecond)
	await(t, "work, and a write", func() bool {
		now := e.stats(busy)
		return now.CPU.Usage.Total >= begun.CPU.Usage.Total+enough && now.written() > 0
	})
	second := tick(t, s, time.Unix(1010, 0))

	cpu := second[busy][influx.ContainerCPU][0]
	if cpu.Tag(influx.TagEngineHost) == "" || cpu.Tag(influx.TagServerVersion) == "" {
		t.Errorf("the tags do not name the engine: %v", cpu.Tags)
	}
	if percent, ok := cpu.Float(influx.FieldUsagePercent); !ok || percent <= 0 || percent > 150 {
		t.Errorf("a container that works a fifth of the time uses %v %%, %v", percent, ok)
	}
	memory := second[busy][influx.ContainerMem][0]
	if used, _ := memory.Int(influx.FieldUsage); used < 16<<20 || used > limit {
		t.Errorf("a container that holds 16 MiB uses %d bytes", used)
	}
	if got, _ := memory.Int(influx.FieldLimit); got != limit {
		t.Errorf("memory limit %d, expected %d", got, limit)
	}
	if got := series(second[busy][influx.ContainerNet], influx.TagNetwork); got != "eth0 total" {
		t.Errorf("network %q, expected eth0 and total", got)
	}
	io := second[busy][influx.ContainerBlkio]
	if len(io) < 2 || io[len(io)-1].Tag(influx.TagDevice) != influx.Total {
		t.Fatalf("block io %v, expected a device and the total", io)
	}
	if written, ok := io[len(io)-1].Int(influx.FieldIOServiceBytesWrite); !ok || written == 0 {
		t.Errorf("a container that writes has written %d bytes, %v", written, ok)
	}
	for name, network := range map[string]string{onHost: "host", joined: "container:" + find(t, table, busy).ID, alone: "none", busy: "default"} {
		status := second[name][influx.ContainerStatus][0]
		if mode, ok := status.Text(influx.FieldNetworkMode); mode != network {
			t.Errorf("network_mode: found %q, %v, expected %q", mode, ok, network)
		}
	}
	for _, name := range []string{onHost, joined, alone} {
		if net := second[name][influx.ContainerNet]; len(net) > 0 {
			t.Errorf("network points of one that has none of its own: %v", net)
		}
		if len(second[name][influx.ContainerCPU]) != 1 || len(second[name][influx.ContainerMem]) != 1 {
			t.Errorf("%s has not one point each of cpu and memory: %v", name, second[name])
		}
	}
	status := second[ended][influx.ContainerStatus]
	if code, _ := status[0].Int(influx.FieldExitcode); code != 4 || status[0].Tag(influx.TagContainerStatus) != "exited" || len(second[ended]) != 1 {
		t.Errorf("of one that ended: %v", second[ended])
	}
	if len(second[""][influx.Docker]) != 1 || len(second[""][influx.CPU]) != 1 || len(second[""][influx.Mem]) != 1 || len(second[""][influx.System]) != 1 {
		t.Errorf("the engine and the host have not one point each: %v", second[""])
	}
}

// series lists the values of one tag.
func series(points []influx.Point, tag string) string {
	var all []string
	for _, p := range points {
		all = append(all, p.Tag(tag))
	}
	return strings.Join(all, " ")
}

// Without Docker a container is still a cgroup.
func TestCgroupsWithoutDocker(t *testing.T) {
	e := newEngine(t)
	name := e.run(spec{Cmd: []string{"sleep"}})
	client := docker.New(e.path)
	t.Cleanup(client.Close)
	c, err := client.Inspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	table := docker.NewTable()
	s, _ := testSampler(t, table)
	groups := series(tick(t, s, time.Unix(1000, 0))[""][influx.Cgroup], influx.TagCgroup)
	if !strings.Contains(groups, c.ID) {
		t.Errorf("cgroups %s, expected that of container %s", groups, c.ID)
	}
	table.Connected(docker.Info{})
	groups = series(tick(t, s, time.Unix(1010, 0))[""][influx.Cgroup], influx.TagCgroup)
	if strings.Contains(groups, c.ID) {
		t.Errorf("cgroups %s: once Docker has answered, a container is no cgroup", groups)
	}
}

// A process that is gone, or a process id that is another's by now.
func TestSampleOfWhatIsGone(t *testing.T) {
	table := docker.NewTable()
	table.Put(docker.Container{ID: "a", Name: "a", Status: "running", PID: 1 << 30, RestartPolicy: "no"})
	s, _ := testSampler(t, table)
	points := tick(t, s, time.Unix(1000, 0))["a"]
	if len(points) != 1 || len(points[influx.ContainerStatus]) != 1 {
		t.Errorf("points %v, expected the status only", points)
	}
	if s.cgroupTrouble.Failing() {
		t.Error("a container that ended is called trouble")
	}
}

// What ended while it was looked at is no trouble: Docker tells about that.
func TestWhatEndedIsNoTrouble(t *testing.T) {
	for err, trouble := range map[error]bool{
		cgroup.ErrGone: false, os.ErrNotExist: false, syscall.ESRCH: false, syscall.EACCES: true, syscall.EMFILE: true,
	} {
		if got := ignoreGone(&os.PathError{Op: "read", Path: "/proc/7/cgroup", Err: err}); (got != nil) != trouble {
			t.Errorf("%v: found %v", err, got)
		}
	}
}

// One sample of one real container, from the kernel to line protocol.
func BenchmarkRealContainerSample(b *testing.B) {
	e := newEngine(b)
	name := e.run(spec{Cmd: []string{"sleep"}})
	client := docker.New(e.path)
	b.Cleanup(client.Close)
	c, err := client.Inspect(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	table := docker.NewTable()
	table.Put(c)
	s, _ := testSampler(b, table)
	machine := machineOf(b, s)
	b.ReportAllocs()
	for b.Loop() {
		s.lines.Reset()
		if err := s.container(&c, &docker.Info{Name: "h"}, machine, time.Unix(1000, 0)); err != nil || len(s.lines.Bytes()) < 1000 {
			b.Fatalf("%q, %v", s.lines.Bytes(), err)
		}
	}
}

func machineOf(b *testing.B, s *sampler) cgroup.Machine {
	b.Helper()
	var lines influx.Lines
	m, err := s.host.Sample(&lines, time.Unix(1000, 0), nil)
	if err != nil {
		b.Fatal(err)
	}
	return cgroup.Machine{Memory: m.Memory, SystemCPU: m.SystemCPU}
}
