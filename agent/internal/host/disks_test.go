package host

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// machineOf is a sampler of a machine with these mounts. What statfs blocks on is the test's.
type machineOf struct {
	*Sampler
	t    *testing.T
	path string // of mountinfo
	said *bytes.Buffer
}

func newMachine(t *testing.T, statfs func(path string, into *syscall.Statfs_t) error, mounts ...string) *machineOf {
	t.Helper()
	dir, _ := recorded(t)
	m := &machineOf{t: t, path: filepath.Join(dir, "1/proc/self/mountinfo"), said: new(bytes.Buffer)}
	o := options()
	o.Files = kernel.NewFiles(0) // the kernel does not tell when a file that is no list of mounts changes
	o.Log = slog.New(slog.NewTextHandler(m.said, nil))
	m.Sampler = newSampler("h1", o, filepath.Join(dir, "1"))
	m.disks.statfs = statfs
	m.mount(mounts...)
	return m
}

// mount changes what is mounted.
func (m *machineOf) mount(lines ...string) {
	m.t.Helper()
	if err := os.WriteFile(m.path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// round samples, and gives the mount points that have figures. It waits for the others for a second.
func (m *machineOf) round() string {
	m.t.Helper()
	var lines influx.Lines
	if _, err := m.Sample(&lines, time.Unix(1000, 0), time.After(time.Second)); err != nil {
		m.t.Error(err)
	}
	var paths []string
	for _, p := range decode(m.t, &lines) {
		if p.Measurement == influx.Disk {
			paths = append(paths, p.Tag(influx.TagPath))
		}
	}
	return strings.Join(paths, " ")
}

const (
	rootMount = "21 1 254:1 / / rw - ext4 /dev/vda1 rw"
	usbMount  = "22 21 8:1 / /usb rw - ext4 /dev/sda1 rw"
)

// hanging is a statfs that does not come back from some paths until they are let go.
type hanging struct {
	let    map[string]chan struct{}
	first  int64        // so often it comes back before
	asked  atomic.Int64 // of those
	inside atomic.Int64 // at once
}

func (h *hanging) statfs(path string, into *syscall.Statfs_t) error {
	if let, ok := h.let[path]; ok {
		if h.asked.Add(1) <= h.first {
			return full(path, into)
		}
		h.inside.Add(1)
		<-let
		h.inside.Add(-1)
	}
	return full(path, into)
}

// A file system that does not answer has no figures, is asked once, is waited for once, said once and counted, and the others go on.
// When it answers all is as before.
func TestAFileSystemThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{let: map[string]chan struct{}{"/usb": make(chan struct{})}, first: 1}
		m := newMachine(t, h.statfs, rootMount, usbMount)
		if got := m.round(); got != "/ /usb" {
			t.Errorf("before it hangs: figures of %q", got)
		}
		begun := time.Now()
		for i, want := range []struct {
			hung int
			said string
		}{{0, ""}, {1, "does not answer"}, {1, ""}, {1, ""}} {
			m.said.Reset()
			if got := m.round(); got != "/" || m.Hung() != want.hung {
				t.Errorf("round %d: figures of %q, %d hung, expected those of / alone, and %d", i, got, m.Hung(), want.hung)
			}
			if said := m.said.String(); (said == "") != (want.said == "") || !strings.Contains(said, want.said) {
				t.Errorf("round %d: said %q, expected %q", i, said, want.said)
			}
		}
		if h.asked.Load() != 2 {
			t.Errorf("it was asked %d times, expected once since it hangs", h.asked.Load())
		}
		if waited := time.Since(begun); waited != time.Second {
			t.Errorf("the rounds waited for %s, expected the second of the first", waited)
		}
		close(h.let["/usb"])
		synctest.Wait()
		m.said.Reset()
		if got := m.round(); got != "/ /usb" || m.Hung() != 0 || !strings.Contains(m.said.String(), "answers again") {
			t.Errorf("after it answered: figures of %q, %d hung, said %q", got, m.Hung(), m.said)
		}
		m.said.Reset()
		if got := m.round(); got != "/ /usb" || m.said.Len() > 0 {
			t.Errorf("the round after: figures of %q, said %q", got, m.said)
		}
	})
}

// One that answers too late for its round, each time, has figures all the same: those that came since.
func TestAFileSystemThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, func(path string, into *syscall.Statfs_t) error {
			if path == "/usb" {
				time.Sleep(1500 * time.Millisecond) // fake time
			}
			return full(path, into)
		}, rootMount, usbMount)
		for i, want := range []string{"/", "/ /usb", "/ /usb"} {
			if got := m.round(); got != want || m.Hung() != 0 || m.said.Len() > 0 {
				t.Errorf("round %d: figures of %q, expected %q, %d hung, said %q", i, got, want, m.Hung(), m.said)
			}
			time.Sleep(9 * time.Second)
		}
	})
}

// What hangs and is no longer mounted is not counted, and what is mounted there instead is asked for itself. There are never more
// goroutines than mounts that are looked at, however often that happens.
func TestAFileSystemThatHangsAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		h := &hanging{let: map[string]chan struct{}{"/usb": let}}
		m := newMachine(t, h.statfs, rootMount)
		const times = mostMounts + 50
		for i := range times {
			m.mount(rootMount, strings.Replace(usbMount, "22", fmt.Sprint(100+i), 1))
			if got := m.round(); got != "/" {
				t.Fatalf("figures of %q", got)
			}
		}
		if h.inside.Load() != mostMounts-1 || runtime.NumGoroutine() > mostMounts+20 {
			t.Errorf("%d are asked at once, by %d goroutines, expected %d", h.inside.Load(), runtime.NumGoroutine(), mostMounts-1)
		}
		if n := strings.Count(m.said.String(), "too many"); n != 1 {
			t.Errorf("said %d times that there are too many", n)
		}
		m.mount(rootMount)
		if got := m.round(); got != "/" || m.Hung() != 0 {
			t.Errorf("after it went: figures of %q, %d hung", got, m.Hung())
		}
		close(let)
		synctest.Wait()
		m.mount(rootMount, usbMount)
		if got := m.round(); got != "/ /usb" || len(m.disks.mounts) != 2 {
			t.Errorf("mounted anew: figures of %q, %d are remembered", got, len(m.disks.mounts))
		}
	})
}

// An error is told, and the others have their figures.
func TestAFileSystemThatRefuses(t *testing.T) {
	m := newMachine(t, func(path string, into *syscall.Statfs_t) error {
		if path == "/usb" {
			return syscall.EACCES
		}
		return full(path, into)
	}, rootMount, usbMount)
	var lines influx.Lines
	_, err := m.Sample(&lines, time.Unix(1000, 0), nil)
	if err == nil || err.Error() != `host disk: statfs "/usb": permission denied` || m.Hung() != 0 {
		t.Errorf("error %v, %d hung", err, m.Hung())
	}
	if n := strings.Count(string(lines.Bytes()), "\ndisk,"); n != 1 {
		t.Errorf("%d have figures, expected 1", n)
	}
}

// A figure that a file system does not give is absent.
func TestUsageOfFileSystems(t *testing.T) {
	series, err := influx.NewSeries(influx.Disk, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		of   syscall.Statfs_t
		want string
	}{
		{
			"ext4",
			syscall.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 10, Bfree: 6, Bavail: 4, Files: 8, Ffree: 6},
			"total=40960i,free=16384i,used=16384i,used_percent=50,inodes_total=8i,inodes_free=6i,inodes_used=2i,inodes_used_percent=25",
		},
		{"full for all but root", syscall.Statfs_t{Bsize: 1, Blocks: 10, Bfree: 1}, "total=10i,free=0i,used=9i,used_percent=100"},
		{"btrfs has no number of inodes", syscall.Statfs_t{Bsize: 1, Blocks: 2, Bfree: 1, Bavail: 1}, "total=2i,free=1i,used=1i,used_percent=50"},
		{"blocks of another size than what it reads best", syscall.Statfs_t{Bsize: 1 << 20, Frsize: 512, Blocks: 2, Bfree: 2, Bavail: 2}, "total=1024i,free=1024i,used=0i,used_percent=0"},
		{"nothing", syscall.Statfs_t{Bsize: 4096}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines influx.Lines
			lines.Begin(series)
			appendUsage(&lines, &tt.of)
			lines.End(influx.Fixed{}, time.Unix(0, 0))
			want := ""
			if tt.want != "" {
				want = "disk " + tt.want + " 0\n"
			}
			if got := string(lines.Bytes()); got != want {
				t.Errorf("found %q, expected %q", got, want)
			}
		})
	}
}

func TestLocal(t *testing.T) {
	mounts, err := parseMounts([]byte(`21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 254:1 / /var/lib/docker rw - ext4 /dev/vda1 rw
23 21 254:16 /hosts /etc/hosts rw - ext4 /dev/vdb rw
24 21 254:32 / /my\040data ro - xfs /dev/vdc ro,attr2
25 21 0:40 /@home /home rw - btrfs /dev/vdd rw,subvolid=256,subvol=/@home
26 21 0:40 /@home/a /srv/a rw - btrfs /dev/vde rw,subvolid=256,subvol=/@home
27 21 0:41 / /tank rw - zfs tank/data rw
28 21 0:42 / /nfs rw - nfs4 server:/x rw
29 21 0:43 / /ssh rw - fuse.sshfs a@b: rw
30 21 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
31 21 0:44 / /run rw - tmpfs tmpfs rw
32 21 8:1 / /mnt rw - ext4 /dev/sda1 rw
33 21 8:17 / /mnt rw - ext4 /dev/sdb1 rw
34 21 8:33 / /sealed ro - ext4 /dev/sdc1 rw
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range local(mounts, map[string]bool{"ext4": true, "xfs": true, "btrfs": true, "squashfs": true}) {
		got = append(got, strings.Join([]string{device(m, "/none"), m.Mountpoint, m.FSType, mode(m)}, " "))
	}
	want := []string{
		"vda1 / ext4 rw", "vdc /my data xfs ro", "vdd /home btrfs rw", "tank/data /tank zfs rw",
		"sdb1 /mnt ext4 rw", // which hides what was mounted there before
		"sdc1 /sealed ext4 rw",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The kernel's name of a device is found for the names that are links, in /sys or else in /dev.
func TestDevice(t *testing.T) {
	root := t.TempDir()
	for link, to := range map[string]string{
		"sys/dev/block/254:1": "../../devices/pci/block/vda/vda1", "sys/dev/block/253:0": "../../devices/virtual/block/dm-0", "dev/mapper/lone": "../dm-3",
	} {
		path := filepath.Join(root, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "dev/dm-3"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		source       string
		major, minor int
		want         string
	}{
		{"/dev/vda1", 254, 1, "vda1"},
		{"/dev/root", 254, 1, "vda1"},
		{"/dev/mapper/vg-lv", 253, 0, "dm-0"},
		{"/dev/mapper/lone", 0, 40, "dm-3"}, // of btrfs, which has numbers of its own
		{"/dev/mapper/gone", 0, 41, "mapper/gone"},
		{"/dev/disk/x", 8, 1, "disk/x"},
		{"tank/data", 0, 41, "tank/data"},
	} {
		if got := device(&mountinfo.Info{Source: tt.source, Major: tt.major, Minor: tt.minor}, root); got != tt.want {
			t.Errorf("device %q is %q, expected %q", tt.source, got, tt.want)
		}
	}
}

// A file system that becomes read-only, as one with errors does, is said to be so by its next figures.
func TestModeOfAMount(t *testing.T) {
	m := newMachine(t, full, rootMount)
	var lines influx.Lines
	for _, tt := range []struct{ mount, want string }{{rootMount, "rw"}, {strings.TrimSuffix(rootMount, "rw") + "ro", "ro"}} {
		m.mount(tt.mount)
		lines.Reset()
		if _, err := m.Sample(&lines, time.Unix(1000, 0), nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(lines.Bytes()), "mode="+tt.want+",path=/") {
			t.Errorf("found %q, expected mode %s", lines.Bytes(), tt.want)
		}
	}
	if len(m.disks.mounts) != 1 {
		t.Errorf("%d mounts are remembered, expected 1", len(m.disks.mounts))
	}
}
