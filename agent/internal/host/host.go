// Package host measures the machine that the agent runs on, from the kernel's own files, in the words of Telegraf's cpu, mem, swap,
// disk, diskio, net and system inputs.
//
// Package app asks it once a tick. It never looks at single processes, never touches network file systems, whose servers may be away,
// never waits for a file system that does not answer, and never says zero where the kernel says nothing.
package host

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// Sampler measures one host. It holds the kernel's files open, and allocates nothing for a sample but the path of each file system that
// it asks, once the first is taken and as long as no disk or interface comes. It is not safe for concurrent use.
type Sampler struct {
	files *kernel.Files
	tags  []influx.Tag // of every point

	stat, meminfo, vmstat, diskstats, netdev, loadavg, uptime file

	cpu, mem, swap, system influx.Series
	block, interfaces      family
	wrong                  error // the host's name has no line protocol

	processors processors
	disks      disks
}

// Options are what a sampler needs beside the host's name.
type Options struct {
	Files   *kernel.Files // shared with the readers of cgroups
	PerCore bool          // CPU of each core too
	Log     *slog.Logger
}

// New makes a sampler that tags its points with the host's name.
func New(name string, o Options) *Sampler { return newSampler(name, o, "/") }

// newSampler reads /proc and /sys below root.
func newSampler(name string, o Options, root string) *Sampler {
	proc := func(path string, form kernel.Form) file {
		return file{Source: kernel.Source{Path: filepath.Join(root, "proc", path), Form: form}}
	}
	s := &Sampler{
		files: o.Files, tags: []influx.Tag{{Key: influx.TagHost, Value: name}},
		stat: proc("stat", kernel.Whole), meminfo: proc("meminfo", kernel.Whole), vmstat: proc("vmstat", kernel.Paged),
		diskstats: proc("diskstats", kernel.Paged), netdev: proc("net/dev", kernel.Paged),
		loadavg: proc("loadavg", kernel.Whole), uptime: proc("uptime", kernel.Whole),
	}
	var errs [4]error
	s.cpu, errs[0] = influx.NewSeries(influx.CPU, with(s.tags, influx.TagCPU, influx.CPUTotal))
	s.mem, errs[1] = influx.NewSeries(influx.Mem, s.tags)
	s.swap, errs[2] = influx.NewSeries(influx.Swap, s.tags)
	s.system, errs[3] = influx.NewSeries(influx.System, s.tags)
	s.wrong = errors.Join(errs[:]...)
	s.block = family{measurement: influx.DiskIO, key: influx.TagName, tags: s.tags}
	s.interfaces = family{measurement: influx.Net, key: influx.TagInterface, tags: s.tags}
	s.processors.perCore = o.PerCore
	s.disks = newDisks(o, s.tags, root)
	return s
}

// Machine is what the figures of containers are measured against; a zero is
// not known.
type Machine struct {
	Memory    uint64 // bytes
	SystemCPU uint64 // time of all CPUs since boot, busy or idle, in ns
	CPUs      int    // online
}

// Sample measures once and adds the lines, all with the time at. What cannot be read is in the error and gives no line; the other
// lines are there all the same. So are those of the file systems that have answered before late fires, and no others.
func (s *Sampler) Sample(l *influx.Lines, at time.Time, late <-chan time.Time) (Machine, error) {
	var machine Machine
	errs := [7]error{s.wrong}
	s.disks.ask(at)
	errs[1] = about("cpu", s.sampleCPU(l, at, &machine))
	errs[2] = about("memory", s.sampleMemory(l, at, &machine))
	errs[3] = about("disk io", s.sampleDiskIO(l, at))
	errs[4] = about("network", s.sampleNetwork(l, at))
	errs[5] = about("load", s.sampleSystem(l, at, machine.CPUs))
	errs[6] = about("disk", s.disks.collect(l, at, late))
	return machine, errors.Join(errs[:]...)
}

// Hung is how many mounted file systems do not answer.
func (s *Sampler) Hung() int { return s.disks.hung }

// Close gives back the files. What a file system that hangs is asked by ends when it answers.
func (s *Sampler) Close() {
	for _, f := range []*file{
		&s.stat, &s.meminfo, &s.vmstat, &s.diskstats, &s.netdev, &s.loadavg, &s.uptime, &s.disks.mountinfo, &s.disks.filesystems,
	} {
		f.close(s.files)
	}
}

func about(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("host %s: %w", what, err)
}

// file is one of the kernel's files, opened when it is read first.
type file struct {
	kernel.Source
	open bool
}

// read gives the file's text, which is valid until the next read of any. One that is not there is [fs.ErrNotExist].
func (f *file) read(files *kernel.Files) ([]byte, error) {
	if !f.open {
		there, err := files.Add(&f.Source)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, &fs.PathError{Op: "open", Path: f.Path, Err: fs.ErrNotExist}
		}
		f.open = true
	}
	text, err := files.Read(&f.Source)
	if err != nil {
		f.close(files) // opened again the next time
	}
	return text, err
}

func (f *file) close(files *kernel.Files) {
	if f.open {
		files.Remove(&f.Source)
		f.open = false
	}
}

// within names the file in what is wrong with its text.
func (f *file) within(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %q: %w", f.Path, err)
}

// family is the series of one measurement that differ in one tag, such as the name of a device, each made when it is seen first.
type family struct {
	measurement, key string
	tags             []influx.Tag
	known            map[string]influx.Series
}

// of is the series of a name. One that has no line protocol has none.
func (f *family) of(name []byte) influx.Series {
	if series, ok := f.known[string(name)]; ok {
		return series
	}
	if f.known == nil || len(f.known) >= kernel.MostNames {
		f.known = make(map[string]influx.Series)
	}
	series, _ := influx.NewSeries(f.measurement, with(f.tags, f.key, string(name))) // the zero Series: no line
	f.known[string(name)] = series
	return series
}

func with(tags []influx.Tag, key, value string) []influx.Tag {
	return append(slices.Clip(tags), influx.Tag{Key: key, Value: value})
}

// put adds a figure that is known.
func put(l *influx.Lines, key string, f kernel.Figure) {
	if f.Known {
		l.Uint(key, f.Value)
	}
}
