package host

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"

	"nezuban/agent/influx"
)

func TestUsage(t *testing.T) {
	tests := []struct {
		name      string
		last, now cpu.TimesStat
		active    float64 // -1: none
	}{
		{"half", cpu.TimesStat{User: 1, Idle: 1}, cpu.TimesStat{User: 2, Idle: 2}, 50},
		{"idle", cpu.TimesStat{Idle: 1}, cpu.TimesStat{Idle: 2}, 0},
		{"waiting for a disk is idle", cpu.TimesStat{}, cpu.TimesStat{Iowait: 2}, 0},
		{"stolen is not", cpu.TimesStat{}, cpu.TimesStat{Steal: 1, Idle: 3}, 25},
		{"iowait goes back a little", cpu.TimesStat{Iowait: 2, User: 1}, cpu.TimesStat{Iowait: 1.9, User: 2}, 100},
		{"no time passed", cpu.TimesStat{User: 1}, cpu.TimesStat{User: 1}, -1},
		{"counters began anew", cpu.TimesStat{User: 9}, cpu.TimesStat{User: 1}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields := usage(tt.last, tt.now)
			got, ok := influx.Point{Fields: fields}.Float(influx.FieldUsageActive)
			if !ok {
				got = -1
			}
			if got != tt.active {
				t.Errorf("active %v, expected %v", got, tt.active)
			}
			for _, f := range fields {
				if v := f.Value.FloatV(); v < 0 || v > 100 {
					t.Errorf("%s = %v", f.Key, v)
				}
			}
		})
	}
}

func TestOwn(t *testing.T) {
	mounts := []disk.PartitionStat{
		{Device: "/dev/vda1", Mountpoint: "/", Opts: []string{"rw"}},
		{Device: "/dev/vda1", Mountpoint: "/var/lib/docker", Opts: []string{"rw"}},
		{Device: "/dev/vdb", Mountpoint: "/etc/hosts", Opts: []string{"rw", "bind"}},
		{Device: "/dev/vdc", Mountpoint: "/data", Opts: []string{"ro"}},
	}
	var got []string
	for _, m := range own(mounts) {
		got = append(got, m.Mountpoint)
	}
	if diff := cmp.Diff([]string{"/", "/data"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotTheHosts(t *testing.T) {
	for name, want := range map[string]bool{"loop0": true, "ram1": true, "vda": false, "nvme0n1": false} {
		if got := isVirtual(name); got != want {
			t.Errorf("isVirtual(%q) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{"lo": true, "veth0a1b": true, "eth0": false, "docker0": false} {
		if got := isContainerLink(name); got != want {
			t.Errorf("isContainerLink(%q) = %v", name, got)
		}
	}
}

// This machine: everything is there, at one time, and CPU only from the second
// sample on.
func TestSample(t *testing.T) {
	s := New("h1")
	at := time.Unix(1000, 0)
	first, _, err := s.Sample(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the kernel counts in ticks of 10 ms
	second, machine, err := s.Sample(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if machine.Memory == 0 || machine.SystemCPU == 0 || machine.CPUs == 0 {
		t.Errorf("machine %+v", machine)
	}
	if count(first)[influx.CPU] != 0 {
		t.Error("the first sample has a CPU usage")
	}
	found := count(second)
	for _, m := range []string{influx.CPU, influx.Mem, influx.System} {
		if found[m] != 1 {
			t.Errorf("%d points of %s, expected 1", found[m], m)
		}
	}
	for _, p := range second {
		if !p.Time.Equal(at) || p.Tag(influx.TagHost) != "h1" {
			t.Errorf("%+v", p)
		}
	}
}

func count(points []influx.Point) map[string]int {
	n := make(map[string]int)
	for _, p := range points {
		n[p.Measurement]++
	}
	return n
}
