package cgroup

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/cadvisor/lib/model"
	"github.com/opencontainers/cgroups"
)

// Sample is one reading of a cgroup. A part that the kernel does not account
// for is nil.
type Sample struct {
	At      time.Time // when it was read
	CPU     *CPU
	Memory  *Memory
	Network []Interface // by name; without loopback
	Blkio   []Device    // by name; only devices with a figure
}

// CPU is cumulative since the cgroup began, in nanoseconds and periods.
type CPU struct {
	Total, User, System       uint64 // ns
	Periods, ThrottledPeriods uint64 // of the CFS quota; 0 without one
	ThrottledTime             uint64 // ns
}

// Memory is in bytes, but for counts.
type Memory struct {
	Usage     uint64            // as the kernel counts it, page cache included
	Limit     uint64            // math.MaxInt64 or more: none
	MaxUsage  uint64            // highest Usage so far; 0: not known
	FailCount uint64            // v1: how often the limit was hit
	Stat      map[string]uint64 // memory.stat, in the kernel's words, which differ by version
}

// Working is the usage without the page cache that can be dropped at once, as
// docker stats shows it: total_inactive_file on v1, inactive_file on v2.
func (m Memory) Working() uint64 {
	inactive, ok := m.Stat["total_inactive_file"]
	if !ok {
		inactive = m.Stat["inactive_file"]
	}
	if inactive > m.Usage {
		return m.Usage // the two were not read at one instant
	}
	return m.Usage - inactive
}

// Interface is one network interface; all figures are cumulative.
type Interface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// newSample keeps of a reading what was really read. dirs tells which
// controllers there are: the handler gives zeros for the others.
func newSample(stats *model.ContainerStats, raw *cgroups.Stats, dirs map[string]string) Sample {
	s := Sample{At: stats.Timestamp}
	if stats.Cpu != nil && has(dirs, "cpuacct") {
		s.CPU = &CPU{
			Total: stats.Cpu.Usage.Total, User: stats.Cpu.Usage.User, System: stats.Cpu.Usage.System,
			Periods: stats.Cpu.CFS.Periods, ThrottledPeriods: stats.Cpu.CFS.ThrottledPeriods,
			ThrottledTime: stats.Cpu.CFS.ThrottledTime,
		}
	}
	if raw != nil && has(dirs, "memory") && len(raw.MemoryStats.Stats) > 0 {
		usage := raw.MemoryStats.Usage
		s.Memory = &Memory{
			Usage: usage.Usage, Limit: usage.Limit, MaxUsage: usage.MaxUsage,
			FailCount: usage.Failcnt, Stat: raw.MemoryStats.Stats,
		}
	}
	if stats.Network != nil {
		s.Network = interfaces(stats.Network.Interfaces)
	}
	if stats.DiskIo != nil {
		s.Blkio = devices(stats.DiskIo)
	}
	return s
}

// has says whether there is the v1 controller, or v2, which has them all.
func has(dirs map[string]string, controller string) bool {
	_, v2 := dirs[""]
	_, v1 := dirs[controller]
	return v1 || v2
}

func interfaces(stats []model.InterfaceStats) []Interface {
	out := make([]Interface, 0, len(stats))
	for _, i := range stats {
		out = append(out, Interface{
			Name:    i.Name,
			RxBytes: i.RxBytes, RxPackets: i.RxPackets, RxErrors: i.RxErrors, RxDropped: i.RxDropped,
			TxBytes: i.TxBytes, TxPackets: i.TxPackets, TxErrors: i.TxErrors, TxDropped: i.TxDropped,
		})
	}
	slices.SortFunc(out, func(a, b Interface) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
