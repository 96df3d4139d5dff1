package cgroup

import (
	"slices"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// Named is one figure of a sample, with its name, such as "docker_container_mem limit".
type Named struct {
	Name string
	kernel.Figure
	Grows bool // it counts: the next reading is never smaller
}

// Figures lists what a sample holds, known or not, by the names under which it is written.
func (s *Sample) Figures() []Named {
	var all []Named
	add := func(grows bool, measurement, field string, f kernel.Figure) {
		all = append(all, Named{Name: measurement + " " + field, Figure: f, Grows: grows})
	}
	add(true, influx.ContainerCPU, influx.FieldUsageTotal, s.CPU.Total)
	add(true, influx.ContainerCPU, influx.FieldUsageInUsermode, s.CPU.User)
	add(true, influx.ContainerCPU, influx.FieldUsageInKernelmode, s.CPU.System)
	add(true, influx.ContainerCPU, influx.FieldThrottlingPeriods, s.CPU.Periods)
	add(true, influx.ContainerCPU, influx.FieldThrottledPeriods, s.CPU.ThrottledPeriods)
	add(true, influx.ContainerCPU, influx.FieldThrottledTime, s.CPU.ThrottledTime)
	add(false, influx.ContainerMem, influx.FieldUsage, s.Memory.Usage)
	add(false, influx.ContainerMem, influx.FieldLimit, s.Memory.Limit)
	add(true, influx.ContainerMem, influx.FieldMaxUsage, s.Memory.MaxUsage)
	add(true, influx.ContainerMem, influx.FieldFailCount, s.Memory.FailCount)
	add(false, influx.ContainerMem, influx.FieldSwap, s.Memory.Swap)
	add(true, influx.ContainerMem, influx.FieldOOMKills, s.Memory.OOMKills)
	for stat, field := range statFields {
		add(counts(Stat(stat)), influx.ContainerMem, field, s.Memory.Stats[stat])
	}
	add(false, influx.ContainerPIDs, influx.FieldPIDs, s.PIDs.Current)
	add(false, influx.ContainerPIDs, influx.FieldPIDsLimit, s.PIDs.Limit)
	add(true, influx.ContainerPressure, influx.FieldCPUSome, s.Pressure.CPUSome)
	add(true, influx.ContainerPressure, influx.FieldCPUFull, s.Pressure.CPUFull)
	add(true, influx.ContainerPressure, influx.FieldMemorySome, s.Pressure.MemorySome)
	add(true, influx.ContainerPressure, influx.FieldMemoryFull, s.Pressure.MemoryFull)
	add(true, influx.ContainerPressure, influx.FieldIOSome, s.Pressure.IOSome)
	add(true, influx.ContainerPressure, influx.FieldIOFull, s.Pressure.IOFull)
	for _, i := range s.Network {
		at := influx.ContainerNet + " " + i.Name
		for _, f := range i.figures() {
			add(true, at, f.field, kernel.Known(f.v))
		}
	}
	for _, d := range s.Blkio {
		at := influx.ContainerBlkio + " " + d.Name
		for op, names := range opFields {
			add(true, at, names.bytes, d.Bytes[op])
			add(true, at, names.count, d.Count[op])
		}
	}
	return all
}

// counts says that a line of memory.stat only grows.
func counts(s Stat) bool { return slices.Contains(growing, s) }

var growing = []Stat{
	StatPgfault, StatPgmajfault, StatPgpgin, StatPgpgout, StatTotalPgfault, StatTotalPgmajfault, StatTotalPgpgin, StatTotalPgpgout,
}
