package cgroup

import (
	"bytes"

	"nezuban/agent/internal/kernel"
)

// v2Files are the files that are read of one cgroup of v2, of those controllers that v1 does not have.
func v2Files(controller string) []file {
	switch controller {
	case cpuacct: // which v2 calls cpu
		return []file{{"cpu.stat", pairs(v2CPU)}}
	case cpu:
		return []file{
			{"cpu.max", v2Quota},
			{"cpu.pressure", pressure(func(s *Sample) *kernel.Figure { return &s.Pressure.CPUSome }, func(s *Sample) *kernel.Figure { return &s.Pressure.CPUFull })},
		}
	case memory:
		return []file{
			{"memory.current", single(func(s *Sample, v uint64) { s.Memory.Usage = kernel.Known(v) })},
			{"memory.stat", pairs(v2Stat)},
			{"memory.max", bound(func(s *Sample, v uint64) { s.Memory.Limit = kernel.Known(v) })},
			{"memory.peak", single(func(s *Sample, v uint64) { s.Memory.MaxUsage = kernel.Known(v) })},
			{"memory.swap.current", single(func(s *Sample, v uint64) { s.Memory.Swap = kernel.Known(v) })},
			{"memory.events", pairs(v2Events)},
			{"memory.pressure", pressure(func(s *Sample) *kernel.Figure { return &s.Pressure.MemorySome }, func(s *Sample) *kernel.Figure { return &s.Pressure.MemoryFull })},
		}
	case blkio: // which v2 calls io
		return []file{
			{"io.stat", v2IO},
			{"io.pressure", pressure(func(s *Sample) *kernel.Figure { return &s.Pressure.IOSome }, func(s *Sample) *kernel.Figure { return &s.Pressure.IOFull })},
		}
	case pids:
		return pidsFiles()
	}
	return nil
}

func v2CPU(s *Sample, key []byte, v uint64) {
	const µs = 1000 // ns
	switch string(key) {
	case "usage_usec":
		s.CPU.Total = kernel.Known(v * µs)
	case "user_usec":
		s.CPU.User = kernel.Known(v * µs)
	case "system_usec":
		s.CPU.System = kernel.Known(v * µs)
	case "nr_periods":
		s.CPU.Periods = kernel.Known(v)
	case "nr_throttled":
		s.CPU.ThrottledPeriods = kernel.Known(v)
	case "throttled_usec":
		s.CPU.ThrottledTime = kernel.Known(v * µs)
	}
}

// v2Quota reads cpu.max: "50000 100000\n", or "max 100000\n" for none.
func v2Quota(text []byte, s *Sample, _ *kernel.Names) error {
	first, rest := kernel.Word(text)
	second, more := kernel.Word(rest)
	period, ok := kernel.Number(second)
	quota, limited := kernel.Number(first)
	if !ok || len(more) > 0 || !limited && string(first) != "max" {
		return kernel.Unexpected(text, "a number or max, and a number")
	}
	s.CPU.Period = kernel.Known(period)
	if limited {
		s.CPU.Quota = kernel.Known(quota)
	}
	return nil
}

func v2Events(s *Sample, key []byte, v uint64) {
	switch string(key) {
	case "max":
		s.Memory.FailCount = kernel.Known(v)
	case "oom_kill":
		s.Memory.OOMKills = kernel.Known(v)
	}
}

func v2Stat(s *Sample, key []byte, v uint64) {
	if stat, ok := v2Stats[string(key)]; ok {
		s.Memory.Stats[stat] = kernel.Known(v)
	}
}

// v2Stats are the lines of v2's memory.stat.
var v2Stats = map[string]Stat{
	"active_anon": StatActiveAnon, "active_file": StatActiveFile, "inactive_anon": StatInactiveAnon, "inactive_file": StatInactiveFile,
	"file": StatCache, "anon": StatRSS, "anon_thp": StatRSSHuge, "file_mapped": StatMapped, "shmem": StatShmem,
	"unevictable": StatUnevictable, "file_writeback": StatWriteback, "pgfault": StatPgfault, "pgmajfault": StatPgmajfault,
}

// v2IO reads io.stat, a line for each device:
//
//	254:0 rbytes=102400 wbytes=232783872 rios=4 wios=233 dbytes=0 dios=0
//
// The kernel may name a device and give no figure: it is left out.
func v2IO(text []byte, s *Sample, names *kernel.Names) error {
	for len(text) > 0 {
		var l []byte
		l, text = kernel.Line(text)
		name, rest := kernel.Word(l)
		if len(name) == 0 {
			continue
		}
		if bytes.IndexByte(name, ':') <= 0 {
			return kernel.Unexpected(l, "a device and its figures")
		}
		var device *Device
		for len(rest) > 0 {
			var pair []byte
			pair, rest = kernel.Word(rest)
			equals := bytes.IndexByte(pair, '=')
			if equals < 0 {
				return kernel.Unexpected(l, "a device and its figures")
			}
			v, ok := kernel.Number(pair[equals+1:])
			if !ok {
				continue // of a controller with figures of its own, such as cost.vrate=100.00
			}
			op, bytes, ok := v2Op(pair[:equals])
			if !ok {
				continue
			}
			if device == nil {
				device = s.Device(names.Of(name))
			}
			if bytes {
				device.Bytes[op] = kernel.Known(v)
			} else {
				device.Count[op] = kernel.Known(v)
			}
		}
	}
	return nil
}

// v2Op is the operation of a figure of io.stat, and whether it is in bytes.
func v2Op(key []byte) (op Op, bytes, ok bool) {
	switch string(key) {
	case "rbytes":
		return OpRead, true, true
	case "wbytes":
		return OpWrite, true, true
	case "dbytes":
		return OpDiscard, true, true
	case "rios":
		return OpRead, false, true
	case "wios":
		return OpWrite, false, true
	case "dios":
		return OpDiscard, false, true
	}
	return 0, false, false
}
