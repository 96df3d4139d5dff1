package cgroup

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/cadvisor/lib/model"

	"nezuban/agent/influx"
)

// Device is the block IO to one device, cumulative, by operation in the
// kernel's words: Read, Write, Sync, Async, Discard, Total. v2 knows only the
// first two. A figure that is absent is not known.
type Device struct {
	Name  string // major:minor
	Bytes map[string]uint64
	Count map[string]uint64
}

// devices leaves out figures without a device: since Linux 6.10 the v1 files
// say only "Total 0" until a throttle rule exists anywhere on the machine, and
// that means not known.
func devices(io *model.DiskIoStats) []Device {
	byName := make(map[string]*Device)
	device := func(d model.PerDiskStats) *Device {
		name := fmt.Sprintf("%d:%d", d.Major, d.Minor)
		if byName[name] == nil {
			byName[name] = &Device{Name: name}
		}
		return byName[name]
	}
	for _, d := range io.IoServiceBytes {
		device(d).Bytes = d.Stats
	}
	for _, d := range io.IoServiced {
		device(d).Count = d.Stats
	}
	delete(byName, "0:0")
	out := make([]Device, 0, len(byName))
	for _, d := range byName {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Device) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// operation names the two fields of one operation.
type operation struct{ kernel, bytes, count string }

func operations() []operation {
	return []operation{
		{"Read", influx.FieldIOServiceBytesRead, influx.FieldIOServicedRead},
		{"Write", influx.FieldIOServiceBytesWrite, influx.FieldIOServicedWrite},
		{"Sync", influx.FieldIOServiceBytesSync, influx.FieldIOServicedSync},
		{"Async", influx.FieldIOServiceBytesAsync, influx.FieldIOServicedAsync},
		{"Total", influx.FieldIOServiceBytesTotal, influx.FieldIOServicedTotal},
	}
}

// blkioPoints gives a point for each device and one for all of them.
func blkioPoints(devices []Device, owner Owner, at time.Time) []influx.Point {
	if len(devices) == 0 {
		return nil
	}
	total := Device{Name: influx.Total, Bytes: make(map[string]uint64), Count: make(map[string]uint64)}
	points := make([]influx.Point, 0, len(devices)+1)
	for _, d := range devices {
		points = append(points, d.point(owner, at))
		add(total.Bytes, d.Bytes)
		add(total.Count, d.Count)
	}
	return append(points, total.point(owner, at))
}

func add(total, figures map[string]uint64) {
	for op, v := range figures {
		total[op] += v
	}
}

func (d Device) point(owner Owner, at time.Time) influx.Point {
	var fields []influx.Field
	for _, op := range operations() {
		if v, ok := d.Bytes[op.kernel]; ok {
			fields = append(fields, influx.Uint(op.bytes, v))
		}
		if v, ok := d.Count[op.kernel]; ok {
			fields = append(fields, influx.Uint(op.count, v))
		}
	}
	return owner.point(influx.ContainerBlkio, at, fields, influx.Tag{Key: influx.TagDevice, Value: d.Name})
}
