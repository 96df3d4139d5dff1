package cgroup

import (
	"errors"
	"slices"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// Machine is what a container's figures are measured against. A zero means
// that it is not known.
type Machine struct {
	Memory    uint64 // bytes
	SystemCPU uint64 // time of all CPUs since boot, busy or idle, in ns
}

// Owner is the container that samples are of: its id and tags, encoded once. It is not safe for concurrent use.
type Owner struct {
	id                          influx.Fixed
	tags                        []influx.Tag
	cpu, memory, pids, pressure influx.Series
	networks, devices           map[string]influx.Series // by interface and device, total too
}

// NewOwner is the container of an id, which is a field and never a tag, with the tags of each of its points: host, name, image, …
// The error names tags that have no line protocol; the owner is of use all the same, and has no lines then.
func NewOwner(id string, tags []influx.Tag) (*Owner, error) {
	o := &Owner{tags: tags, networks: make(map[string]influx.Series), devices: make(map[string]influx.Series)}
	var errs []error
	var err error
	o.id, err = influx.NewFixed(influx.String(influx.FieldContainerID, id))
	errs = append(errs, err)
	o.cpu, err = influx.NewSeries(influx.ContainerCPU, with(tags, influx.TagCPU, influx.CPUTotal))
	errs = append(errs, err)
	for measurement, series := range map[string]*influx.Series{
		influx.ContainerMem: &o.memory, influx.ContainerPIDs: &o.pids, influx.ContainerPressure: &o.pressure,
	} {
		*series, err = influx.NewSeries(measurement, tags)
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}

// ID is the field with the container's id.
func (o *Owner) ID() influx.Fixed { return o.id }

func with(tags []influx.Tag, key, value string) []influx.Tag {
	return append(slices.Clip(slices.Clone(tags)), influx.Tag{Key: key, Value: value})
}

// part is the series of one interface or device, made when it is seen first. One whose name has no line protocol has none.
func (o *Owner) part(known map[string]influx.Series, measurement, key, name string) influx.Series {
	series, ok := known[name]
	if !ok {
		if len(known) >= kernel.MostNames {
			clear(known)
		}
		series, _ = influx.NewSeries(measurement, with(o.tags, key, name)) // the zero Series: no line
		known[name] = series
	}
	return series
}

// Tracker turns the samples of one life of one container into lines. It
// remembers the last CPU figure: a rate needs two. The zero value is ready.
type Tracker struct {
	last uint64 // ns of CPU
	at   time.Time
}

// Append adds the lines of one sample, all with the time at, in Telegraf's words. What the sample does not have gives no field, and
// a line without any is left out.
// Next on a sample's path: [influx.Writer.WriteLines].
func (t *Tracker) Append(l *influx.Lines, s *Sample, owner *Owner, machine Machine, at time.Time) {
	l.Begin(owner.cpu)
	t.cpu(l, &s.CPU, s.At, machine)
	l.End(owner.id, at)
	l.Begin(owner.memory)
	appendMemory(l, &s.Memory, machine)
	l.End(owner.id, at)
	l.Begin(owner.pids)
	put(l, influx.FieldPIDs, s.PIDs.Current)
	put(l, influx.FieldPIDsLimit, s.PIDs.Limit)
	l.End(owner.id, at)
	l.Begin(owner.pressure)
	appendPressure(l, &s.Pressure)
	l.End(owner.id, at)
	owner.appendNetwork(l, s.Network, at)
	owner.appendBlkio(l, s.Blkio, at)
}

// put adds a figure that is known.
func put(l *influx.Lines, key string, f kernel.Figure) {
	if f.Known {
		l.Uint(key, f.Value)
	}
}

func (t *Tracker) cpu(l *influx.Lines, cpu *CPU, read time.Time, machine Machine) {
	if !cpu.Total.Known {
		return
	}
	put(l, influx.FieldUsageTotal, cpu.Total)
	put(l, influx.FieldUsageInUsermode, cpu.User)
	put(l, influx.FieldUsageInKernelmode, cpu.System)
	put(l, influx.FieldThrottlingPeriods, cpu.Periods)
	put(l, influx.FieldThrottledPeriods, cpu.ThrottledPeriods)
	put(l, influx.FieldThrottledTime, cpu.ThrottledTime)
	if machine.SystemCPU > 0 {
		l.Uint(influx.FieldUsageSystem, machine.SystemCPU)
	}
	if percent, ok := t.percent(cpu.Total.Value, read); ok {
		l.Float(influx.FieldUsagePercent, percent)
		if cores, limited := cpu.Cores(); limited && cores > 0 {
			l.Float(influx.FieldUsagePercentOfLimit, percent/cores)
		}
	}
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

func appendMemory(l *influx.Lines, memory *Memory, machine Machine) {
	if !memory.Usage.Known {
		return
	}
	usage := memory.Working()
	put(l, influx.FieldUsage, usage)
	put(l, influx.FieldWorkingSet, usage)
	if limit := memory.limit(machine.Memory); limit.Value > 0 {
		put(l, influx.FieldLimit, limit)
		l.Float(influx.FieldUsagePercent, 100*float64(usage.Value)/float64(limit.Value))
	}
	put(l, influx.FieldMaxUsage, memory.MaxUsage)
	put(l, influx.FieldFailCount, memory.FailCount)
	put(l, influx.FieldSwap, memory.Swap)
	put(l, influx.FieldOOMKills, memory.OOMKills)
	for stat, field := range statFields {
		if f := memory.Stats[stat]; f.Value < noLimit { // of which a hierarchy without a limit has one line
			put(l, field, f)
		}
	}
}

func appendPressure(l *influx.Lines, p *Pressure) {
	put(l, influx.FieldCPUSome, p.CPUSome)
	put(l, influx.FieldCPUFull, p.CPUFull)
	put(l, influx.FieldMemorySome, p.MemorySome)
	put(l, influx.FieldMemoryFull, p.MemoryFull)
	put(l, influx.FieldIOSome, p.IOSome)
	put(l, influx.FieldIOFull, p.IOFull)
}

// appendNetwork gives a line for each interface and one for all of them.
func (o *Owner) appendNetwork(l *influx.Lines, interfaces []Interface, at time.Time) {
	total := Interface{Name: influx.Total}
	for i := range interfaces {
		o.appendInterface(l, &interfaces[i], at)
		total.add(interfaces[i])
	}
	if len(interfaces) > 0 {
		o.appendInterface(l, &total, at)
	}
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

func (o *Owner) appendInterface(l *influx.Lines, i *Interface, at time.Time) {
	l.Begin(o.part(o.networks, influx.ContainerNet, influx.TagNetwork, i.Name))
	for _, f := range i.figures() {
		l.Uint(f.field, f.v)
	}
	l.End(o.id, at)
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

// appendBlkio gives a line for each device and one for all of them.
func (o *Owner) appendBlkio(l *influx.Lines, devices []Device, at time.Time) {
	total := Device{Name: influx.Total}
	for i := range devices {
		o.appendDevice(l, &devices[i], at)
		total.add(&devices[i])
	}
	if len(devices) > 0 {
		o.appendDevice(l, &total, at)
	}
}

func (d *Device) add(other *Device) {
	for op := range d.Bytes {
		d.Bytes[op] = d.Bytes[op].Plus(other.Bytes[op])
		d.Count[op] = d.Count[op].Plus(other.Count[op])
	}
}

func (o *Owner) appendDevice(l *influx.Lines, d *Device, at time.Time) {
	l.Begin(o.part(o.devices, influx.ContainerBlkio, influx.TagDevice, d.Name))
	for op, names := range opFields {
		put(l, names.bytes, d.Bytes[op])
		put(l, names.count, d.Count[op])
	}
	l.End(o.id, at)
}
