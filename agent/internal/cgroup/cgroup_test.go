package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

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
	h, err := Under(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h, dir
}

// pid is the process of every recording.
const pid = 511

// open makes a reader of the recording's process. Its files are closed at the end.
func open(t testing.TB, h Hierarchy, network bool) *Reader {
	t.Helper()
	place, err := h.Of(pid, network)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := NewReader(kernel.NewFiles(100), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	return reader
}

func read(t testing.TB, h Hierarchy, network bool) *Sample {
	t.Helper()
	var s Sample
	if err := open(t, h, network).Read(&s, time.Now()); err != nil {
		t.Fatal(err)
	}
	return &s
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
		{"v1 without a throttle rule since Linux 6.10", "v1-limits.txtar", replace("sys/fs/cgroup/blkio/docker/*/blkio.throttle*", "Total 0\n"), true, influx.ContainerBlkio},
		{"v2 without any block io", "v2-web.txtar", replace("sys/fs/cgroup/system.slice/*/io.stat", ""), true, influx.ContainerBlkio},
		{"v2 device without values", "v2-web.txtar", replace("sys/fs/cgroup/system.slice/*/io.stat", "254:0 \n"), true, influx.ContainerBlkio},
		{"v2 without the io controller", "v2-web.txtar", remove("sys/fs/cgroup/system.slice/*/io.stat"), true, influx.ContainerBlkio},
		{"v2 without the memory controller", "v2-web.txtar", remove("sys/fs/cgroup/system.slice/*/memory.*"), true, influx.ContainerMem},
		{"the host's network", "v1-limits.txtar", func(*testing.T, string) {}, false, influx.ContainerNet},
		{"no network but loopback", "v2-web.txtar", replace("proc/511/net/dev", "a\nb\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"), true, influx.ContainerNet},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, dir := recorded(t, tt.recording)
			tt.edit(t, dir)
			points := pointsOf(t, read(t, h, tt.network), id)
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

// A folder that is removed takes its files with it: of those that are held open the kernel says ENODEV.
func TestReadOfCgroupThatEnded(t *testing.T) {
	for _, name := range []string{"v1-limits.txtar", "v2-web.txtar"} {
		t.Run(name, func(t *testing.T) {
			h, dir := recorded(t, name)
			place, err := h.Of(pid, true)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := NewReader(kernel.NewFiles(0), place) // none is held open
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, "sys")); err != nil {
				t.Fatal(err)
			}
			if err := reader.Read(&Sample{}, time.Now()); !errors.Is(err, ErrGone) {
				t.Errorf("Read() = %v, expected ErrGone", err)
			}
			if _, err := NewReader(kernel.NewFiles(0), place); !errors.Is(err, ErrGone) {
				t.Errorf("NewReader() = %v, expected ErrGone", err)
			}
		})
	}
}

func TestPlaceOfProcessThatEnded(t *testing.T) {
	h, _ := recorded(t, "v2-web.txtar")
	if _, err := h.Of(512, true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Of(512) = %v, expected %v", err, os.ErrNotExist)
	}
}

// While a process ends, v1 has it in the root of each hierarchy: whose figures are not its cgroup's.
func TestPlaceOfProcessThatIsEnding(t *testing.T) {
	h, dir := recorded(t, "v1-limits.txtar")
	path := filepath.Join(dir, "proc/511/cgroup")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ending strings.Builder
	for line := range strings.Lines(string(text)) {
		ending.WriteString(line[:strings.LastIndex(line, ":/")] + ":/\n")
	}
	if err := os.WriteFile(path, []byte(ending.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if place, err := h.Of(pid, true); !errors.Is(err, ErrGone) {
		t.Errorf("Of(%d) = %v, %v, expected ErrGone", pid, place, err)
	}
}

func TestWorking(t *testing.T) {
	for _, tt := range []struct {
		name            string
		inactive, total kernel.Figure
		want            uint64
	}{
		{"v1 takes the figure of the whole subtree", kernel.Known(1), kernel.Known(30), 70},
		{"v2", kernel.Known(30), kernel.Figure{}, 70},
		{"none known", kernel.Figure{}, kernel.Figure{}, 100},
		{"more than used: not read at one instant", kernel.Known(101), kernel.Figure{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Memory{Usage: kernel.Known(100)}
			m.Stats[StatInactiveFile], m.Stats[StatTotalInactiveFile] = tt.inactive, tt.total
			if got := m.Working(); got != kernel.Known(tt.want) {
				t.Errorf("Working() = %v, expected %d", got, tt.want)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	none := kernel.Figure{}
	for _, tt := range []struct {
		name    string
		limit   kernel.Figure
		machine uint64
		want    kernel.Figure
	}{
		{"own", kernel.Known(50), 100, kernel.Known(50)},
		{"none", none, 100, kernel.Known(100)},
		{"more than there is", kernel.Known(200), 100, kernel.Known(100)},
		{"machine not known", kernel.Known(50), 0, kernel.Known(50)},
		{"nothing known", none, 0, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&Memory{Limit: tt.limit}).limit(tt.machine); got != tt.want {
				t.Errorf("limit() = %v, expected %v", got, tt.want)
			}
		})
	}
}

// pointsOf is the first lines of a container, read again.
func pointsOf(t testing.TB, s *Sample, id string, tags ...influx.Tag) []influx.Point {
	t.Helper()
	owner, err := NewOwner(id, tags)
	if err != nil {
		t.Fatal(err)
	}
	var tracker Tracker
	var lines influx.Lines
	tracker.Append(&lines, s, owner, Machine{}, time.Unix(1000, 0))
	points, bad := influx.Decode(lines.Bytes(), lineprotocol.Nanosecond, time.Now())
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	return points
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
			owner, err := NewOwner("0a", nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range tt.readings {
				var lines influx.Lines
				cpu := CPU{Total: kernel.Known(r.total), Quota: kernel.Known(50_000), Period: kernel.Known(100_000)}
				tracker.Append(&lines, &Sample{At: start.Add(r.after), CPU: cpu}, owner, Machine{}, start)
				points, bad := influx.Decode(lines.Bytes(), lineprotocol.Nanosecond, start)
				if len(points) != 1 || len(bad) > 0 {
					t.Fatalf("%s: %v", lines.Bytes(), bad)
				}
				p := points[0]
				got, ok := p.Float(influx.FieldUsagePercent)
				if limit, limited := p.Float(influx.FieldUsagePercentOfLimit); limited != ok || limit != 2*got {
					t.Errorf("reading %d: %v of the limit, %v, expected twice %v", i, limit, limited, got)
				}
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
		{"outside of the namespace", "0::/../../x\n", nil},
		{"outside, its root", "0::/..\n", nil},
		{"two dots that belong to a name", "0::/..x\n", map[string]string{"": "/..x"}},
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

func TestFind(t *testing.T) {
	id := strings.Repeat("0a", 32)
	root := t.TempDir()
	for _, path := range []string{
		"v2/system.slice/a.service/deep", "v2/system.slice/b.service", "v2/system.slice/a.socket", "v2/user.slice/user-1.slice/x.service",
		"v2/system.slice/docker-" + id + ".scope/init", "v1/docker/" + id, "v1/system.slice/a.service", "v1/system.slice/c.service",
		"v2/a/b/c/" + id,
	} {
		if err := os.MkdirAll(filepath.Join(root, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	v2, v1 := mount{point: filepath.Join(root, "v2"), from: "/"}, mount{point: filepath.Join(root, "v1"), from: "/"}
	machines := map[string]Hierarchy{
		"v2": {mounts: map[string]mount{"": v2}}, "hybrid": {mounts: map[string]mount{"": v2, "memory": v1, "cpu": v1}}, "none": {},
	}
	for _, tt := range []struct{ machine, glob, want string }{
		{"v2", "system.slice/*.service", "/system.slice/a.service /system.slice/b.service"},
		{"v2", "/system.slice/a.*", "/system.slice/a.service /system.slice/a.socket"},
		{"v2", "*.slice", "/system.slice /user.slice"},
		{"v2", "*/*/*.service", "/user.slice/user-1.slice/x.service"},
		{"v2", "system.slice/[ab].service/deep", "/system.slice/a.service/deep"},
		{"v2", "none", ""},
		{"hybrid", "system.slice/*.service", "/system.slice/a.service /system.slice/b.service /system.slice/c.service"},
		{"hybrid", "docker", "/docker"},
		{"none", "*", ""},
	} {
		glob, err := ParseGlob(tt.glob)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(machines[tt.machine].Find(glob), " "); got != tt.want {
			t.Errorf("%s on %s: found %q, expected %q", tt.glob, tt.machine, got, tt.want)
		}
	}
	for machine, want := range map[string]string{
		"v2": "/system.slice/docker-" + id + ".scope", "hybrid": "/docker/" + id + " /system.slice/docker-" + id + ".scope", "none": "",
	} {
		if got := strings.Join(machines[machine].Containers(3), " "); got != want {
			t.Errorf("containers on %s: found %q, expected %q", machine, got, want)
		}
	}
	for _, bad := range []string{"", "/", "a//b", "a/", "../etc", "a/../b", ".", "a[", "[]a]/b", `a\`} {
		if g, err := ParseGlob(bad); err == nil {
			t.Errorf("%q is taken as %q", bad, g)
		}
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
