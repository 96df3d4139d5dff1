package cgroup

import (
	"bytes"

	"nezuban/agent/internal/kernel"
)

// Controllers of v1 that are read.
const (
	cpuacct = "cpuacct"
	cpu     = "cpu"
	memory  = "memory"
	blkio   = "blkio"
	pids    = "pids"
)

// v1Files are the files that are read of one controller of v1.
func v1Files(controller string) []file {
	switch controller {
	case cpuacct:
		return []file{
			{"cpuacct.usage", single(func(s *Sample, v uint64) { s.CPU.Total = kernel.Known(v) })},
			{"cpuacct.stat", pairs(v1CPU)},
		}
	case cpu:
		return []file{
			{"cpu.stat", pairs(v1Throttling)},
			{"cpu.cfs_quota_us", bound(func(s *Sample, v uint64) { s.CPU.Quota = kernel.Known(v) })},
			{"cpu.cfs_period_us", single(func(s *Sample, v uint64) { s.CPU.Period = kernel.Known(v) })},
		}
	case memory:
		return []file{
			{"memory.usage_in_bytes", single(func(s *Sample, v uint64) { s.Memory.Usage = kernel.Known(v) })},
			{"memory.stat", pairs(v1Stat)},
			{"memory.limit_in_bytes", bound(func(s *Sample, v uint64) { s.Memory.Limit = kernel.Known(v) })},
			{"memory.max_usage_in_bytes", single(func(s *Sample, v uint64) { s.Memory.MaxUsage = kernel.Known(v) })},
			{"memory.failcnt", single(func(s *Sample, v uint64) { s.Memory.FailCount = kernel.Known(v) })},
			// Memory and swap together, read after the memory alone: what is more is swap.
			{"memory.memsw.usage_in_bytes", single(func(s *Sample, v uint64) {
				if s.Memory.Usage.Known {
					s.Memory.Swap = kernel.Known(v - min(v, s.Memory.Usage.Value))
				}
			})},
			{"memory.oom_control", pairs(func(s *Sample, key []byte, v uint64) {
				if string(key) == "oom_kill" {
					s.Memory.OOMKills = kernel.Known(v)
				}
			})},
		}
	case blkio:
		return []file{
			// Where the BFQ scheduler runs it counts, and the other files count each request again.
			{"blkio.bfq.io_service_bytes_recursive", v1Blkio(func(d *Device) *[opCount]kernel.Figure { return &d.Bytes })},
			{"blkio.bfq.io_serviced_recursive", v1Blkio(func(d *Device) *[opCount]kernel.Figure { return &d.Count })},
			{"blkio.throttle.io_service_bytes_recursive", v1Blkio(func(d *Device) *[opCount]kernel.Figure { return &d.Bytes })},
			{"blkio.throttle.io_serviced_recursive", v1Blkio(func(d *Device) *[opCount]kernel.Figure { return &d.Count })},
		}
	case pids:
		return pidsFiles()
	}
	return nil
}

// pidsFiles are the same on v1 and v2.
func pidsFiles() []file {
	return []file{
		{"pids.current", single(func(s *Sample, v uint64) { s.PIDs.Current = kernel.Known(v) })},
		{"pids.max", bound(func(s *Sample, v uint64) { s.PIDs.Limit = kernel.Known(v) })},
	}
}

func v1CPU(s *Sample, key []byte, v uint64) {
	switch string(key) {
	case "user":
		s.CPU.User = kernel.Known(v * kernel.Jiffy)
	case "system":
		s.CPU.System = kernel.Known(v * kernel.Jiffy)
	}
}

func v1Throttling(s *Sample, key []byte, v uint64) {
	switch string(key) {
	case "nr_periods":
		s.CPU.Periods = kernel.Known(v)
	case "nr_throttled":
		s.CPU.ThrottledPeriods = kernel.Known(v)
	case "throttled_time":
		s.CPU.ThrottledTime = kernel.Known(v)
	}
}

// StatOf is the line of memory.stat that begins so.
func StatOf(key string, v2 bool) (Stat, bool) {
	list := v1Stats
	if v2 {
		list = v2Stats
	}
	stat, ok := list[key]
	return stat, ok
}

func v1Stat(s *Sample, key []byte, v uint64) {
	if stat, ok := v1Stats[string(key)]; ok {
		s.Memory.Stats[stat] = kernel.Known(v)
	}
}

// v1Stats are the lines of v1's memory.stat.
var v1Stats = map[string]Stat{
	"active_anon": StatActiveAnon, "active_file": StatActiveFile, "inactive_anon": StatInactiveAnon, "inactive_file": StatInactiveFile,
	"cache": StatCache, "rss": StatRSS, "rss_huge": StatRSSHuge, "mapped_file": StatMapped, "shmem": StatShmem,
	"unevictable": StatUnevictable, "writeback": StatWriteback,
	"pgfault": StatPgfault, "pgmajfault": StatPgmajfault, "pgpgin": StatPgpgin, "pgpgout": StatPgpgout,
	"hierarchical_memory_limit": StatHierarchicalLimit,
	"total_active_anon":         StatTotalActiveAnon, "total_active_file": StatTotalActiveFile,
	"total_inactive_anon": StatTotalInactiveAnon, "total_inactive_file": StatTotalInactiveFile,
	"total_cache": StatTotalCache, "total_rss": StatTotalRSS, "total_rss_huge": StatTotalRSSHuge,
	"total_mapped_file": StatTotalMapped, "total_shmem": StatTotalShmem,
	"total_unevictable": StatTotalUnevictable, "total_writeback": StatTotalWriteback,
	"total_pgfault": StatTotalPgfault, "total_pgmajfault": StatTotalPgmajfault,
	"total_pgpgin": StatTotalPgpgin, "total_pgpgout": StatTotalPgpgout,
}

// v1Blkio is the parser of a file of block IO:
//
//	254:0 Read 1658880
//	254:0 Total 2863104
//	Total 2863104
//
// The last line is of all devices. Since Linux 6.10 it stands alone, with 0, until a throttle rule exists anywhere on the machine:
// that means not known. A device that has a figure already, of another file, keeps it.
func v1Blkio(of func(*Device) *[opCount]kernel.Figure) parser {
	return func(text []byte, s *Sample, names *kernel.Names) error {
		for len(text) > 0 {
			var l []byte
			l, text = kernel.Line(text)
			device, rest := kernel.Word(l)
			if string(device) == "Total" {
				continue
			}
			name, rest := kernel.Word(rest)
			v, ok := kernel.Number(rest)
			if !ok || bytes.IndexByte(device, ':') <= 0 {
				return kernel.Unexpected(l, "a device, an operation and a number")
			}
			op, ok := opOf(name)
			if !ok {
				continue
			}
			figure := &of(s.Device(names.Of(device)))[op]
			if !figure.Known {
				*figure = kernel.Known(v)
			}
		}
		return nil
	}
}

// OpOf is the operation that v1 calls so, and so does cAdvisor's library on either version: Read, Write, …
func OpOf(name string) (Op, bool) { return opOf([]byte(name)) }

func opOf(name []byte) (Op, bool) {
	switch string(name) {
	case "Read":
		return OpRead, true
	case "Write":
		return OpWrite, true
	case "Sync":
		return OpSync, true
	case "Async":
		return OpAsync, true
	case "Discard":
		return OpDiscard, true
	case "Total":
		return OpTotal, true
	}
	return 0, false
}
