// Package host measures the machine that the agent runs on, in the words of
// Telegraf's cpu, mem, disk, diskio, net and system inputs.
//
// Package app asks it once a tick. It never touches network file systems,
// whose servers may be away, and never looks at single processes.
package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"

	"nezuban/agent/influx"
)

// Sampler measures one host. It is not safe for concurrent use.
type Sampler struct {
	host string
	last *cpu.TimesStat // nil before the first sample
}

// New makes a sampler that tags its points with the host's name.
func New(name string) *Sampler { return &Sampler{host: name} }

// Machine is what the figures of containers are measured against; a zero is
// not known.
type Machine struct {
	Memory    uint64 // bytes
	SystemCPU uint64 // time of all CPUs since boot, busy or idle, in ns
	CPUs      int    // online
}

// Sample measures once. What cannot be read is in the error and gives no
// point; the other points are there all the same.
func (s *Sampler) Sample(ctx context.Context, at time.Time) ([]influx.Point, Machine, error) {
	var (
		points  []influx.Point
		machine Machine
		errs    []error
	)
	add := func(what string, more []influx.Point, err error) {
		points = append(points, more...)
		if err != nil {
			errs = append(errs, fmt.Errorf("host %s: %w", what, err))
		}
	}
	more, err := s.cpu(ctx, at, &machine)
	add("cpu", more, err)
	more, err = s.memory(ctx, at, &machine)
	add("memory", more, err)
	more, err = s.disks(ctx, at)
	add("disk", more, err)
	more, err = s.diskIO(ctx, at)
	add("disk io", more, err)
	more, err = s.network(ctx, at)
	add("network", more, err)
	more, err = s.system(ctx, at, machine.CPUs)
	add("load", more, err)
	return points, machine, errors.Join(errs...)
}

func (s *Sampler) cpu(ctx context.Context, at time.Time, machine *Machine) ([]influx.Point, error) {
	if n, err := cpu.CountsWithContext(ctx, true); err == nil {
		machine.CPUs = n // else not known: nothing hangs on it
	}
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil {
		return nil, err
	}
	if len(times) != 1 {
		return nil, fmt.Errorf("%d totals, expected 1", len(times))
	}
	now := times[0]
	machine.SystemCPU = uint64(total(now) * float64(time.Second))
	last := s.last
	s.last = &now
	if last == nil {
		return nil, nil
	}
	fields := usage(*last, now)
	if fields == nil {
		return nil, nil
	}
	return []influx.Point{s.point(influx.CPU, at, fields, influx.Tag{Key: influx.TagCPU, Value: influx.CPUTotal})}, nil
}

func (s *Sampler) memory(ctx context.Context, at time.Time, machine *Machine) ([]influx.Point, error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return nil, err
	}
	if m.Total == 0 {
		return nil, errors.New("total is 0")
	}
	machine.Memory = m.Total
	return []influx.Point{s.point(influx.Mem, at, []influx.Field{
		influx.Uint(influx.FieldTotal, m.Total),
		influx.Uint(influx.FieldAvailable, m.Available),
		influx.Uint(influx.FieldUsed, m.Used),
		influx.Uint(influx.FieldFree, m.Free),
		influx.Uint(influx.FieldCached, m.Cached),
		influx.Uint(influx.FieldBuffered, m.Buffers),
		influx.Float(influx.FieldUsedPercent, 100*float64(m.Used)/float64(m.Total)),
		influx.Float(influx.FieldAvailablePercent, 100*float64(m.Available)/float64(m.Total)),
		influx.Uint(influx.FieldSwapTotal, m.SwapTotal),
		influx.Uint(influx.FieldSwapFree, m.SwapFree),
	})}, nil
}

func (s *Sampler) disks(ctx context.Context, at time.Time) ([]influx.Point, error) {
	mounts, err := disk.PartitionsWithContext(ctx, false)
	if err != nil {
		return nil, err
	}
	var (
		points []influx.Point
		errs   []error
	)
	for _, m := range own(mounts) {
		u, err := disk.UsageWithContext(ctx, m.Mountpoint)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		points = append(points, s.diskPoint(m, u, at))
	}
	return points, errors.Join(errs...)
}

func (s *Sampler) diskIO(ctx context.Context, at time.Time) ([]influx.Point, error) {
	devices, err := disk.IOCountersWithContext(ctx)
	if err != nil {
		return nil, err
	}
	var points []influx.Point
	for name, d := range devices {
		if isVirtual(name) {
			continue
		}
		points = append(points, s.point(influx.DiskIO, at, []influx.Field{
			influx.Uint(influx.FieldReads, d.ReadCount),
			influx.Uint(influx.FieldWrites, d.WriteCount),
			influx.Uint(influx.FieldReadBytes, d.ReadBytes),
			influx.Uint(influx.FieldWriteBytes, d.WriteBytes),
			influx.Uint(influx.FieldReadTime, d.ReadTime),
			influx.Uint(influx.FieldWriteTime, d.WriteTime),
			influx.Uint(influx.FieldIOTime, d.IoTime),
			influx.Uint(influx.FieldIopsInProgress, d.IopsInProgress),
		}, influx.Tag{Key: influx.TagName, Value: name}))
	}
	return points, nil
}

func (s *Sampler) network(ctx context.Context, at time.Time) ([]influx.Point, error) {
	interfaces, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil, err
	}
	var points []influx.Point
	for _, i := range interfaces {
		if isContainerLink(i.Name) {
			continue
		}
		points = append(points, s.point(influx.Net, at, []influx.Field{
			influx.Uint(influx.FieldBytesSent, i.BytesSent),
			influx.Uint(influx.FieldBytesRecv, i.BytesRecv),
			influx.Uint(influx.FieldPacketsSent, i.PacketsSent),
			influx.Uint(influx.FieldPacketsRecv, i.PacketsRecv),
			influx.Uint(influx.FieldErrIn, i.Errin),
			influx.Uint(influx.FieldErrOut, i.Errout),
			influx.Uint(influx.FieldDropIn, i.Dropin),
			influx.Uint(influx.FieldDropOut, i.Dropout),
		}, influx.Tag{Key: influx.TagInterface, Value: i.Name}))
	}
	return points, nil
}

func (s *Sampler) system(ctx context.Context, at time.Time, cpus int) ([]influx.Point, error) {
	l, err := load.AvgWithContext(ctx)
	if err != nil {
		return nil, err
	}
	fields := []influx.Field{
		influx.Float(influx.FieldLoad1, l.Load1),
		influx.Float(influx.FieldLoad5, l.Load5),
		influx.Float(influx.FieldLoad15, l.Load15),
	}
	if cpus > 0 {
		fields = append(fields, influx.Int(influx.FieldNCPUs, int64(cpus)))
	}
	if up, err := host.UptimeWithContext(ctx); err == nil {
		fields = append(fields, influx.Uint(influx.FieldUptime, up))
	}
	return []influx.Point{s.point(influx.System, at, fields)}, nil
}

// point adds the host's tag.
func (s *Sampler) point(measurement string, at time.Time, fields []influx.Field, tags ...influx.Tag) influx.Point {
	return influx.Point{
		Measurement: measurement,
		Tags:        append(tags, influx.Tag{Key: influx.TagHost, Value: s.host}),
		Fields:      fields,
		Time:        at,
	}
}
