package cgroup

import (
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
// words. What the sample does not have gives no field, and a point without any is left out.
// Next on a sample's path: [influx.Writer.Write].
func (t *Tracker) Points(s *Sample, owner Owner, machine Machine, at time.Time) []influx.Point {
	points := make([]influx.Point, 0, 8)
	for _, p := range []struct {
		measurement string
		fields      []influx.Field
		tags        []influx.Tag
	}{
		{influx.ContainerCPU, t.cpuFields(&s.CPU, s.At, machine), []influx.Tag{{Key: influx.TagCPU, Value: influx.CPUTotal}}},
		{influx.ContainerMem, memoryFields(&s.Memory, machine), nil},
		{influx.ContainerPIDs, pidsFields(s.PIDs), nil},
		{influx.ContainerPressure, pressureFields(s.Pressure), nil},
	} {
		if len(p.fields) > 0 {
			points = append(points, owner.point(p.measurement, at, p.fields, p.tags...))
		}
	}
	points = append(points, networkPoints(s.Network, owner, at)...)
	return append(points, blkioPoints(s.Blkio, owner, at)...)
}

// add appends a figure that is known.
func add(fields []influx.Field, key string, f Figure) []influx.Field {
	if !f.Known {
		return fields
	}
	return append(fields, influx.Uint(key, f.Value))
}

func (t *Tracker) cpuFields(cpu *CPU, read time.Time, machine Machine) []influx.Field {
	if !cpu.Total.Known {
		return nil
	}
	fields := make([]influx.Field, 0, 10)
	fields = add(fields, influx.FieldUsageTotal, cpu.Total)
	fields = add(fields, influx.FieldUsageInUsermode, cpu.User)
	fields = add(fields, influx.FieldUsageInKernelmode, cpu.System)
	fields = add(fields, influx.FieldThrottlingPeriods, cpu.Periods)
	fields = add(fields, influx.FieldThrottledPeriods, cpu.ThrottledPeriods)
	fields = add(fields, influx.FieldThrottledTime, cpu.ThrottledTime)
	if machine.SystemCPU > 0 {
		fields = append(fields, influx.Uint(influx.FieldUsageSystem, machine.SystemCPU))
	}
	if percent, ok := t.percent(cpu.Total.Value, read); ok {
		fields = append(fields, influx.Float(influx.FieldUsagePercent, percent))
		if cores, limited := cpu.Cores(); limited && cores > 0 {
			fields = append(fields, influx.Float(influx.FieldUsagePercentOfLimit, percent/cores))
		}
	}
	return fields
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

// statFields are the fields of the lines of memory.stat.
var statFields = [statCount]string{
	StatActiveAnon: influx.FieldActiveAnon, StatActiveFile: influx.FieldActiveFile,
	StatInactiveAnon: influx.FieldInactiveAnon, StatInactiveFile: influx.FieldInactiveFile,
	StatCache: influx.FieldCache, StatRSS: influx.FieldRSS, StatRSSHuge: influx.FieldRSSHuge,
	StatMapped: influx.FieldMappedFile, StatShmem: influx.FieldShmem,
	StatUnevictable: influx.FieldUnevictable, StatWriteback: influx.FieldWriteback,
	StatPgfault: influx.FieldPgfault, StatPgmajfault: influx.FieldPgmajfault,
	StatPgpgin: influx.FieldPgpgin, StatPgpgout: influx.FieldPgpgout,
	StatHierarchicalLimit: influx.FieldHierarchicalLimit,
	StatTotalActiveAnon:   influx.FieldTotalActiveAnon, StatTotalActiveFile: influx.FieldTotalActiveFile,
	StatTotalInactiveAnon: influx.FieldTotalInactiveAnon, StatTotalInactiveFile: influx.FieldTotalInactiveFile,
	StatTotalCache: influx.FieldTotalCache, StatTotalRSS: influx.FieldTotalRSS, StatTotalRSSHuge: influx.FieldTotalRSSHuge,
	StatTotalMapped: influx.FieldTotalMappedFile, StatTotalShmem: influx.FieldTotalShmem,
	StatTotalUnevictable: influx.FieldTotalUnevictable, StatTotalWriteback: influx.FieldTotalWriteback,
	StatTotalPgfault: influx.FieldTotalPgfault, StatTotalPgmajfault: influx.FieldTotalPgmajfault,
	StatTotalPgpgin: influx.FieldTotalPgpgin, StatTotalPgpgout: influx.FieldTotalPgpgout,
}

func memoryFields(memory *Memory, machine Machine) []influx.Field {
	if !memory.Usage.Known {
		return nil
	}
	fields := make([]influx.Field, 0, 16+len(memory.Stats))
	usage := memory.Working()
	fields = add(fields, influx.FieldUsage, usage)
	fields = add(fields, influx.FieldWorkingSet, usage)
	if limit := memory.limit(machine.Memory); limit.Value > 0 {
		fields = append(fields,
			influx.Uint(influx.FieldLimit, limit.Value),
			influx.Float(influx.FieldUsagePercent, 100*float64(usage.Value)/float64(limit.Value)))
	}
	fields = add(fields, influx.FieldMaxUsage, memory.MaxUsage)
	fields = add(fields, influx.FieldFailCount, memory.FailCount)
	fields = add(fields, influx.FieldSwap, memory.Swap)
	fields = add(fields, influx.FieldOOMKills, memory.OOMKills)
	for stat, field := range statFields {
		if f := memory.Stats[stat]; f.Value < noLimit { // of which a hierarchy without a limit has one line
			fields = add(fields, field, f)
		}
	}
	return fields
}

func pidsFields(pids PIDs) []influx.Field {
	fields := add(nil, influx.FieldPIDs, pids.Current)
	return add(fields, influx.FieldPIDsLimit, pids.Limit)
}

func pressureFields(p Pressure) []influx.Field {
	fields := add(nil, influx.FieldCPUSome, p.CPUSome)
	fields = add(fields, influx.FieldCPUFull, p.CPUFull)
	fields = add(fields, influx.FieldMemorySome, p.MemorySome)
	fields = add(fields, influx.FieldMemoryFull, p.MemoryFull)
	fields = add(fields, influx.FieldIOSome, p.IOSome)
	return add(fields, influx.FieldIOFull, p.IOFull)
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

// rxTx is a figure of an interface with its field.
type rxTx struct {
	field string
	v     uint64
}

func (i *Interface) figures() [8]rxTx {
	return [8]rxTx{
		{influx.FieldRxBytes, i.RxBytes},
		{influx.FieldRxPackets, i.RxPackets},
		{influx.FieldRxErrors, i.RxErrors},
		{influx.FieldRxDropped, i.RxDropped},
		{influx.FieldTxBytes, i.TxBytes},
		{influx.FieldTxPackets, i.TxPackets},
		{influx.FieldTxErrors, i.TxErrors},
		{influx.FieldTxDropped, i.TxDropped},
	}
}

func (i *Interface) point(owner Owner, at time.Time) influx.Point {
	fields := make([]influx.Field, 0, 9)
	for _, f := range i.figures() {
		fields = append(fields, influx.Uint(f.field, f.v))
	}
	return owner.point(influx.ContainerNet, at, fields, influx.Tag{Key: influx.TagNetwork, Value: i.Name})
}

// opFields are the fields of the operations of block IO.
var opFields = [opCount]struct{ bytes, count string }{
	OpRead:    {influx.FieldIOServiceBytesRead, influx.FieldIOServicedRead},
	OpWrite:   {influx.FieldIOServiceBytesWrite, influx.FieldIOServicedWrite},
	OpSync:    {influx.FieldIOServiceBytesSync, influx.FieldIOServicedSync},
	OpAsync:   {influx.FieldIOServiceBytesAsync, influx.FieldIOServicedAsync},
	OpDiscard: {influx.FieldIOServiceBytesDiscard, influx.FieldIOServicedDiscard},
	OpTotal:   {influx.FieldIOServiceBytesTotal, influx.FieldIOServicedTotal},
}

// blkioPoints gives a point for each device and one for all of them.
func blkioPoints(devices []Device, owner Owner, at time.Time) []influx.Point {
	if len(devices) == 0 {
		return nil
	}
	total := Device{Name: influx.Total}
	points := make([]influx.Point, 0, len(devices)+1)
	for i := range devices {
		points = append(points, devices[i].point(owner, at))
		total.add(&devices[i])
	}
	return append(points, total.point(owner, at))
}

func (d *Device) add(other *Device) {
	for op := range d.Bytes {
		d.Bytes[op] = d.Bytes[op].plus(other.Bytes[op])
		d.Count[op] = d.Count[op].plus(other.Count[op])
	}
}

func (d *Device) point(owner Owner, at time.Time) influx.Point {
	var fields []influx.Field
	for op, names := range opFields {
		fields = add(fields, names.bytes, d.Bytes[op])
		fields = add(fields, names.count, d.Count[op])
	}
	return owner.point(influx.ContainerBlkio, at, fields, influx.Tag{Key: influx.TagDevice, Value: d.Name})
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
