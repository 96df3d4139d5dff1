package host

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// memory is what /proc/meminfo says, in bytes, but for numbers of huge pages.
type memory [memoryCount]kernel.Figure

// Places in memory.
const (
	memTotal = iota
	memFree
	memAvailable
	memBuffers
	memCached
	memSwapCached
	memActive
	memInactive
	memHighTotal
	memHighFree
	memLowTotal
	memLowFree
	memSwapTotal
	memSwapFree
	memDirty
	memWriteback
	memMapped
	memShmem
	memSlab
	memReclaimable
	memUnreclaimable
	memPageTables
	memWritebackTmp
	memCommitLimit
	memCommitted
	memVmallocTotal
	memVmallocUsed
	memHugePagesTotal
	memHugePagesFree
	memHugePageSize
	memoryCount
)

// memoryLines are the lines of /proc/meminfo that are read, with their fields.
var memoryLines = [memoryCount]struct{ key, field string }{
	memTotal: {"MemTotal", influx.FieldTotal}, memFree: {"MemFree", influx.FieldFree}, memAvailable: {"MemAvailable", influx.FieldAvailable},
	memBuffers: {"Buffers", influx.FieldBuffered}, memCached: {"Cached", influx.FieldCached}, memSwapCached: {"SwapCached", influx.FieldSwapCached},
	memActive: {"Active", influx.FieldActive}, memInactive: {"Inactive", influx.FieldInactive},
	memHighTotal: {"HighTotal", influx.FieldHighTotal}, memHighFree: {"HighFree", influx.FieldHighFree},
	memLowTotal: {"LowTotal", influx.FieldLowTotal}, memLowFree: {"LowFree", influx.FieldLowFree},
	memSwapTotal: {"SwapTotal", influx.FieldSwapTotal}, memSwapFree: {"SwapFree", influx.FieldSwapFree},
	memDirty: {"Dirty", influx.FieldDirty}, memWriteback: {"Writeback", influx.FieldWriteBack},
	memMapped: {"Mapped", influx.FieldMapped}, memShmem: {"Shmem", influx.FieldShared},
	memSlab: {"Slab", influx.FieldSlab}, memReclaimable: {"SReclaimable", influx.FieldSreclaimable}, memUnreclaimable: {"SUnreclaim", influx.FieldSunreclaim},
	memPageTables: {"PageTables", influx.FieldPageTables}, memWritebackTmp: {"WritebackTmp", influx.FieldWriteBackTmp},
	memCommitLimit: {"CommitLimit", influx.FieldCommitLimit}, memCommitted: {"Committed_AS", influx.FieldCommittedAS},
	memVmallocTotal: {"VmallocTotal", influx.FieldVmallocTotal}, memVmallocUsed: {"VmallocUsed", influx.FieldVmallocUsed},
	memHugePagesTotal: {"HugePages_Total", influx.FieldHugePagesTotal}, memHugePagesFree: {"HugePages_Free", influx.FieldHugePagesFree},
	memHugePageSize: {"Hugepagesize", influx.FieldHugePageSize},
}

// parse reads /proc/meminfo:
//
//	MemTotal:       24684096 kB
//	HugePages_Total:       0
//
// Lines that are not known are left out: each release of the kernel has more.
func (m *memory) parse(text []byte) error {
	*m = memory{}
	for len(text) > 0 {
		var l []byte
		l, text = kernel.Line(text)
		name, rest := kernel.Word(l)
		value, unit := kernel.Word(rest)
		key, named := bytes.CutSuffix(name, []byte(":"))
		v, ok := kernel.Number(value)
		if !named || !ok || v > math.MaxUint64>>10 {
			return kernel.Unexpected(l, "a name, a colon and a number of kB")
		}
		switch string(unit) {
		case "":
		case "kB":
			v <<= 10
		default:
			return kernel.Unexpected(l, "a name, a colon and a number of kB")
		}
		for i := range memoryLines {
			if string(key) == memoryLines[i].key {
				m[i] = kernel.Known(v)
				break
			}
		}
	}
	return nil
}

// append adds the figures. Of the slab, what can be reclaimed counts as cached, and as used what a program could not have at once:
// as free(1) shows them.
func (m *memory) append(l *influx.Lines) {
	cached := *m
	if m[memCached].Known {
		cached[memCached] = m[memCached].Plus(m[memReclaimable])
	}
	for i := range cached {
		put(l, memoryLines[i].field, cached[i])
	}
	total, available := m[memTotal], m[memAvailable]
	if !total.Known || !available.Known || total.Value == 0 {
		return
	}
	used := total.Value - min(available.Value, total.Value)
	l.Uint(influx.FieldUsed, used)
	l.Float(influx.FieldUsedPercent, percent(used, total.Value))
	l.Float(influx.FieldAvailablePercent, percent(available.Value, total.Value))
}

func percent(part, whole uint64) float64 { return 100 * float64(part) / float64(whole) }

// paging is how much was read from and written to swap since boot, in bytes.
type paging struct{ in, out kernel.Figure }

// parse reads /proc/vmstat, which counts pages.
func (p *paging) parse(text []byte, pageBytes uint64) error {
	*p = paging{}
	return kernel.Pairs(text, func(key []byte, v uint64) {
		switch string(key) {
		case "pswpin":
			p.in = kernel.Known(v * pageBytes)
		case "pswpout":
			p.out = kernel.Known(v * pageBytes)
		}
	})
}

// appendSwap adds the figures of swap. A machine without any has 0 of 0 bytes, and no share of them.
func (m *memory) appendSwap(l *influx.Lines, p *paging) {
	put(l, influx.FieldIn, p.in)
	put(l, influx.FieldOut, p.out)
	total, free := m[memSwapTotal], m[memSwapFree]
	if !total.Known || !free.Known {
		return
	}
	used := total.Value - min(free.Value, total.Value)
	l.Uint(influx.FieldTotal, total.Value)
	l.Uint(influx.FieldFree, free.Value)
	l.Uint(influx.FieldUsed, used)
	if total.Value > 0 {
		l.Float(influx.FieldUsedPercent, percent(used, total.Value))
	}
}

func (s *Sampler) sampleMemory(l *influx.Lines, at time.Time, machine *Machine) error {
	var m memory
	text, err := s.meminfo.read(s.files)
	if err == nil {
		err = s.meminfo.within(m.parse(text))
	}
	machine.Memory = m[memTotal].Value
	l.Begin(s.mem)
	m.append(l)
	l.End(influx.Fixed{}, at)

	var p paging
	text, pagingErr := s.vmstat.read(s.files)
	switch {
	case pagingErr == nil:
		pagingErr = s.vmstat.within(p.parse(text, uint64(os.Getpagesize())))
	case errors.Is(pagingErr, fs.ErrNotExist): // of a kernel that does not count it
		pagingErr = nil
	}
	l.Begin(s.swap)
	m.appendSwap(l, &p)
	l.End(influx.Fixed{}, at)
	return errors.Join(err, pagingErr)
}
