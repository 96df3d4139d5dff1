package host

import (
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"

	"nezuban/agent/influx"
)

// total is the time of all CPUs in seconds. Guests' time is part of user time.
func total(t cpu.TimesStat) float64 {
	return t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
}

// usage gives the shares of CPU time between two readings, each 0 to 100, or
// nil when none can be told: no time passed, or the counters began anew.
// A single share may go back a little (iowait does): it then counts as 0.
func usage(last, now cpu.TimesStat) []influx.Field {
	all := total(now) - total(last)
	if all <= 0 {
		return nil
	}
	share := func(now, last float64) float64 { return min(100, max(0, 100*(now-last)/all)) }
	idle := share(now.Idle, last.Idle) + share(now.Iowait, last.Iowait)
	return []influx.Field{
		influx.Float(influx.FieldUsageActive, max(0, 100-idle)),
		influx.Float(influx.FieldUsageUser, share(now.User, last.User)),
		influx.Float(influx.FieldUsageSystem, share(now.System, last.System)),
		influx.Float(influx.FieldUsageIdle, share(now.Idle, last.Idle)),
		influx.Float(influx.FieldUsageNice, share(now.Nice, last.Nice)),
		influx.Float(influx.FieldUsageIowait, share(now.Iowait, last.Iowait)),
		influx.Float(influx.FieldUsageIrq, share(now.Irq, last.Irq)),
		influx.Float(influx.FieldUsageSoftirq, share(now.Softirq, last.Softirq)),
		influx.Float(influx.FieldUsageSteal, share(now.Steal, last.Steal)),
	}
}

// own leaves out bind mounts: the same device seen a second time.
func own(mounts []disk.PartitionStat) []disk.PartitionStat {
	seen := make(map[string]bool)
	var out []disk.PartitionStat
	for _, m := range mounts {
		if seen[m.Device] || slices.Contains(m.Opts, "bind") {
			continue
		}
		seen[m.Device] = true
		out = append(out, m)
	}
	return out
}

func (s *Sampler) diskPoint(m disk.PartitionStat, u *disk.UsageStat, at time.Time) influx.Point {
	fields := []influx.Field{
		influx.Uint(influx.FieldTotal, u.Total),
		influx.Uint(influx.FieldFree, u.Free),
		influx.Uint(influx.FieldUsed, u.Used),
		influx.Uint(influx.FieldInodesTotal, u.InodesTotal),
		influx.Uint(influx.FieldInodesFree, u.InodesFree),
		influx.Uint(influx.FieldInodesUsed, u.InodesUsed),
	}
	if usable := u.Used + u.Free; usable > 0 {
		fields = append(fields, influx.Float(influx.FieldUsedPercent, 100*float64(u.Used)/float64(usable)))
	}
	mode := "rw"
	if slices.Contains(m.Opts, "ro") {
		mode = "ro"
	}
	return s.point(influx.Disk, at, fields,
		influx.Tag{Key: influx.TagDevice, Value: strings.TrimPrefix(m.Device, "/dev/")},
		influx.Tag{Key: influx.TagFSType, Value: m.Fstype},
		influx.Tag{Key: influx.TagMode, Value: mode},
		influx.Tag{Key: influx.TagPath, Value: m.Mountpoint})
}

// isVirtual says whether a block device has no medium of its own.
func isVirtual(name string) bool {
	return strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram")
}

// isContainerLink says whether an interface is loopback or one end of a
// container's: those come and go with containers, which have their own figures.
func isContainerLink(name string) bool { return name == "lo" || strings.HasPrefix(name, "veth") }
