package cgroup

import (
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// GroupPoint makes the one point of a cgroup that is no container with a name:
// a service, a user's session. ok is false when the sample holds nothing.
func GroupPoint(s *Sample, host, path string, machine Machine, at time.Time) (p influx.Point, ok bool) {
	fields := make([]influx.Field, 0, 12)
	fields = add(fields, influx.FieldCPUUsageNs, s.CPU.Total)
	fields = add(fields, influx.FieldCPUUserNs, s.CPU.User)
	fields = add(fields, influx.FieldCPUSystemNs, s.CPU.System)
	fields = add(fields, influx.FieldCPUThrottledNs, s.CPU.ThrottledTime)
	if s.Memory.Usage.Known {
		fields = add(fields, influx.FieldMemoryUsageBytes, s.Memory.Usage)
		fields = add(fields, influx.FieldMemoryWorkingBytes, s.Memory.Working())
		fields = add(fields, influx.FieldMemoryRSSBytes, s.Memory.first(StatTotalRSS, StatRSS))
		fields = add(fields, influx.FieldMemoryCacheBytes, s.Memory.first(StatTotalCache, StatCache))
		fields = add(fields, influx.FieldMemoryLimitBytes, s.Memory.limit(machine.Memory))
	}
	if len(s.Blkio) > 0 {
		var total Device
		for i := range s.Blkio {
			total.add(&s.Blkio[i])
		}
		fields = add(fields, influx.FieldIOReadBytes, total.Bytes[OpRead])
		fields = add(fields, influx.FieldIOWriteBytes, total.Bytes[OpWrite])
	}
	fields = add(fields, influx.FieldProcesses, s.PIDs.Current)
	return influx.Point{
		Measurement: influx.Cgroup,
		Tags:        []influx.Tag{{Key: influx.TagCgroup, Value: path}, {Key: influx.TagHost, Value: host}},
		Fields:      fields,
		Time:        at,
	}, len(fields) > 0
}

// add appends a figure that is known.
func add(fields []influx.Field, key string, f kernel.Figure) []influx.Field {
	if !f.Known {
		return fields
	}
	return append(fields, influx.Uint(key, f.Value))
}

// first is the first of two figures that the kernel has: that of v1, of the cgroup with all below it, else that of v2.
func (m *Memory) first(v1, v2 Stat) kernel.Figure {
	if f := m.Stats[v1]; f.Known {
		return f
	}
	return m.Stats[v2]
}
