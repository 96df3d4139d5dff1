// Package reference reads cgroups through the handler of cAdvisor's library, and compares with it what package cgroup reads.
//
// Package app asks [Open] for a reader of each container that starts: it is our own where the two agree, and the handler where
// they do not. nezuban-agent verify shows the comparison itself.
package reference

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/container/libcontainer"
	"github.com/google/cadvisor/lib/model"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"

	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/kernel"
)

// Handler is a [cgroup.Source] of the library. It opens each file for each read, and costs some fifty times what our own reader
// does. What the library does not read is not known in its samples. It is not safe for concurrent use.
type Handler struct {
	v1, v2 *half // either may be nil
}

// half is what one version of cgroups accounts for a cgroup; of the hybrid there are two.
type half struct {
	handler *libcontainer.Handler
	manager *recorder
	dirs    map[string]string // by controller, in v1's words
	v2      bool
}

// New makes the handler of the cgroup at a place.
func New(place cgroup.Place) (*Handler, error) {
	var h Handler
	dirs := map[bool]map[string]string{false: {}, true: {}}
	for controller, dir := range place.Dirs {
		dirs[dir.V2][controller] = dir.Path
	}
	for v2, half := range map[bool]**half{false: &h.v1, true: &h.v2} {
		if len(dirs[v2]) == 0 {
			continue
		}
		var err error
		if *half, err = newHalf(dirs[v2], v2, place); err != nil {
			return nil, fmt.Errorf("open cgroup with cAdvisor's handler: %w", err)
		}
	}
	return &h, nil
}

func newHalf(dirs map[string]string, v2 bool, place cgroup.Place) (*half, error) {
	config := &cgroups.Cgroup{Resources: &cgroups.Resources{}}
	h := &half{dirs: dirs, v2: v2}
	var manager cgroups.Manager
	var err error
	if v2 {
		var one string
		for _, dir := range dirs {
			one = dir // the same of all
		}
		manager, err = fs2.NewManager(config, one)
	} else {
		manager, err = fs.NewManager(config, dirs)
	}
	if err != nil {
		return nil, err
	}
	h.manager = &recorder{Manager: manager}
	h.handler = libcontainer.NewHandler(h.manager, strings.TrimSuffix(filepath.Clean(place.Proc), "proc"), place.PID, container.MetricSet{
		container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}, container.DiskIOMetrics: {}, container.NetworkUsageMetrics: {},
	})
	return h, nil
}

// recorder keeps what the handler read last: its own answer leaves out the limits and most of memory.stat.
type recorder struct {
	cgroups.Manager
	last *cgroups.Stats
}

// GetStats is what the handler calls.
func (r *recorder) GetStats() (*cgroups.Stats, error) {
	stats, err := r.Manager.GetStats()
	r.last = stats
	return stats, err
}

// Read takes one sample. A cgroup that ended gives [cgroup.ErrGone]; on v1 its files read as if it had used nothing, so it is
// looked for after the read.
func (h *Handler) Read(s *cgroup.Sample, now time.Time) error {
	*s = cgroup.Sample{At: now, Network: s.Network[:0], Blkio: s.Blkio[:0]}
	network := true // is the same of both
	for _, half := range []*half{h.v1, h.v2} {
		if half == nil {
			continue
		}
		stats, err := half.handler.GetStats()
		switch {
		case half.gone():
			return cgroup.ErrGone
		case err != nil:
			return fmt.Errorf("read cgroup with cAdvisor's handler: %w", err)
		}
		half.put(s, half.manager.last)
		if network && stats.Network != nil {
			s.Network = interfaces(s.Network, stats.Network.Interfaces)
			network = false
		}
	}
	return nil
}

// Close has nothing to give back.
func (h *Handler) Close() {}

// gone says whether one of the cgroup's folders is missing: the engine removes all of them when the container ends.
func (h *half) gone() bool {
	for _, dir := range h.dirs {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

func known(v uint64) kernel.Figure { return kernel.Figure{Value: v, Known: true} }

// some is a figure that the library gives as 0 when there is none.
func some(v uint64) kernel.Figure { return kernel.Figure{Value: v, Known: v > 0} }

// limit is a figure that the library gives as 0, or as a very large number, when there is none.
func limit(v uint64) kernel.Figure {
	return kernel.Figure{Value: v, Known: v > 0 && v < math.MaxInt64/2}
}

// put adds what one version accounts: of each controller only what is this one's.
func (h *half) put(s *cgroup.Sample, stats *cgroups.Stats) {
	if h.dirs["cpuacct"] != "" {
		usage := stats.CpuStats.CpuUsage
		s.CPU.Total, s.CPU.User, s.CPU.System = known(usage.TotalUsage), known(usage.UsageInUsermode), known(usage.UsageInKernelmode)
	}
	if h.dirs["cpu"] != "" {
		t := stats.CpuStats.ThrottlingData
		s.CPU.Periods, s.CPU.ThrottledPeriods, s.CPU.ThrottledTime = some(t.Periods), some(t.ThrottledPeriods), some(t.ThrottledTime)
		s.Pressure.CPUSome, s.Pressure.CPUFull = stall(stats.CpuStats.PSI)
	}
	if h.dirs["memory"] != "" && len(stats.MemoryStats.Stats) > 0 {
		h.putMemory(&s.Memory, &stats.MemoryStats)
		s.Pressure.MemorySome, s.Pressure.MemoryFull = stall(stats.MemoryStats.PSI)
	}
	if h.dirs["blkio"] != "" {
		putBlkio(s, stats.BlkioStats.IoServiceBytesRecursive, func(d *cgroup.Device, op cgroup.Op, v uint64) { d.Bytes[op] = known(v) })
		putBlkio(s, stats.BlkioStats.IoServicedRecursive, func(d *cgroup.Device, op cgroup.Op, v uint64) { d.Count[op] = known(v) })
		s.Pressure.IOSome, s.Pressure.IOFull = stall(stats.BlkioStats.PSI)
	}
	if h.dirs["pids"] != "" {
		s.PIDs.Current, s.PIDs.Limit = some(stats.PidsStats.Current), limit(stats.PidsStats.Limit)
	}
}

func (h *half) putMemory(m *cgroup.Memory, stats *cgroups.MemoryStats) {
	m.Usage, m.Limit, m.MaxUsage = known(stats.Usage.Usage), limit(stats.Usage.Limit), some(stats.Usage.MaxUsage)
	if !h.v2 {
		m.FailCount = known(stats.Usage.Failcnt)
	}
	if stats.SwapUsage.Usage > 0 { // v1 without it: the library subtracts the memory from 0
		m.Swap = known(stats.SwapOnlyUsage.Usage)
	}
	for key, v := range stats.Stats {
		if stat, ok := cgroup.StatOf(key, h.v2); ok {
			m.Stats[stat] = known(v)
		}
	}
}

// stall is how long work stood still, in µs.
func stall(psi *cgroups.PSIStats) (someOfIt, full kernel.Figure) {
	if psi == nil {
		return kernel.Figure{}, kernel.Figure{}
	}
	return known(psi.Some.Total), some(psi.Full.Total) // older kernels have no full of the CPU
}

// putBlkio leaves out figures without a device: since Linux 6.10 the v1 files say only "Total 0" until a throttle rule exists
// anywhere on the machine, and that means not known.
func putBlkio(s *cgroup.Sample, entries []cgroups.BlkioStatEntry, set func(*cgroup.Device, cgroup.Op, uint64)) {
	for _, e := range entries {
		op, ok := cgroup.OpOf(e.Op)
		if !ok || e.Major == 0 && e.Minor == 0 {
			continue
		}
		set(s.Device(fmt.Sprintf("%d:%d", e.Major, e.Minor)), op, e.Value)
	}
}

func interfaces(into []cgroup.Interface, stats []model.InterfaceStats) []cgroup.Interface {
	for _, i := range stats {
		into = append(into, cgroup.Interface{
			Name:    i.Name,
			RxBytes: i.RxBytes, RxPackets: i.RxPackets, RxErrors: i.RxErrors, RxDropped: i.RxDropped,
			TxBytes: i.TxBytes, TxPackets: i.TxPackets, TxErrors: i.TxErrors, TxDropped: i.TxDropped,
		})
	}
	return into
}
