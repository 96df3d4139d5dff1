package cgroup

import (
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// groupSeries is the series of a cgroup that is no container with a name: a service, a user's session.
func groupSeries(host, path string) (influx.Series, error) {
	return influx.NewSeries(influx.Cgroup, []influx.Tag{{Key: influx.TagCgroup, Value: path}, {Key: influx.TagHost, Value: host}})
}

// appendGroup adds the one line of a sample of such a cgroup, unless the sample holds nothing.
func appendGroup(l *influx.Lines, group influx.Series, s *Sample, machine Machine, at time.Time) {
	l.Begin(group)
	put(l, influx.FieldCPUUsageNs, s.CPU.Total)
	put(l, influx.FieldCPUUserNs, s.CPU.User)
	put(l, influx.FieldCPUSystemNs, s.CPU.System)
	put(l, influx.FieldCPUThrottledNs, s.CPU.ThrottledTime)
	if s.Memory.Usage.Known {
		put(l, influx.FieldMemoryUsageBytes, s.Memory.Usage)
		put(l, influx.FieldMemoryWorkingBytes, s.Memory.Working())
		put(l, influx.FieldMemoryRSSBytes, s.Memory.first(StatTotalRSS, StatRSS))
		put(l, influx.FieldMemoryCacheBytes, s.Memory.first(StatTotalCache, StatCache))
		put(l, influx.FieldMemoryLimitBytes, s.Memory.limit(machine.Memory))
	}
	if len(s.Blkio) > 0 {
		var total Device
		for i := range s.Blkio {
			total.add(&s.Blkio[i])
		}
		put(l, influx.FieldIOReadBytes, total.Bytes[OpRead])
		put(l, influx.FieldIOWriteBytes, total.Bytes[OpWrite])
	}
	put(l, influx.FieldProcesses, s.PIDs.Current)
	l.End(influx.Fixed{}, at)
}

// first is the first of two figures that the kernel has: that of v1, of the cgroup with all below it, else that of v2.
func (m *Memory) first(v1, v2 Stat) kernel.Figure {
	if f := m.Stats[v1]; f.Known {
		return f
	}
	return m.Stats[v2]
}
