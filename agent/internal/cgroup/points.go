package cgroup

import (
	"math"
	"time"

	"nezuban/agent/influx"
)

// Machine is what a container's figures are measured against. A zero means
// that it is not known.
type Machine struct {
	Memory    uint64 // bytes
	SystemCPU uint64 // time of all CPUs since boot, busy or idle, in ns
}

// Owner is the container that a sample is of.
type Owner struct {
	ID   string       // full id: a field, never a tag
	Tags []influx.Tag // host, name, image, … of every point
}

// Tracker turns the samples of one life of one container into points. It
// remembers the last CPU figure: a rate needs two. The zero value is ready.
type Tracker struct {
	last uint64 // ns of CPU
	at   time.Time
}

// Points makes the points of one sample, all with the time at, in Telegraf's
// words. What the sample does not have gives no point.
// Next on a sample's path: [influx.Writer.Write].
func (t *Tracker) Points(s Sample, owner Owner, machine Machine, at time.Time) []influx.Point {
	points := make([]influx.Point, 0, 6)
	if s.CPU != nil {
		points = append(points, t.cpuPoint(*s.CPU, s.At, owner, machine, at))
	}
	if s.Memory != nil {
		points = append(points, memoryPoint(*s.Memory, owner, machine, at))
	}
	points = append(points, networkPoints(s.Network, owner, at)...)
	return append(points, blkioPoints(s.Blkio, owner, at)...)
}

func (t *Tracker) cpuPoint(cpu CPU, read time.Time, owner Owner, machine Machine, at time.Time) influx.Point {
	fields := []influx.Field{
		influx.Uint(influx.FieldUsageTotal, cpu.Total),
		influx.Uint(influx.FieldUsageInUsermode, cpu.User),
		influx.Uint(influx.FieldUsageInKernelmode, cpu.System),
		influx.Uint(influx.FieldThrottlingPeriods, cpu.Periods),
		influx.Uint(influx.FieldThrottledPeriods, cpu.ThrottledPeriods),
		influx.Uint(influx.FieldThrottledTime, cpu.ThrottledTime),
	}
	if machine.SystemCPU > 0 {
		fields = append(fields, influx.Uint(influx.FieldUsageSystem, machine.SystemCPU))
	}
	if percent, ok := t.percent(cpu.Total, read); ok {
		fields = append(fields, influx.Float(influx.FieldUsagePercent, percent))
	}
	return owner.point(influx.ContainerCPU, at, fields, influx.Tag{Key: influx.TagCPU, Value: influx.CPUTotal})
}

// percent is the CPU used since the last sample; 100 is one CPU kept busy.
// A first sample, and a counter that went back, give none.
func (t *Tracker) percent(total uint64, read time.Time) (float64, bool) {
	last, since := t.last, t.at
	t.last, t.at = total, read
	elapsed := read.Sub(since)
	if since.IsZero() || elapsed <= 0 || total < last {
		return 0, false
	}
	return 100 * float64(total-last) / float64(elapsed.Nanoseconds()), true
}

// memoryStats are the keys of memory.stat that become fields where the kernel
// has them; v1 and v2 have different ones.
func memoryStats() []string {
	return []string{
		influx.FieldActiveAnon, influx.FieldActiveFile, influx.FieldInactiveAnon, influx.FieldInactiveFile,
		influx.FieldCache, influx.FieldRSS, influx.FieldMappedFile, influx.FieldShmem,
		influx.FieldPgfault, influx.FieldPgmajfault, influx.FieldUnevictable,
		influx.FieldTotalCache, influx.FieldTotalRSS, influx.FieldTotalInactiveFile, influx.FieldTotalActiveFile,
	}
}

func memoryPoint(memory Memory, owner Owner, machine Machine, at time.Time) influx.Point {
	usage := memory.Working()
	fields := []influx.Field{influx.Uint(influx.FieldUsage, usage)}
	if limit := memory.limit(machine.Memory); limit > 0 {
		fields = append(fields,
			influx.Uint(influx.FieldLimit, limit),
			influx.Float(influx.FieldUsagePercent, 100*float64(usage)/float64(limit)))
	}
	if memory.MaxUsage > 0 {
		fields = append(fields, influx.Uint(influx.FieldMaxUsage, memory.MaxUsage))
	}
	if memory.FailCount > 0 {
		fields = append(fields, influx.Uint(influx.FieldFailCount, memory.FailCount))
	}
	for _, key := range memoryStats() {
		if v, ok := memory.Stat[key]; ok {
			fields = append(fields, influx.Uint(key, v))
		}
	}
	return owner.point(influx.ContainerMem, at, fields)
}

// limit is the limit that holds, in bytes: the cgroup's own or what the
// machine has; 0 when neither is known.
func (m Memory) limit(machine uint64) uint64 {
	if m.Limit == 0 || m.Limit >= math.MaxInt64/2 {
		return machine // v1 says "none" as the largest page-aligned int64
	}
	if machine > 0 {
		return min(m.Limit, machine)
	}
	return m.Limit
}

func networkPoints(interfaces []Interface, owner Owner, at time.Time) []influx.Point {
	if len(interfaces) == 0 {
		return nil
	}
	points := make([]influx.Point, 0, len(interfaces)+1)
	total := Interface{Name: influx.Total}
	for _, i := range interfaces {
		points = append(points, i.point(owner, at))
		total.add(i)
	}
	return append(points, total.point(owner, at))
}

func (i *Interface) add(other Interface) {
	i.RxBytes += other.RxBytes
	i.RxPackets += other.RxPackets
	i.RxErrors += other.RxErrors
	i.RxDropped += other.RxDropped
	i.TxBytes += other.TxBytes
	i.TxPackets += other.TxPackets
	i.TxErrors += other.TxErrors
	i.TxDropped += other.TxDropped
}

func (i *Interface) point(owner Owner, at time.Time) influx.Point {
	return owner.point(influx.ContainerNet, at, []influx.Field{
		influx.Uint(influx.FieldRxBytes, i.RxBytes),
		influx.Uint(influx.FieldRxPackets, i.RxPackets),
		influx.Uint(influx.FieldRxErrors, i.RxErrors),
		influx.Uint(influx.FieldRxDropped, i.RxDropped),
		influx.Uint(influx.FieldTxBytes, i.TxBytes),
		influx.Uint(influx.FieldTxPackets, i.TxPackets),
		influx.Uint(influx.FieldTxErrors, i.TxErrors),
		influx.Uint(influx.FieldTxDropped, i.TxDropped),
	}, influx.Tag{Key: influx.TagNetwork, Value: i.Name})
}

// point adds the owner's tags and id to fields.
func (o Owner) point(measurement string, at time.Time, fields []influx.Field, tags ...influx.Tag) influx.Point {
	all := make([]influx.Tag, 0, len(o.Tags)+len(tags))
	return influx.Point{
		Measurement: measurement,
		Tags:        append(append(all, o.Tags...), tags...),
		Fields:      append(fields, influx.String(influx.FieldContainerID, o.ID)),
		Time:        at,
	}
}
