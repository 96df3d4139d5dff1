package cgroup

import (
	"time"

	"nezuban/agent/influx"
)

// GroupPoint makes the one point of a cgroup that is no container with a name:
// a service, a user's session. ok is false when the sample holds nothing.
func GroupPoint(s Sample, host, path string, machine Machine, at time.Time) (p influx.Point, ok bool) {
	var fields []influx.Field
	if cpu := s.CPU; cpu != nil {
		fields = append(fields,
			influx.Uint(influx.FieldCPUUsageNs, cpu.Total),
			influx.Uint(influx.FieldCPUUserNs, cpu.User),
			influx.Uint(influx.FieldCPUSystemNs, cpu.System),
			influx.Uint(influx.FieldCPUThrottledNs, cpu.ThrottledTime))
	}
	if memory := s.Memory; memory != nil {
		fields = append(fields,
			influx.Uint(influx.FieldMemoryUsageBytes, memory.Usage),
			influx.Uint(influx.FieldMemoryWorkingBytes, memory.Working()))
		fields = appendFirst(fields, memory.Stat, influx.FieldMemoryRSSBytes, "total_rss", "anon")
		fields = appendFirst(fields, memory.Stat, influx.FieldMemoryCacheBytes, "total_cache", "file")
		if limit := memory.limit(machine.Memory); limit > 0 {
			fields = append(fields, influx.Uint(influx.FieldMemoryLimitBytes, limit))
		}
	}
	if len(s.Blkio) > 0 {
		read, written := uint64(0), uint64(0)
		for _, d := range s.Blkio {
			read += d.Bytes["Read"]
			written += d.Bytes["Write"]
		}
		fields = append(fields,
			influx.Uint(influx.FieldIOReadBytes, read), influx.Uint(influx.FieldIOWriteBytes, written))
	}
	return influx.Point{
		Measurement: influx.Cgroup,
		Tags:        []influx.Tag{{Key: influx.TagCgroup, Value: path}, {Key: influx.TagHost, Value: host}},
		Fields:      fields,
		Time:        at,
	}, len(fields) > 0
}

// appendFirst adds the first of the keys that the kernel has: v1's, else v2's.
func appendFirst(fields []influx.Field, stat map[string]uint64, field string, keys ...string) []influx.Field {
	for _, key := range keys {
		if v, ok := stat[key]; ok {
			return append(fields, influx.Uint(field, v))
		}
	}
	return fields
}
