package host

import (
	"bytes"
	"strconv"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// times is how long a CPU did what, since boot, in ticks, as /proc/stat has its columns.
type times [10]uint64

// Places in times.
const (
	user = iota // guests' time included
	nice        // likewise
	system
	idle
	iowait
	irq
	softirq
	steal
	guest
	guestNice
)

// total is all of it. Guests' time is in that of users already.
func (t *times) total() uint64 {
	var all uint64
	for _, v := range t[:guest] {
		all += v
	}
	return all
}

// stat is what /proc/stat says of CPUs.
type stat struct {
	all   times
	cores []core // those online, in the kernel's order
}

type core struct {
	number int
	times
}

// mostCores bounds the number of a core that has a line of its own.
const mostCores = 4096

// parse reads /proc/stat up to where it is no longer about CPUs. The times of all come first, then those of each that is online:
//
//	cpu  71175 144304 36216 30038 696 0 703 828 0 0
//	cpu0 35998 71705 17371 16350 85 0 112 370 0 0
func (s *stat) parse(text []byte) error {
	s.cores = s.cores[:0]
	l, text := kernel.Line(text)
	name, rest := kernel.Word(l)
	if string(name) != "cpu" {
		return kernel.Unexpected(l, "the times of all CPUs")
	}
	var ok bool
	if s.all, ok = parseTimes(rest); !ok {
		return kernel.Unexpected(l, "10 figures behind the CPU")
	}
	for len(text) > 0 {
		l, text = kernel.Line(text)
		name, rest = kernel.Word(l)
		name, ok = bytes.CutPrefix(name, []byte("cpu"))
		if !ok {
			break
		}
		number, numbered := kernel.Number(name)
		t, ok := parseTimes(rest)
		if !numbered || !ok {
			return kernel.Unexpected(l, "10 figures behind the CPU")
		}
		s.cores = append(s.cores, core{int(min(number, mostCores)), t})
	}
	return nil
}

func parseTimes(text []byte) (t times, ok bool) {
	for i := range t {
		var w []byte
		w, text = kernel.Word(text)
		if t[i], ok = kernel.Number(w); !ok {
			return t, false
		}
	}
	return t, true
}

// processors remembers the times of the last sample: a share needs two.
type processors struct {
	perCore bool
	now     stat
	last    reading
	cores   []ofCore // by number
}

// reading is the times of a sample, if there was one.
type reading struct {
	times
	taken bool
}

type ofCore struct {
	series influx.Series
	last   reading
}

func (s *Sampler) sampleCPU(l *influx.Lines, at time.Time, machine *Machine) error {
	text, err := s.stat.read(s.files)
	if err != nil {
		return err
	}
	p := &s.processors
	if err := p.now.parse(text); err != nil {
		return s.stat.within(err)
	}
	machine.CPUs = len(p.now.cores)
	machine.SystemCPU = p.now.all.total() * kernel.Jiffy
	l.Begin(s.cpu)
	p.last.appendUsage(l, &p.now.all)
	l.End(influx.Fixed{}, at)
	if p.perCore {
		s.sampleCores(l, at)
	}
	return nil
}

func (s *Sampler) sampleCores(l *influx.Lines, at time.Time) {
	p := &s.processors
	for i := range p.now.cores {
		now := &p.now.cores[i]
		if now.number >= mostCores {
			continue
		}
		for len(p.cores) <= now.number {
			name := "cpu" + strconv.Itoa(len(p.cores))
			series, _ := influx.NewSeries(influx.CPU, with(s.tags, influx.TagCPU, name)) // as good as that of all
			p.cores = append(p.cores, ofCore{series: series})
		}
		of := &p.cores[now.number]
		l.Begin(of.series)
		of.last.appendUsage(l, &now.times)
		l.End(influx.Fixed{}, at)
	}
}

// appendUsage adds the shares of CPU time since the last reading, each 0 to 100, or nothing when none can be told: this is the first,
// no time passed, or the counters began anew. A single share may go back a little (iowait does): it then counts as 0.
func (r *reading) appendUsage(l *influx.Lines, now *times) {
	last := *r
	*r = reading{*now, true}
	all := int64(now.total() - last.total())
	if !last.taken || all <= 0 {
		return
	}
	spent := func(of int) int64 { return int64(now[of] - last.times[of]) }
	share := func(ticks int64) float64 { return min(100, max(0, 100*float64(ticks)/float64(all))) }
	l.Float(influx.FieldUsageActive, max(0, 100-share(spent(idle))-share(spent(iowait))))
	l.Float(influx.FieldUsageUser, share(spent(user)-spent(guest)))
	l.Float(influx.FieldUsageSystem, share(spent(system)))
	l.Float(influx.FieldUsageIdle, share(spent(idle)))
	l.Float(influx.FieldUsageNice, share(spent(nice)-spent(guestNice)))
	l.Float(influx.FieldUsageIowait, share(spent(iowait)))
	l.Float(influx.FieldUsageIrq, share(spent(irq)))
	l.Float(influx.FieldUsageSoftirq, share(spent(softirq)))
	l.Float(influx.FieldUsageSteal, share(spent(steal)))
	l.Float(influx.FieldUsageGuest, share(spent(guest)))
	l.Float(influx.FieldUsageGuestNice, share(spent(guestNice)))
}
