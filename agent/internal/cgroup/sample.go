package cgroup

import (
	"math"
	"time"

	"nezuban/agent/internal/kernel"
)

// Sample is one reading of a cgroup. It is filled anew by each [Source.Read], which keeps its room: reading allocates nothing
// once it has grown. A figure that the kernel does not give is not Known, and never a zero.
type Sample struct {
	At       time.Time // when it was read
	CPU      CPU
	Memory   Memory
	PIDs     PIDs
	Pressure Pressure
	Network  []Interface // in the kernel's order, without loopback; none: not asked for, or none there
	Blkio    []Device    // in the kernel's order; only devices with a figure
}

// CPU is cumulative since the cgroup began, but for the quota.
type CPU struct {
	Total, User, System       kernel.Figure // ns
	Periods, ThrottledPeriods kernel.Figure // of the quota; 0 without one
	ThrottledTime             kernel.Figure // ns
	Quota, Period             kernel.Figure // µs: so much CPU within so much time; no quota: not known
}

// Cores is how many CPUs the quota allows; ok is false without one.
func (c CPU) Cores() (cores float64, ok bool) {
	if !c.Quota.Known || !c.Period.Known || c.Period.Value == 0 {
		return 0, false
	}
	return float64(c.Quota.Value) / float64(c.Period.Value), true
}

// Memory is in bytes, but for counts.
type Memory struct {
	Usage     kernel.Figure // as the kernel counts it, page cache included
	Limit     kernel.Figure // no limit: not known
	MaxUsage  kernel.Figure // highest Usage so far
	FailCount kernel.Figure // how often the limit was hit
	Swap      kernel.Figure // taken of the swap
	OOMKills  kernel.Figure // processes that the kernel killed because the limit was reached
	Stats     [statCount]kernel.Figure
}

// Working is the usage without the page cache that can be dropped at once, as docker stats shows it: total_inactive_file on
// v1, inactive_file on v2.
func (m *Memory) Working() kernel.Figure {
	inactive := m.Stats[StatTotalInactiveFile]
	if !inactive.Known {
		inactive = m.Stats[StatInactiveFile]
	}
	working := m.Usage
	working.Value -= min(inactive.Value, working.Value) // the two were not read at one instant
	return working
}

// limit is the limit that holds, in bytes: the cgroup's own or what the machine has, 0 for not known.
func (m *Memory) limit(machine uint64) kernel.Figure {
	switch {
	case !m.Limit.Known && machine == 0:
		return kernel.Figure{}
	case !m.Limit.Known:
		return kernel.Known(machine)
	case machine == 0:
		return m.Limit
	}
	return kernel.Known(min(m.Limit.Value, machine))
}

// PIDs counts processes and threads.
type PIDs struct {
	Current kernel.Figure
	Limit   kernel.Figure // no limit: not known
}

// Pressure is how long work stood still for want of something (PSI), cumulative, in µs: some of it, or all at once.
type Pressure struct {
	CPUSome, CPUFull, MemorySome, MemoryFull, IOSome, IOFull kernel.Figure
}

// Interface is one network interface; all figures are cumulative.
type Interface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Device is the block IO to one device, cumulative. v2 knows only reads, writes and discards.
type Device struct {
	Name  string                 // major:minor
	Bytes [opCount]kernel.Figure // by operation
	Count [opCount]kernel.Figure // by operation
}

// Op is an operation of block IO.
type Op uint8

// Operations of block IO, in the words of Telegraf's fields.
const (
	OpRead Op = iota
	OpWrite
	OpSync
	OpAsync
	OpDiscard
	OpTotal
	opCount
)

// Stat is one line of memory.stat.
type Stat uint8

// Lines of memory.stat that are kept: those of v1, and those of v2 that count the same under another name. Those of Total are
// v1's, of the cgroup with all below it.
const (
	StatActiveAnon Stat = iota
	StatActiveFile
	StatInactiveAnon
	StatInactiveFile
	StatCache   // v2: file
	StatRSS     // v2: anon
	StatRSSHuge // v2: anon_thp
	StatMapped  // v2: file_mapped
	StatShmem
	StatUnevictable
	StatWriteback // v2: file_writeback
	StatPgfault
	StatPgmajfault
	StatPgpgin  // v1
	StatPgpgout // v1
	StatHierarchicalLimit
	StatTotalActiveAnon
	StatTotalActiveFile
	StatTotalInactiveAnon
	StatTotalInactiveFile
	StatTotalCache
	StatTotalRSS
	StatTotalRSSHuge
	StatTotalMapped
	StatTotalShmem
	StatTotalUnevictable
	StatTotalWriteback
	StatTotalPgfault
	StatTotalPgmajfault
	StatTotalPgpgin
	StatTotalPgpgout
	statCount
)

// noLimit and above is how v1 says that there is none: the largest page-aligned int64.
const noLimit = math.MaxInt64 / 2

// reset forgets a reading, but not the room that it took.
func (s *Sample) reset(at time.Time) {
	*s = Sample{At: at, Network: s.Network[:0], Blkio: s.Blkio[:0]}
}

// Device is the figures of a device, major:minor, a new one if it has none yet. It is valid until the next call.
func (s *Sample) Device(name string) *Device {
	for i := range s.Blkio {
		if s.Blkio[i].Name == name {
			return &s.Blkio[i]
		}
	}
	s.Blkio = append(s.Blkio, Device{Name: name})
	return &s.Blkio[len(s.Blkio)-1]
}
