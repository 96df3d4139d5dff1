package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// A sample, from the files to line protocol, allocates nothing once the first is taken.
func TestASampleAllocatesNothing(t *testing.T) {
	for _, name := range []string{"v1-limits.txtar", "v2-web.txtar"} {
		t.Run(name, func(t *testing.T) {
			h, _ := recorded(t, name)
			reader := open(t, h, true)
			owner, err := NewOwner("0a", []influx.Tag{{Key: influx.TagHost, Value: "h"}})
			if err != nil {
				t.Fatal(err)
			}
			var s Sample
			var tracker Tracker
			var lines influx.Lines
			if n := testing.AllocsPerRun(100, func() {
				if err := reader.Read(&s, time.Unix(1, 0)); err != nil {
					t.Fatal(err)
				}
				lines.Reset()
				tracker.Append(&lines, &s, owner, Machine{Memory: 1 << 34}, time.Unix(1, 0))
			}); n != 0 || len(lines.Bytes()) < 500 {
				t.Errorf("a sample allocates %v times, for %d bytes", n, len(lines.Bytes()))
			}
		})
	}
}

// What readers share bounds how many files they hold open; the others are read all the same.
func TestOpenFilesAreBoundedAndGivenBack(t *testing.T) {
	h, _ := recorded(t, "v1-limits.txtar")
	place, err := h.Of(pid, true)
	if err != nil {
		t.Fatal(err)
	}
	files := kernel.NewFiles(20)
	before := descriptors(t)
	var readers []*Reader
	for range 3 {
		reader, err := NewReader(files, place)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, reader)
	}
	if files.Open() != 20 || files.Most() != 20 || descriptors(t)-before != 20 {
		t.Errorf("%d of %d are open, and %d descriptors, expected 20", files.Open(), files.Most(), descriptors(t)-before)
	}
	var first Sample
	for i, reader := range readers {
		var s Sample
		if err := reader.Read(&s, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = s
		}
		if s.At = first.At; !cmp.Equal(first, s) {
			t.Errorf("reader %d reads something else than the first:\n%s", i, cmp.Diff(first, s))
		}
	}
	for _, reader := range readers {
		reader.Close()
		reader.Close() // once more changes nothing
	}
	if files.Open() != 0 || descriptors(t) != before {
		t.Errorf("%d stay open, and %d descriptors", files.Open(), descriptors(t)-before)
	}
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A file that is not as expected is named, with what it says; the figures of the others are there.
func TestWhatAFileSaysWrongIsNamed(t *testing.T) {
	for _, tt := range []struct{ recording, file, text, want string }{
		{"v1-limits.txtar", "sys/fs/cgroup/cpuacct/docker/*/cpuacct.usage", "many\n", `cpuacct.usage": found "many\n", expected a number`},
		{"v1-limits.txtar", "sys/fs/cgroup/cpuacct/docker/*/cpuacct.usage", "", `cpuacct.usage": found "", expected a number`},
		{"v1-limits.txtar", "sys/fs/cgroup/cpuacct/docker/*/cpuacct.usage", "18446744073709551616\n", `found "18446744073709551616\n", expected a number`},
		{"v1-limits.txtar", "sys/fs/cgroup/cpuacct/docker/*/cpuacct.stat", "user 1 2\n", `cpuacct.stat": found "user 1 2", expected a word and a number`},
		{"v1-limits.txtar", "sys/fs/cgroup/memory/docker/*/memory.limit_in_bytes", "-5\n", `memory.limit_in_bytes": found "-5\n", expected a number or max`},
		{"v1-limits.txtar", "sys/fs/cgroup/blkio/docker/*/blkio.throttle.io_service_bytes_recursive", "254:0 Read\n", `expected a device, an operation and a number`},
		{"v1-limits.txtar", "sys/fs/cgroup/blkio/docker/*/blkio.throttle.io_service_bytes_recursive", "sda Read 5\n", `found "sda Read 5", expected a device, an operation and a number`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/cpu.max", "max\n", `cpu.max": found "max\n", expected a number or max, and a number`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/io.stat", "rbytes=1\n", `io.stat": found "rbytes=1", expected a device and its figures`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/io.stat", "254:0 rbytes\n", `io.stat": found "254:0 rbytes", expected a device and its figures`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/memory.pressure", "some avg10=0.00\n", `memory.pressure": found "some avg10=0.00", expected some or full, and a total`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/memory.pressure", "some total=x\n", `found "some total=x", expected a total in µs`},
		{"v2-web.txtar", "proc/511/net/dev", "a\nb\neth0: 1 2 3\n", `net/dev": found "eth0: 1 2 3", expected 16 figures behind the interface`},
		{"v2-web.txtar", "proc/511/net/dev", "a\nb\neth0 1\n", `expected an interface and a colon`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/memory.stat", strings.Repeat("x", 4000) + "\n", `memory.stat": found "` + strings.Repeat("x", 80) + `"…, expected a word and a number`},
		{"v2-web.txtar", "sys/fs/cgroup/system.slice/*/memory.stat", strings.Repeat("anon 1\n", 1<<18), `memory.stat": found more than 1048576 bytes`},
	} {
		t.Run(tt.want, func(t *testing.T) {
			h, dir := recorded(t, tt.recording)
			paths, err := filepath.Glob(filepath.Join(dir, tt.file))
			if err != nil || len(paths) != 1 {
				t.Fatalf("found %v, %v", paths, err)
			}
			reader := open(t, h, true)
			if err := os.WriteFile(paths[0], []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var s Sample
			if err := reader.Read(&s, time.Unix(1, 0)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %v\nwant  …%s", err, tt.want)
			}
			if !s.Memory.Usage.Known || !s.Memory.MaxUsage.Known {
				t.Error("the figures of other files are gone")
			}
		})
	}
}

// A list of /proc is given in pieces of a page: all of it is read.
func TestAContainerWithVeryManyInterfaces(t *testing.T) {
	h, dir := recorded(t, "v2-web.txtar")
	var b strings.Builder
	b.WriteString("Inter-|\n face |\n")
	const many = 500
	for i := range many {
		fmt.Fprintf(&b, "veth%d: %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "proc/511/net/dev"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := read(t, h, true)
	if n := len(s.Network); n != many || s.Network[many-1].RxBytes != many-1 {
		t.Errorf("found %d interfaces, the last %+v", n, s.Network[n-1])
	}
}

func mounted(point, root, kind, options string) *mountinfo.Info {
	return &mountinfo.Info{Mountpoint: point, Root: root, FSType: kind, VFSOptions: options}
}

// Each controller is read where it is: of the hybrid some are v1's, and the others v2's.
func TestPlaces(t *testing.T) {
	const group = "/docker/0a"
	v1 := func(path string) Dir { return Dir{Path: path} }
	v2 := func(path string) Dir { return Dir{Path: path, V2: true} }
	for _, tt := range []struct {
		name   string
		mounts []*mountinfo.Info
		proc   string
		want   map[string]Dir
	}{
		{
			"v1",
			[]*mountinfo.Info{mounted("/c/cpu,cpuacct", "/", "cgroup", "rw,cpu,cpuacct"), mounted("/c/memory", "/", "cgroup", "rw,memory"), mounted("/c/systemd", "/", "cgroup", "rw,name=systemd")},
			"3:memory:/docker/0a\n2:cpu,cpuacct:/docker/0a\n1:name=systemd:/docker/0a\n",
			map[string]Dir{cpu: v1("/c/cpu,cpuacct" + group), cpuacct: v1("/c/cpu,cpuacct" + group), memory: v1("/c/memory" + group)},
		},
		{
			"v2",
			[]*mountinfo.Info{mounted("/c", "/", "cgroup2", "rw")},
			"0::/docker/0a\n",
			map[string]Dir{cpu: v2("/c" + group), cpuacct: v2("/c" + group), memory: v2("/c" + group), blkio: v2("/c" + group), pids: v2("/c" + group)},
		},
		{
			"hybrid, with v2 for what v1 does not have",
			[]*mountinfo.Info{mounted("/c/cpu", "/", "cgroup", "rw,cpu"), mounted("/c/cpuacct", "/", "cgroup", "rw,cpuacct"), mounted("/c/unified", "/", "cgroup2", "rw")},
			"2:cpu:/docker/0a\n1:cpuacct:/docker/0a\n0::/docker/0a\n",
			map[string]Dir{cpu: v1("/c/cpu" + group), cpuacct: v1("/c/cpuacct" + group), memory: v2("/c/unified" + group), blkio: v2("/c/unified" + group), pids: v2("/c/unified" + group)},
		},
		{
			"a part of the hierarchy is mounted",
			[]*mountinfo.Info{mounted("/c", "/docker", "cgroup2", "rw")},
			"0::/docker/0a\n",
			map[string]Dir{cpu: v2("/c/0a"), cpuacct: v2("/c/0a"), memory: v2("/c/0a"), blkio: v2("/c/0a"), pids: v2("/c/0a")},
		},
		{"another part is", []*mountinfo.Info{mounted("/c", "/doc", "cgroup2", "rw")}, "0::/docker/0a\n", map[string]Dir{}},
		{
			"of two mounts the first",
			[]*mountinfo.Info{mounted("/c/memory", "/", "cgroup", "rw,memory"), mounted("/chroot/memory", "/", "cgroup", "rw,memory")},
			"2:memory:/docker/0a\n",
			map[string]Dir{memory: v1("/c/memory" + group)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.MkdirAll(filepath.Join(root, "proc/511"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "proc/511/cgroup"), []byte(tt.proc), 0o600); err != nil {
				t.Fatal(err)
			}
			place, err := Hierarchy{mounts: byController(tt.mounts), root: root}.Of(pid, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Place{Dirs: tt.want, PID: pid, Proc: filepath.Join(root, "proc")}, place); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A container that no controller counts is no container that ended.
func TestAPlaceWithoutControllersIsAnError(t *testing.T) {
	if _, err := NewReader(kernel.NewFiles(1), Place{PID: pid}); err == nil || !strings.Contains(err.Error(), "no controller") {
		t.Errorf("found %v", err)
	}
}

// Pressure that the kernel was told not to count (psi=0) can be opened, and says EOPNOTSUPP when it is read: it is left out, its
// descriptor given back, and what comes after it is read.
func TestAFileThatIsSwitchedOffIsLeftOut(t *testing.T) {
	for err, want := range map[error]string{syscall.EOPNOTSUPP: "off", syscall.ENODEV: "gone", syscall.ESRCH: "gone", os.ErrNotExist: "gone", syscall.EIO: "wrong"} {
		got := "wrong"
		switch err := error(&os.PathError{Op: "read", Path: "cpu.pressure", Err: err}); {
		case off(err):
			got = "off"
		case gone(err):
			got = "gone"
		}
		if got != want {
			t.Errorf("%v is taken for %s, expected %s", err, got, want)
		}
	}
	h, _ := recorded(t, "v2-web.txtar")
	reader := open(t, h, false)
	all, open := reader.Paths(), reader.files.Open()
	reader.leaveOut(1)
	if diff := cmp.Diff(append(all[:1:1], all[2:]...), reader.Paths()); diff != "" || reader.files.Open() != open-1 {
		t.Errorf("%d files are open, of %d (-want +got):\n%s", reader.files.Open(), open, diff)
	}
	var s Sample
	if err := reader.Read(&s, time.Unix(1, 0)); err != nil || !s.PIDs.Limit.Known {
		t.Errorf("found %v, %+v", err, s.PIDs)
	}
}

// Whatever a file of the kernel holds: its parser neither panics nor reads beyond, and what it gives is a figure of the text.
func FuzzParsers(f *testing.F) {
	type named struct {
		name  string
		parse parser
	}
	parsers := []named{{"net/dev", parseNetDev}}
	for _, controller := range controllers() {
		for _, list := range [][]file{v1Files(controller), v2Files(controller)} {
			for _, one := range list {
				parsers = append(parsers, named(one))
			}
		}
	}
	for i, seed := range []string{"1\n", "max\n", "-1\n", "user 1\nsystem 2\n", "254:0 Read 5\nTotal 5\n", "254:0 rbytes=1 wios=2\n", "some avg10=0.00 total=7\nfull total=3\n", "a\nb\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", "max 100000\n", "50000 100000"} {
		f.Add(byte(i), seed)
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		p := parsers[int(which)%len(parsers)]
		var s, again Sample
		var names kernel.Names
		err := p.parse([]byte(text), &s, &names)
		if err != nil && !strings.Contains(err.Error(), "expected") {
			t.Errorf("%s: %v does not say what was expected", p.name, err)
		}
		if second := p.parse([]byte(text), &again, &names); fmt.Sprint(second) != fmt.Sprint(err) || !cmp.Equal(s, again) {
			t.Errorf("%s: read again, %q is something else", p.name, text)
		}
		for _, figure := range s.Figures() {
			if !figure.Known && figure.Value != 0 {
				t.Errorf("%s: %s is not known and %d", p.name, figure.Name, figure.Value)
			}
		}
	})
}
