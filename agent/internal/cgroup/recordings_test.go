package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/internal/kernel"
)

// recordings are the names of all there are.
func recordings(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found %v, %v", paths, err)
	}
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths
}

// known figures of a sample, by their names without docker_container_, with what is worked out of them.
func told(s *Sample) map[string]uint64 {
	all := make(map[string]uint64)
	for _, f := range s.Figures() {
		if f.Known {
			all[strings.TrimPrefix(f.Name, "docker_container_")] = f.Value
		}
	}
	for name, f := range map[string]kernel.Figure{"mem working": s.Memory.Working(), "cpu quota": s.CPU.Quota, "cpu period": s.CPU.Period} {
		if f.Known {
			all[name] = f.Value
		}
	}
	return all
}

// Figures of each recording, taken from its text by hand; none are absent of which the kernel says nothing.
func TestFiguresOfRecordings(t *testing.T) {
	type want = map[string]uint64
	rows := map[string]struct {
		want   want
		absent []string // beginnings of names
	}{
		"v1-limits": {want{
			"cpu usage_total": 78284623, "cpu usage_in_usermode": 20000000, "cpu usage_in_kernelmode": 50000000,
			"cpu throttling_periods": 6, "cpu throttling_throttled_periods": 3, "cpu throttling_throttled_time": 109627307,
			"cpu quota": 15000, "cpu period": 100000,
			"mem usage": 18874368, "mem working": 18874368 - 65536, "mem limit": 67108864, "mem max_usage": 18874368, "mem fail_count": 0,
			"mem swap": 0, "mem oom_kills": 0, "mem rss": 18022400, "mem cache": 65536, "mem total_inactive_file": 65536, "mem pgfault": 9768,
			"pids pids": 7, "pids pids_limit": 50,
			"net eth0 rx_bytes": 90, "net eth0 rx_packets": 1, "net eth0 tx_bytes": 0,
			"blkio 254:0 io_service_bytes_recursive_write": 90112, "blkio 254:0 io_service_bytes_recursive_sync": 90112,
			"blkio 254:0 io_service_bytes_recursive_read": 0, "blkio 254:0 io_serviced_recursive_write": 8,
		}, []string{"pressure"}},
		// Before anybody limits block IO, v1 counts none.
		"v1-plain": {want{
			"cpu usage_total": 32538101, "cpu usage_in_usermode": 20000000, "cpu usage_in_kernelmode": 0, "cpu throttling_periods": 0,
			"mem usage": 1462272, "mem working": 1462272, "mem max_usage": 4046848, "mem swap": 0, "mem rss": 823296, "mem cache": 0,
			"pids pids": 7, "net eth0 rx_bytes": 200, "net eth0 rx_packets": 2,
		}, []string{"blkio", "cpu quota", "mem limit", "pids pids_limit", "pressure"}},
		"v1-child-killed": {want{
			"mem oom_kills": 1, "mem fail_count": 43, "mem limit": 33554432, "mem usage": 33554432, "mem max_usage": 33554432, "mem swap": 0,
			"mem rss": 835584, "pids pids": 8,
		}, []string{"blkio"}},
		"v1-limit-hit": {want{
			"mem oom_kills": 0, "mem fail_count": 3, "mem limit": 33554432, "mem usage": 33488896, "mem working": 33488896 - 30998528,
			"mem cache": 31064064, "mem rss": 1032192,
		}, nil},
		"v1-host-network":   {want{"cpu usage_total": 40941080, "mem rss": 888832, "pids pids": 6}, []string{"net"}},
		"v1-shared-network": {want{"cpu usage_total": 51684651, "mem rss": 831488, "pids pids": 6}, []string{"net"}},
		"v1-paused":         {want{"cpu usage_total": 58778394, "mem usage": 12079104, "mem rss": 11542528, "net eth0 rx_bytes": 90}, []string{"mem limit"}},
		"v1-each-figure": {want{
			"cpu usage_total": 6000000101, "cpu usage_in_usermode": 2010000000, "cpu usage_in_kernelmode": 3010000000, "cpu throttling_periods": 41,
			"cpu quota": 150000, "cpu period": 100000, "mem usage": 1000, "mem working": 1000 - 218, "mem limit": 4000, "mem max_usage": 1100,
			"mem fail_count": 12, "mem swap": 1700 - 1000, "mem oom_kills": 13, "mem mapped_file": 105, "mem shmem": 104, "mem total_pgpgout": 213,
			"pids pids": 17, "pids pids_limit": 60, "net eth0 rx_dropped": 1104, "net eth1 tx_errors": 2211,
			"blkio 8:0 io_service_bytes_recursive_async": 3004, "blkio 254:0 io_serviced_recursive_total": 56,
		}, []string{"pressure"}},
		"v2-each-figure": {want{
			"cpu usage_total": 6000101000, "cpu usage_in_usermode": 2010001000, "cpu usage_in_kernelmode": 3990100000, "cpu throttling_periods": 41,
			"cpu quota": 150000, "cpu period": 100000, "mem usage": 1000, "mem working": 1000 - 120, "mem limit": 4000, "mem max_usage": 1100,
			"mem fail_count": 12, "mem swap": 700, "mem oom_kills": 13, "mem mapped_file": 111, "mem shmem": 110, "mem rss_huge": 115,
			"pids pids": 17, "pids pids_limit": 60, "pressure cpu_full": 72, "pressure memory_some": 73, "pressure io_some": 75,
			"net eth0 rx_dropped": 1104, "net eth1 tx_errors": 2211, "blkio 254:0 io_serviced_recursive_discard": 55,
		}, []string{"mem total_", "blkio 254:0 io_service_bytes_recursive_total"}},
		"v2-web": {want{
			"cpu usage_total": 39160036000, "cpu usage_in_usermode": 11439271000, "cpu usage_in_kernelmode": 27720765000,
			"cpu throttling_periods": 1247, "cpu throttling_throttled_periods": 375, "cpu throttling_throttled_time": 14270504000,
			"cpu quota": 50000, "cpu period": 100000,
			"mem usage": 31977472, "mem working": 31977472 - 8396800, "mem limit": 67108864, "mem max_usage": 32350208, "mem fail_count": 0,
			"mem swap": 0, "mem oom_kills": 0, "mem rss": 22462464, "mem cache": 8491008, "mem pgfault": 6915,
			"pids pids": 6, "pids pids_limit": 50,
			"pressure cpu_some": 48977756, "pressure io_full": 155199, "pressure memory_some": 0,
			"net eth0 rx_bytes": 3124, "net eth0 rx_packets": 42, "net eth0 tx_bytes": 1395, "net eth0 tx_packets": 19,
			"blkio 254:0 io_service_bytes_recursive_read": 102400, "blkio 254:0 io_service_bytes_recursive_write": 232783872,
			"blkio 254:0 io_serviced_recursive_write": 233, "blkio 254:0 io_service_bytes_recursive_discard": 0,
		}, []string{"mem total_", "blkio 254:0 io_service_bytes_recursive_total"}},
		"v2-cgroupfs-plain": {want{
			"cpu usage_total": 2255537000, "mem usage": 5054464, "mem working": 5054464 - 65536, "mem max_usage": 5271552, "mem fail_count": 0,
			"mem oom_kills": 0, "mem rss": 4513792, "mem cache": 65536, "pids pids": 7, "pressure cpu_some": 423592, "pressure memory_full": 0,
			"blkio 254:0 io_service_bytes_recursive_write": 0, "blkio 254:0 io_service_bytes_recursive_read": 65536,
			"blkio 254:0 io_serviced_recursive_write": 0, "net eth0 rx_bytes": 1042, "net eth0 tx_packets": 0,
		}, []string{"cpu quota", "mem limit", "pids pids_limit"}},
		"v2-cgroupfs-limits": {want{
			"cpu usage_total": 3209096000, "cpu usage_in_usermode": 996540000, "cpu usage_in_kernelmode": 2212556000,
			"cpu throttling_periods": 157, "cpu throttling_throttled_periods": 151, "cpu throttling_throttled_time": 21439053000,
			"cpu quota": 15000, "cpu period": 100000, "mem usage": 20779008, "mem working": 20779008 - 65536, "mem limit": 67108864,
			"mem max_usage": 20848640, "mem fail_count": 0, "mem oom_kills": 0, "mem rss": 20090880, "mem cache": 69632, "pids pids": 7,
			"pids pids_limit": 50, "pressure cpu_some": 12279032, "pressure memory_full": 0,
			"blkio 254:0 io_service_bytes_recursive_write": 65536, "blkio 254:0 io_service_bytes_recursive_read": 0,
			"blkio 254:0 io_serviced_recursive_write": 1, "net eth0 rx_bytes": 656, "net eth0 tx_packets": 0,
		}, nil},
		"v2-cgroupfs-child-killed": {want{
			"cpu usage_total": 5689968000, "mem usage": 4997120, "mem working": 4997120, "mem limit": 33554432, "mem max_usage": 33558528,
			"mem fail_count": 19, "mem oom_kills": 1, "mem rss": 4517888, "mem cache": 0, "pids pids": 7, "pressure cpu_some": 2043457,
			"pressure memory_full": 21903, "net eth0 rx_bytes": 516, "net eth0 tx_packets": 0,
		}, []string{"cpu quota", "pids pids_limit", "blkio"}},
		"v2-cgroupfs-limit-hit": {want{
			"cpu usage_total": 5701221000, "mem usage": 33554432, "mem working": 33554432 - 27643904, "mem limit": 33554432,
			"mem max_usage": 33554432, "mem fail_count": 17, "mem oom_kills": 0, "mem rss": 4513792, "mem cache": 27701248, "pids pids": 7,
			"pressure cpu_some": 2310904, "pressure memory_full": 101778, "blkio 254:0 io_service_bytes_recursive_write": 27729920,
			"blkio 254:0 io_service_bytes_recursive_read": 0, "blkio 254:0 io_serviced_recursive_write": 31, "net eth0 rx_bytes": 586,
			"net eth0 tx_packets": 0,
		}, []string{"cpu quota", "pids pids_limit"}},
		"v2-cgroupfs-host-network": {want{
			"cpu usage_total": 1302833000, "mem usage": 2756608, "mem working": 2756608, "mem max_usage": 4857856, "mem fail_count": 0,
			"mem oom_kills": 0, "mem rss": 2412544, "mem cache": 0, "pids pids": 6, "pressure cpu_some": 386085, "pressure memory_full": 0,
		}, []string{"cpu quota", "mem limit", "pids pids_limit", "blkio", "net"}},
		"v2-cgroupfs-shared-network": {want{
			"cpu usage_total": 1032870000, "mem usage": 4866048, "mem working": 4866048, "mem max_usage": 5255168, "mem fail_count": 0,
			"mem oom_kills": 0, "mem rss": 4509696, "mem cache": 0, "pids pids": 6, "pressure cpu_some": 353479, "pressure memory_full": 0,
		}, []string{"cpu quota", "mem limit", "pids pids_limit", "blkio", "net"}},
		"v2-cgroupfs-paused": {want{
			"cpu usage_total": 2674524000, "mem usage": 19607552, "mem working": 19607552 - 65536, "mem max_usage": 19873792,
			"mem fail_count": 0, "mem oom_kills": 0, "mem rss": 19013632, "mem cache": 69632, "pids pids": 7, "pressure cpu_some": 1482163,
			"pressure memory_full": 0, "blkio 254:0 io_service_bytes_recursive_write": 393216,
			"blkio 254:0 io_service_bytes_recursive_read": 0, "blkio 254:0 io_serviced_recursive_write": 6, "net eth0 rx_bytes": 516,
			"net eth0 tx_packets": 0,
		}, []string{"cpu quota", "mem limit", "pids pids_limit"}},
		"v2-systemd-plain": {want{
			"cpu usage_total": 3406107000, "mem usage": 5005312, "mem working": 5005312 - 8192, "mem max_usage": 6803456, "mem fail_count": 0,
			"mem oom_kills": 0, "mem rss": 4505600, "mem cache": 20480, "pids pids": 7, "pids pids_limit": 2359, "pressure cpu_some": 1067351,
			"pressure memory_full": 0, "blkio 254:0 io_service_bytes_recursive_write": 0, "blkio 254:0 io_service_bytes_recursive_read": 20480,
			"blkio 254:0 io_serviced_recursive_write": 0, "net eth0 rx_bytes": 1042, "net eth0 tx_packets": 0,
		}, []string{"cpu quota", "mem limit"}},
		"v2-systemd-limits": {want{
			"cpu usage_total": 3538713000, "cpu usage_in_usermode": 1064433000, "cpu usage_in_kernelmode": 2474280000,
			"cpu throttling_periods": 191, "cpu throttling_throttled_periods": 185, "cpu throttling_throttled_time": 28271403000,
			"cpu quota": 15000, "cpu period": 100000, "mem usage": 20676608, "mem working": 20676608 - 65536, "mem limit": 67108864,
			"mem max_usage": 20938752, "mem fail_count": 0, "mem oom_kills": 0, "mem rss": 20074496, "mem cache": 69632, "pids pids": 7,
			"pids pids_limit": 50, "pressure cpu_some": 15841378, "pressure memory_full": 0,
			"blkio 254:0 io_service_bytes_recursive_write": 65536, "blkio 254:0 io_service_bytes_recursive_read": 0,
			"blkio 254:0 io_serviced_recursive_write": 1, "net eth0 rx_bytes": 656, "net eth0 tx_packets": 0,
		}, nil},
		"v2-systemd-child-killed": {want{
			"cpu usage_total": 4600088000, "mem usage": 5029888, "mem working": 5029888, "mem limit": 33554432, "mem max_usage": 33558528,
			"mem fail_count": 19, "mem oom_kills": 1, "mem rss": 4513792, "mem cache": 0, "pids pids": 7, "pids pids_limit": 2359,
			"pressure cpu_some": 1308324, "pressure memory_full": 9775, "net eth0 rx_bytes": 516, "net eth0 tx_packets": 0,
		}, []string{"cpu quota", "blkio"}},
		"v2-systemd-limit-hit": {want{
			"cpu usage_total": 10250198000, "mem usage": 33456128, "mem working": 33456128 - 27635712, "mem limit": 33554432,
			"mem max_usage": 33554432, "mem fail_count": 7, "mem oom_kills": 0, "mem rss": 4530176, "mem cache": 27652096, "pids pids": 7,
			"pids pids_limit": 2359, "pressure cpu_some": 7069797, "pressure memory_full": 193150,
			"blkio 254:0 io_service_bytes_recursive_write": 28917760, "blkio 254:0 io_service_bytes_recursive_read": 0,
			"blkio 254:0 io_serviced_recursive_write": 31, "net eth0 rx_bytes": 656, "net eth0 tx_packets": 0,
		}, []string{"cpu quota"}},
		"v2-systemd-host-network": {want{
			"cpu usage_total": 1180590000, "mem usage": 2740224, "mem working": 2740224, "mem max_usage": 4612096, "mem fail_count": 0,
			"mem oom_kills": 0, "mem rss": 2400256, "mem cache": 0, "pids pids": 6, "pids pids_limit": 2359, "pressure cpu_some": 372993,
			"pressure memory_full": 0,
		}, []string{"cpu quota", "mem limit", "blkio", "net"}},
		"v2-systemd-shared-network": {want{
			"cpu usage_total": 4393260000, "mem usage": 2744320, "mem working": 2744320, "mem max_usage": 6590464, "mem fail_count": 0,
			"mem oom_kills": 0, "mem rss": 2400256, "mem cache": 0, "pids pids": 6, "pids pids_limit": 2359, "pressure cpu_some": 1446753,
			"pressure memory_full": 0,
		}, []string{"cpu quota", "mem limit", "blkio", "net"}},
		"v2-systemd-paused": {want{
			"cpu usage_total": 10927675000, "mem usage": 20131840, "mem working": 20131840 - 65536, "mem max_usage": 20656128,
			"mem fail_count": 0, "mem oom_kills": 0, "mem rss": 19546112, "mem cache": 69632, "pids pids": 7, "pids pids_limit": 2359,
			"pressure cpu_some": 5519674, "pressure memory_full": 0, "blkio 254:0 io_service_bytes_recursive_write": 589824,
			"blkio 254:0 io_service_bytes_recursive_read": 0, "blkio 254:0 io_serviced_recursive_write": 9, "net eth0 rx_bytes": 656,
			"net eth0 tx_packets": 0,
		}, []string{"cpu quota", "mem limit"}},
	}
	var names []string
	for name := range rows {
		names = append(names, name+".txtar")
	}
	slices.Sort(names)
	if diff := cmp.Diff(recordings(t), names); diff != "" {
		t.Errorf("recordings without figures, or figures without a recording (-recorded +rows):\n%s", diff)
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			h, _ := recorded(t, name+".txtar")
			got := told(read(t, h, !strings.HasSuffix(name, "-network")))
			found := make(want)
			for field := range row.want {
				if v, known := got[field]; known {
					found[field] = v
				}
			}
			if diff := cmp.Diff(row.want, found); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for field := range maps.Keys(got) {
				if slices.ContainsFunc(row.absent, func(prefix string) bool { return strings.HasPrefix(field, prefix) }) {
					t.Errorf("%s is %d, expected nothing", field, got[field])
				}
			}
		})
	}
}

// The cgroup that holds the containers is read as those are, and has no network.
func TestTheCgroupThatHoldsContainers(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       map[string]uint64
	}{
		{"v1-limits", "/docker", map[string]uint64{
			"mem usage": 24731648, "mem total_rss": 18927616, "mem rss": 0, "mem max_usage": 169795584, "pids pids": 13,
			"blkio 254:0 io_service_bytes_recursive_read": 4096, "blkio 253:0 io_service_bytes_recursive_total": 0,
		}},
		{"v2-cgroupfs-limits", "/docker", map[string]uint64{
			"cpu usage_total": 5492258000, "mem usage": 25755648, "mem rss": 24604672, "pids pids": 14,
			"blkio 254:0 io_service_bytes_recursive_write": 65536,
		}},
		{"v2-systemd-limits", "/system.slice", map[string]uint64{
			"cpu usage_total": 267967273000, "mem usage": 475799552, "mem rss": 140382208, "mem cache": 321089536, "pids pids": 71,
			"blkio 254:0 io_service_bytes_recursive_read": 191787008,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := recorded(t, tt.name+".txtar")
			if paths := h.walk(1, func(string, int) (take, below bool) { return true, false }); !slices.Contains(paths, tt.path) {
				t.Errorf("found %v, expected %s", paths, tt.path)
			}
			reader, err := NewReader(kernel.NewFiles(100), h.At(tt.path))
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			var s Sample
			if err := reader.Read(&s, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			got := told(&s)
			for field, v := range tt.want {
				if got[field] != v {
					t.Errorf("%s is %d, expected %d", field, got[field], v)
				}
			}
			if len(s.Network) > 0 {
				t.Errorf("it has a network: %v", s.Network)
			}
		})
	}
}

var (
	recordedOn = regexp.MustCompile(`(?m)^Recorded on Linux \d+\.\d+\.\d+, (cgroup v1, with v2 for what v1 does not have|cgroup v1|cgroup v2), Docker \d+\.\d+\.\d+\S*, (cgroupfs|systemd) driver\b`)
	madeBy     = regexp.MustCompile(`(?m)^Made by: docker run \S`)
	recordedBy = regexp.MustCompile(`(?m)^Recorded by: \S`)
	synthetic  = regexp.MustCompile(`(?m)^Synthetic: \S`)
)

// origin says what is missing of where a recording is from: kernel, versions and commands, true to what is recorded; or that it is
// synthetic, written from documentation.
func origin(a *txtar.Archive) error {
	if synthetic.Match(a.Comment) {
		return nil
	}
	on := recordedOn.FindSubmatch(a.Comment)
	if on == nil || !madeBy.Match(a.Comment) || !recordedBy.Match(a.Comment) {
		return fmt.Errorf("found the comment %q, expected the lines Recorded on, Made by and Recorded by, or Synthetic", a.Comment)
	}
	var mounts, groups string
	for _, f := range a.Files {
		switch f.Name {
		case "proc/self/mountinfo":
			mounts = string(f.Data)
		case "proc/511/cgroup":
			groups = string(f.Data)
		}
	}
	v1, v2 := strings.Contains(mounts, " - cgroup "), strings.Contains(mounts, " - cgroup2 ")
	said := string(on[1])
	if v1 != strings.Contains(said, "v1") || v2 != strings.Contains(said, "v2") {
		return fmt.Errorf("it says %s, and the mounts are %q", said, mounts)
	}
	if systemd := strings.Contains(groups, "/docker-"); systemd != (string(on[2]) == "systemd") {
		return fmt.Errorf("it says %s driver, and the cgroups are %q", on[2], groups)
	}
	if strings.HasPrefix(said, "cgroup v1") == strings.Contains(groups, "memory:") {
		return nil
	}
	return errors.New("the process is in no cgroup of the version that it names")
}

// Every recording says where it is from.
func TestRecordingsNameKernelAndCommand(t *testing.T) {
	for _, name := range recordings(t) {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := origin(archive); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What does not is found.
func TestOriginIsChecked(t *testing.T) {
	const (
		on    = "A container.\nRecorded on Linux 6.1.0, cgroup v2, Docker 20.10.24, systemd driver.\n"
		made  = "Made by: docker run -d busy\nRecorded by: record\n"
		files = "-- proc/self/mountinfo --\n30 21 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n-- proc/511/cgroup --\n0::/system.slice/docker-0a1b.scope\n"
	)
	for _, tt := range []struct {
		name, text string
		good       bool
	}{
		{"all", on + made + files, true},
		{"synthetic", "A container.\nSynthetic: from cgroups(7).\n" + files, true},
		{"no kernel", made + files, false},
		{"no release", strings.Replace(on, "6.1.0", "6", 1) + made + files, false},
		{"no command that made it", on + "Recorded by: record\n" + files, false},
		{"no command that recorded it", on + "Made by: docker run -d busy\n" + files, false},
		{"another version", strings.Replace(on, "v2", "v1", 1) + made + files, false},
		{"another driver", strings.Replace(on, "systemd", "cgroupfs", 1) + made + files, false},
		{"nothing recorded", on + made, false},
	} {
		if err := origin(txtar.Parse([]byte(tt.text))); (err == nil) != tt.good {
			t.Errorf("%s: found %v", tt.name, err)
		}
	}
}
