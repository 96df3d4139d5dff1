package host

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"

	"nezuban/agent/influx"
)

// reference measures this machine through gopsutil, as Telegraf does, but for CPU, of which it gives ticks.
func reference(t testing.TB) []influx.Point {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var points []influx.Point
	add := func(measurement, tag, value string, fields ...influx.Field) {
		tags := []influx.Tag{{Key: influx.TagHost, Value: "h1"}}
		if tag != "" {
			tags = append(tags, influx.Tag{Key: tag, Value: value})
		}
		points = append(points, influx.Point{Measurement: measurement, Tags: tags, Fields: fields, Time: time.Unix(1000, 0)})
	}
	m, err := mem.VirtualMemoryWithContext(ctx)
	must(err)
	add(
		influx.Mem, "", "",
		influx.Uint("total", m.Total), influx.Uint("available", m.Available), influx.Uint("used", m.Used), influx.Uint("free", m.Free),
		influx.Uint("cached", m.Cached), influx.Uint("buffered", m.Buffers), influx.Uint("active", m.Active), influx.Uint("inactive", m.Inactive),
		influx.Uint("dirty", m.Dirty), influx.Uint("write_back", m.WriteBack), influx.Uint("write_back_tmp", m.WriteBackTmp),
		influx.Uint("mapped", m.Mapped), influx.Uint("shared", m.Shared), influx.Uint("slab", m.Slab),
		influx.Uint("sreclaimable", m.Sreclaimable), influx.Uint("sunreclaim", m.Sunreclaim), influx.Uint("page_tables", m.PageTables),
		influx.Uint("commit_limit", m.CommitLimit), influx.Uint("committed_as", m.CommittedAS),
		influx.Uint("vmalloc_total", m.VmallocTotal), influx.Uint("vmalloc_used", m.VmallocUsed),
		influx.Uint("huge_pages_total", m.HugePagesTotal), influx.Uint("huge_pages_free", m.HugePagesFree), influx.Uint("huge_page_size", m.HugePageSize),
		influx.Uint("swap_total", m.SwapTotal), influx.Uint("swap_free", m.SwapFree), influx.Uint("swap_cached", m.SwapCached),
		influx.Float("used_percent", m.UsedPercent), influx.Float("available_percent", 100*float64(m.Available)/float64(m.Total)),
	)
	swap, err := mem.SwapMemoryWithContext(ctx)
	must(err)
	add(
		influx.Swap, "", "",
		influx.Uint("total", swap.Total), influx.Uint("used", swap.Used), influx.Uint("free", swap.Free),
		influx.Uint("in", swap.Sin), influx.Uint("out", swap.Sout),
	)
	mounts, err := disk.PartitionsWithContext(ctx, false)
	must(err)
	seen := make(map[string]bool)
	for _, mount := range mounts {
		if seen[mount.Device] {
			continue
		}
		seen[mount.Device] = true
		u, err := disk.UsageWithContext(ctx, mount.Mountpoint)
		if errors.Is(err, fs.ErrNotExist) { // it is unmounted by now
			continue
		}
		must(err)
		add(
			influx.Disk, influx.TagPath, mount.Mountpoint,
			influx.Uint("total", u.Total), influx.Uint("free", u.Free), influx.Uint("used", u.Used), influx.Float("used_percent", u.UsedPercent),
			influx.Uint("inodes_total", u.InodesTotal), influx.Uint("inodes_free", u.InodesFree), influx.Uint("inodes_used", u.InodesUsed),
			influx.Float("inodes_used_percent", u.InodesUsedPercent),
		)
	}
	devices, err := disk.IOCountersWithContext(ctx)
	must(err)
	for name, d := range devices {
		if isVirtual([]byte(name)) {
			continue
		}
		add(
			influx.DiskIO, influx.TagName, name,
			influx.Uint("reads", d.ReadCount), influx.Uint("writes", d.WriteCount),
			influx.Uint("merged_reads", d.MergedReadCount), influx.Uint("merged_writes", d.MergedWriteCount),
			influx.Uint("read_bytes", d.ReadBytes), influx.Uint("write_bytes", d.WriteBytes),
			influx.Uint("read_time", d.ReadTime), influx.Uint("write_time", d.WriteTime),
			influx.Uint("io_time", d.IoTime), influx.Uint("weighted_io_time", d.WeightedIO), influx.Uint("iops_in_progress", d.IopsInProgress),
		)
	}
	interfaces, err := net.IOCountersWithContext(ctx, true)
	must(err)
	for _, i := range interfaces {
		if isContainerLink([]byte(i.Name)) {
			continue
		}
		add(
			influx.Net, influx.TagInterface, i.Name,
			influx.Uint("bytes_sent", i.BytesSent), influx.Uint("bytes_recv", i.BytesRecv),
			influx.Uint("packets_sent", i.PacketsSent), influx.Uint("packets_recv", i.PacketsRecv),
			influx.Uint("err_in", i.Errin), influx.Uint("err_out", i.Errout), influx.Uint("drop_in", i.Dropin), influx.Uint("drop_out", i.Dropout),
		)
	}
	l, err := load.AvgWithContext(ctx)
	must(err)
	up, err := host.UptimeWithContext(ctx)
	must(err)
	n, err := cpu.CountsWithContext(ctx, true)
	must(err)
	add(
		influx.System, "", "",
		influx.Float("load1", l.Load1), influx.Float("load5", l.Load5), influx.Float("load15", l.Load15),
		influx.Int("n_cpus", int64(n)), influx.Uint("uptime", up),
	)
	return points
}

// ticks are the times of all CPUs and of each, through gopsutil.
func ticks(t testing.TB) map[string]times {
	t.Helper()
	all := make(map[string]times)
	for _, perCPU := range []bool{false, true} {
		found, err := cpu.TimesWithContext(t.Context(), perCPU)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			var now times
			for i, seconds := range []float64{f.User, f.Nice, f.System, f.Idle, f.Iowait, f.Irq, f.Softirq, f.Steal, f.Guest, f.GuestNice} {
				now[i] = uint64(seconds*100 + 0.5)
			}
			all[f.CPU] = now
		}
	}
	return all
}

// On this machine each figure that gopsutil gives is there under Telegraf's name, and its value is one that gopsutil gave just before
// or just after, or lies between. Others use this machine meanwhile, and mount something, so that each may be missed once or twice.
func TestAgainstGopsutil(t *testing.T) {
	wrong := unlikeGopsutil(t)
	for rounds := 1; len(wrong) > 0 && rounds < 5; rounds++ {
		again := unlikeGopsutil(t)
		maps.DeleteFunc(wrong, func(name, _ string) bool { return again[name] == "" })
	}
	for name, how := range wrong {
		t.Errorf("%s %s", name, how)
	}
}

// unlikeGopsutil takes one sample, and tells what of it differs, and how.
func unlikeGopsutil(t *testing.T) (wrong map[string]string) {
	t.Helper()
	wrong = make(map[string]string)
	s := real(t)
	var lines influx.Lines
	before := reference(t)
	if _, err := s.Sample(&lines, time.Unix(1000, 0), nil); err != nil {
		wrong["the sample"] = err.Error()
	}
	after := reference(t)
	own := make(map[string]float64)
	points := decode(t, &lines)
	for _, p := range points {
		for _, f := range p.Fields {
			own[nameOf(p)+" "+f.Key] = number(f.Value)
		}
	}
	later := make(map[string]float64)
	for _, p := range after {
		for _, f := range p.Fields {
			later[nameOf(p)+" "+f.Key] = number(f.Value)
		}
	}
	compared := make(map[string]int)
	for _, p := range before {
		for _, f := range p.Fields {
			name := nameOf(p) + " " + f.Key
			first, last := number(f.Value), later[name]
			got, ok := own[name]
			// What rises and falls may have been anything in between; it moves by little in a millisecond.
			slack := 0.0
			switch p.Measurement {
			case influx.Mem, influx.Disk:
				slack = 0.02 * max(first, last, 64<<20)
				if strings.HasSuffix(f.Key, "percent") {
					slack = 2
				}
			case influx.System:
				if f.Key == influx.FieldUptime {
					slack = 1 // it rounds up
				}
			case influx.DiskIO:
				if f.Key == influx.FieldIopsInProgress {
					slack = 1000
				}
			}
			if !ok || got < min(first, last)-slack || got > max(first, last)+slack {
				wrong[name] = fmt.Sprintf("is %v, %v, expected %v to %v", got, ok, first, last)
			}
			compared[p.Measurement]++
		}
	}
	for _, m := range []string{influx.Mem, influx.Swap, influx.Disk, influx.DiskIO, influx.Net, influx.System} {
		if compared[m] < 5 {
			wrong["figures of "+m] = fmt.Sprintf("are compared %d times", compared[m])
		}
	}
	if len(own) < len(later) {
		wrong["figures"] = fmt.Sprintf("are %d, gopsutil has %d", len(own), len(later))
	}
	return wrong
}

// nameOf tells the series of this machine apart.
func nameOf(p influx.Point) string {
	return p.Measurement + " " + p.Tag(influx.TagPath) + p.Tag(influx.TagName) + p.Tag(influx.TagInterface)
}

// number is the value of any field that is one.
func number(v influx.Value) float64 {
	switch v := v.Interface().(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return -1
}

// On this machine the ticks of all CPUs, and of each, lie between those that gopsutil reads before and after. What a CPU has been idle
// since it began to be so is for the kernel idle or iowait, whichever it is when it is asked: that may change its column between two reads.
func TestTicksAgainstGopsutil(t *testing.T) {
	wrong := ticksUnlikeGopsutil(t)
	for rounds := 1; len(wrong) > 0 && rounds < 5; rounds++ {
		again := ticksUnlikeGopsutil(t)
		maps.DeleteFunc(wrong, func(column, _ string) bool { return again[column] == "" })
	}
	for column, how := range wrong {
		t.Errorf("%s %s", column, how)
	}
}

// ticksUnlikeGopsutil reads the ticks once, and tells which of those of an idle CPU differ, and how.
func ticksUnlikeGopsutil(t *testing.T) (wrong map[string]string) {
	t.Helper()
	wrong = make(map[string]string)
	s := real(t)
	before := ticks(t)
	var machine Machine
	var lines influx.Lines
	if err := s.sampleCPU(&lines, time.Unix(1000, 0), &machine); err != nil {
		t.Fatal(err)
	}
	after := ticks(t)
	own := map[string]times{influx.CPUTotal: s.processors.now.all}
	for _, c := range s.processors.now.cores {
		own["cpu"+strconv.Itoa(c.number)] = c.times
	}
	for name, first := range before {
		now, last := own[name], after[name]
		for i := range now {
			// iowait may go back a little
			switch within := now[i]+5 >= first[i] && now[i] <= last[i]+5; {
			case within:
			case i != idle && i != iowait:
				t.Errorf("%s: column %d is %d, expected %d to %d", name, i, now[i], first[i], last[i])
			default:
				wrong[fmt.Sprintf("%s: column %d", name, i)] = fmt.Sprintf("is %d, expected %d to %d", now[i], first[i], last[i])
			}
		}
	}
	if len(before) < 2 || machine.CPUs != len(before)-1 {
		t.Errorf("%d CPUs, gopsutil has %d", machine.CPUs, len(before)-1)
	}
	if want := s.processors.now.all; machine.SystemCPU != want.total()*10_000_000 {
		t.Errorf("%d ns in all", machine.SystemCPU)
	}
	return wrong
}

// One sample of this machine up to line protocol: by our own readers, and as it was, through gopsutil.
func BenchmarkSample(b *testing.B) {
	b.Run("own", func(b *testing.B) {
		s := real(b)
		var lines influx.Lines
		late := make(chan time.Time)
		b.ReportAllocs()
		for b.Loop() {
			lines.Reset()
			if _, err := s.Sample(&lines, time.Unix(1000, 0), late); err != nil || len(lines.Bytes()) < 1000 {
				b.Fatalf("%q, %v", lines.Bytes(), err)
			}
		}
	})
	b.Run("gopsutil", func(b *testing.B) {
		var text []byte
		b.ReportAllocs()
		for b.Loop() {
			ticks(b)
			var err error
			if text, err = influx.Encode(text[:0], reference(b)); err != nil || len(text) < 1000 {
				b.Fatalf("%q, %v", text, err)
			}
		}
	})
}
