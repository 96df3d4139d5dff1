package cgroup

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/cgroups"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/influx"
)

func TestMain(m *testing.M) {
	cgroups.TestMode = true // lets the library read recordings, which lie on no cgroup file system
	os.Exit(m.Run())
}

// recorded unpacks a recording and returns a hierarchy that stands on it.
func recorded(t testing.TB, name string) (Hierarchy, string) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(name, "v2") {
		return Hierarchy{mounts: map[string]string{"": filepath.Join(dir, "sys")}, root: dir}, dir
	}
	mounts := make(map[string]string)
	for _, controller := range []string{"cpu", "cpuacct", "memory", "blkio"} {
		mounts[controller] = filepath.Join(dir, "sys", controller)
	}
	return Hierarchy{mounts: mounts, root: dir}, dir
}

// pid is the process of every recording.
const pid = 511

func read(t testing.TB, h Hierarchy, network bool) Sample {
	t.Helper()
	reader, err := h.Open(pid, network)
	if err != nil {
		t.Fatal(err)
	}
	s, err := reader.Read()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSampleOfRecordings(t *testing.T) {
	tests := []struct {
		name    string
		cpu     CPU
		usage   uint64 // as docker stats shows it
		limit   uint64
		peak    uint64
		network []Interface
		blkio   []Device
	}{
		{
			name:    "v1-burn.txtar",
			cpu:     CPU{Total: 671824708, User: 600000000, System: 60000000, Periods: 37, ThrottledPeriods: 1, ThrottledTime: 8440998},
			usage:   20541440 - 65536,
			limit:   67108864,
			peak:    20545536,
			network: []Interface{{Name: "eth0", RxBytes: 736, RxPackets: 8}},
			blkio: []Device{{
				Name:  "254:0",
				Bytes: map[string]uint64{"Read": 1658880, "Write": 1204224, "Sync": 2863104, "Async": 0, "Discard": 0, "Total": 2863104},
			}},
		},
		{
			name:    "v2-web.txtar",
			cpu:     CPU{Total: 39160036000, User: 11439271000, System: 27720765000, Periods: 1247, ThrottledPeriods: 375, ThrottledTime: 14270504000},
			usage:   31977472 - 8396800,
			limit:   67108864,
			peak:    32350208,
			network: []Interface{{Name: "eth0", RxBytes: 3124, RxPackets: 42, TxBytes: 1395, TxPackets: 19}},
			blkio: []Device{{
				Name:  "254:0",
				Bytes: map[string]uint64{"Read": 102400, "Write": 232783872},
				Count: map[string]uint64{"Read": 4, "Write": 233},
			}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := recorded(t, tt.name)
			s := read(t, h, true)
			if diff := cmp.Diff(&tt.cpu, s.CPU); diff != "" {
				t.Errorf("cpu (-want +got):\n%s", diff)
			}
			got := []uint64{s.Memory.Working(), s.Memory.Limit, s.Memory.MaxUsage}
			if diff := cmp.Diff([]uint64{tt.usage, tt.limit, tt.peak}, got); diff != "" {
				t.Errorf("memory usage, limit, peak (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.network, s.Network); diff != "" {
				t.Errorf("network (-want +got):\n%s", diff)
			}
			if tt.blkio[0].Count == nil && len(s.Blkio) == 1 {
				s.Blkio[0].Count = nil
			}
			if diff := cmp.Diff(tt.blkio, s.Blkio); diff != "" {
				t.Errorf("block io (-want +got):\n%s", diff)
			}
		})
	}
}

// What the kernel does not count must not become a zero.
func TestWhatIsNotCountedGivesNoPoint(t *testing.T) {
	const id = "0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b"
	replace := func(pattern, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no file is like %s: %v", pattern, err)
			}
			for _, f := range files {
				if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	remove := func(pattern string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			files, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, f := range files {
				if err := os.RemoveAll(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	tests := []struct {
		name, recording string
		edit            func(t *testing.T, dir string)
		network         bool
		absent          string
	}{
		{"v1 without a throttle rule since Linux 6.10", "v1-burn.txtar", replace("sys/blkio/docker/*/blkio.throttle*", "Total 0\n"), true, influx.ContainerBlkio},
		{"v2 without any block io", "v2-web.txtar", replace("sys/system.slice/*/io.stat", ""), true, influx.ContainerBlkio},
		{"v2 device without values", "v2-web.txtar", replace("sys/system.slice/*/io.stat", "254:0 \n"), true, influx.ContainerBlkio},
		{"v2 without the io controller", "v2-web.txtar", remove("sys/system.slice/*/io.stat"), true, influx.ContainerBlkio},
		{"v2 without the memory controller", "v2-web.txtar", remove("sys/system.slice/*/memory.*"), true, influx.ContainerMem},
		{"the host's network", "v1-burn.txtar", func(*testing.T, string) {}, false, influx.ContainerNet},
		{"no network but loopback", "v2-web.txtar", replace("proc/511/net/dev", "a\nb\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"), true, influx.ContainerNet},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, dir := recorded(t, tt.recording)
			tt.edit(t, dir)
			var tracker Tracker
			points := tracker.Points(read(t, h, tt.network), Owner{ID: id}, Machine{}, time.Now())
			if len(points) == 0 {
				t.Fatal("no point at all")
			}
			for _, p := range points {
				if p.Measurement == tt.absent {
					t.Errorf("found %+v", p)
				}
			}
		})
	}
}

func TestReadOfCgroupThatEnded(t *testing.T) {
	for _, name := range []string{"v1-burn.txtar", "v2-web.txtar"} {
		t.Run(name, func(t *testing.T) {
			h, dir := recorded(t, name)
			reader, err := h.Open(pid, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, "sys")); err != nil {
				t.Fatal(err)
			}
			if s, err := reader.Read(); !errors.Is(err, ErrGone) {
				t.Errorf("Read() = %+v, %v, expected ErrGone", s, err)
			}
		})
	}
}

func TestOpenOfProcessThatEnded(t *testing.T) {
	h, _ := recorded(t, "v2-web.txtar")
	if _, err := h.Open(512, true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open(512) = %v, expected %v", err, os.ErrNotExist)
	}
}

func TestWorking(t *testing.T) {
	tests := []struct {
		name   string
		memory Memory
		want   uint64
	}{
		{"v1 takes the figure of the whole subtree", Memory{Usage: 100, Stat: map[string]uint64{"inactive_file": 1, "total_inactive_file": 30}}, 70},
		{"v2", Memory{Usage: 100, Stat: map[string]uint64{"inactive_file": 30}}, 70},
		{"none known", Memory{Usage: 100}, 100},
		{"more than used: not read at one instant", Memory{Usage: 100, Stat: map[string]uint64{"inactive_file": 101}}, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.memory.Working(); got != tt.want {
				t.Errorf("Working() = %d, expected %d", got, tt.want)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	tests := []struct {
		name                 string
		limit, machine, want uint64
	}{
		{"own", 50, 100, 50},
		{"v1 none", 9223372036854771712, 100, 100},
		{"v2 none", math.MaxUint64, 100, 100},
		{"more than there is", 200, 100, 100},
		{"machine not known", 50, 0, 50},
		{"nothing known", math.MaxUint64, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Memory{Limit: tt.limit}).limit(tt.machine); got != tt.want {
				t.Errorf("limit() = %d, expected %d", got, tt.want)
			}
		})
	}
}

func TestPercent(t *testing.T) {
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	type reading struct {
		total uint64
		after time.Duration
		want  float64 // -1: none
	}
	tests := []struct {
		name     string
		readings []reading
	}{
		{"first has none", []reading{{5e9, 0, -1}}},
		{"one core of a second", []reading{{0, 0, -1}, {1e9, time.Second, 100}}},
		{"two cores", []reading{{0, 0, -1}, {20e9, 10 * time.Second, 200}}},
		{"idle", []reading{{7, 0, -1}, {7, time.Second, 0}}},
		{"gone back", []reading{{9e9, 0, -1}, {1e9, time.Second, -1}, {2e9, 2 * time.Second, 100}}},
		{"no time between", []reading{{0, 0, -1}, {1e9, 0, -1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tracker Tracker
			for i, r := range tt.readings {
				p := tracker.cpuPoint(CPU{Total: r.total}, start.Add(r.after), Owner{}, Machine{}, start)
				got, ok := p.Float(influx.FieldUsagePercent)
				if !ok {
					got = -1
				}
				if got != r.want {
					t.Errorf("reading %d: %v, expected %v", i, got, r.want)
				}
			}
		})
	}
}

func TestParseProc(t *testing.T) {
	tests := []struct {
		name, text string
		want       map[string]string
	}{
		{"v1", "4:memory:/docker/0a\n3:cpu,cpuacct:/docker/0a\n1:name=systemd:/init\n", map[string]string{"memory": "/docker/0a", "cpu": "/docker/0a", "cpuacct": "/docker/0a"}},
		{"v2", "0::/system.slice/docker-0a.scope\n", map[string]string{"": "/system.slice/docker-0a.scope"}},
		{"hybrid", "2:memory:/docker/0a\n0::/docker/0a\n", map[string]string{"memory": "/docker/0a", "": "/docker/0a"}},
		{"last line unfinished", "0::/x", map[string]string{"": "/x"}},
		{"colon in the path", "0::/a:b\n", map[string]string{"": "/a:b"}},
		{"outside of the namespace", "0::/../../x\n", map[string]string{"": "/x"}},
		{"empty", "", nil},
		{"no controller", "1:name=systemd:/\n", nil},
		{"not a cgroup file", "hello\n", nil},
		{"no path", "0::\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseProc([]byte(tt.text))
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever a process's file says, no path leads out of a mount.
func FuzzParseProc(f *testing.F) {
	f.Add([]byte("4:memory:/docker/0a\n0::/../x\n"))
	f.Add([]byte("1:name=systemd:/\n:::\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		groups, err := ParseProc(data)
		if err == nil && len(groups) == 0 {
			t.Error("neither groups nor an error")
		}
		for controller, path := range groups {
			if !strings.HasPrefix(filepath.Join("/mount", path)+"/", "/mount/") {
				t.Errorf("controller %q: path %q leads out", controller, path)
			}
		}
	})
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	container := "docker-" + strings.Repeat("0a", 32) + ".scope"
	for _, path := range []string{"a.slice/b.service/c/d", "user.slice/user-1.slice", "system.slice/" + container + "/init"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h := Hierarchy{mounts: map[string]string{"": dir}}
	paths, more := h.Walk(2, 10, IsContainer)
	want := []string{"/a.slice", "/system.slice", "/user.slice", "/a.slice/b.service", "/user.slice/user-1.slice"}
	if diff := cmp.Diff(want, paths); diff != "" || more {
		t.Errorf("more %v (-want +got):\n%s", more, diff)
	}
	paths, more = h.Walk(3, 4, func(string) bool { return false })
	if len(paths) != 4 || !more {
		t.Errorf("Walk stopped at %v, more %v; expected 4 paths and more", paths, more)
	}
	if paths, more = (Hierarchy{}).Walk(3, 4, IsContainer); len(paths) != 0 || more {
		t.Errorf("a machine without cgroups has %v, more %v", paths, more)
	}
}

func TestIsContainer(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for path, want := range map[string]bool{
		"/docker/" + id: true, "/system.slice/docker-" + id + ".scope": true,
		"/docker": false, "/system.slice/docker.service": false, "/process/" + id[:32]: false,
	} {
		if got := IsContainer(path); got != want {
			t.Errorf("IsContainer(%q) = %v, expected %v", path, got, want)
		}
	}
}
