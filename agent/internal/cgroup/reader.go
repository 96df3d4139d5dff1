package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"nezuban/agent/internal/kernel"
)

// ErrGone says that the cgroup is no longer there.
var ErrGone = errors.New("cgroup is gone")

// errNoController says that a cgroup has no controller that is read.
var errNoController = errors.New("no controller to read")

// Source reads one cgroup again and again.
type Source interface {
	// Read fills the sample, which is as of now. A cgroup that ended gives [ErrGone].
	Read(s *Sample, now time.Time) error
	// Close gives back what the source holds.
	Close()
}

// Reader reads the kernel's files of one cgroup, which it holds open as far as [kernel.Files] allows. It is not safe for concurrent use.
type Reader struct {
	files   *kernel.Files
	sources []source
	names   kernel.Names
}

// source is one file of one cgroup, and what it says.
type source struct {
	kernel.Source
	parse parser
}

// file is one of the kernel's files of a controller, and what it says.
type file struct {
	name  string
	parse parser
}

// Place says where the files of one cgroup are.
type Place struct {
	Dirs map[string]Dir // by controller, in v1's words: cpu, cpuacct, memory, blkio, pids
	PID  int            // whose network is counted; 0: nobody's
	Proc string         // where /proc is
}

// Dir is the folder of one controller.
type Dir struct {
	Path string
	V2   bool
}

// NewReader opens the files of a cgroup. What the kernel does not have is left out; a cgroup that is not there is [ErrGone].
func NewReader(files *kernel.Files, place Place) (*Reader, error) {
	r := &Reader{files: files}
	for _, controller := range controllers() {
		dir, ok := place.Dirs[controller]
		if !ok {
			continue
		}
		list := v1Files(controller)
		if dir.V2 {
			list = v2Files(controller)
		}
		for _, f := range list {
			if err := r.add(source{Source: kernel.Source{Path: filepath.Join(dir.Path, f.name)}, parse: f.parse}); err != nil {
				r.Close()
				return nil, fmt.Errorf("open cgroup: %w", err)
			}
		}
	}
	switch {
	case len(place.Dirs) == 0:
		return nil, fmt.Errorf("open cgroup: %w", errNoController)
	case len(r.sources) == 0:
		return nil, ErrGone
	}
	if place.PID > 0 {
		path := filepath.Join(place.Proc, strconv.Itoa(place.PID), "net/dev")
		if err := r.add(source{Source: kernel.Source{Path: path, Form: kernel.Paged}, parse: parseNetDev}); err != nil {
			r.Close()
			return nil, fmt.Errorf("open cgroup: %w", err)
		}
	}
	return r, nil
}

// controllers are those that are read, in the order in which they are.
func controllers() []string { return []string{cpuacct, cpu, memory, blkio, pids} }

func (r *Reader) add(s source) error {
	there, err := r.files.Add(&s.Source)
	if there {
		r.sources = append(r.sources, s)
	}
	return err
}

// Read takes one sample. A file that says something else than it should gives an error that names it, and what it found; the
// figures of the other files are in the sample all the same.
// Next on a sample's path: [Tracker.Append].
func (r *Reader) Read(s *Sample, now time.Time) error {
	s.reset(now)
	var wrong error
	for i := 0; i < len(r.sources); i++ {
		source := &r.sources[i]
		text, err := r.files.Read(&source.Source)
		switch {
		case err == nil:
			if err := source.parse(text, s, &r.names); err != nil && wrong == nil {
				wrong = fmt.Errorf("read %q: %w", source.Path, err)
			}
		case gone(err):
			return ErrGone
		case off(err):
			r.leaveOut(i)
			i--
		case wrong == nil:
			wrong = err
		}
	}
	return wrong
}

// gone says that the kernel does not answer for a cgroup, or a process, any more: its files give ENODEV when they are held open.
func gone(err error) bool {
	return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ESRCH) || errors.Is(err, fs.ErrNotExist)
}

// off says that a file is there and never says anything: of pressure, when the kernel was told not to count it (psi=0).
func off(err error) bool { return errors.Is(err, syscall.EOPNOTSUPP) }

// leaveOut reads one of the files no more.
func (r *Reader) leaveOut(i int) {
	r.files.Remove(&r.sources[i].Source)
	r.sources = slices.Delete(r.sources, i, i+1)
}

// Close closes the files. A reader that is closed is not read again.
func (r *Reader) Close() {
	for i := range r.sources {
		r.files.Remove(&r.sources[i].Source)
	}
	r.sources = nil
}

// Paths are the files that are read, in their order, for comparing what reading them costs.
func (r *Reader) Paths() []string {
	var paths []string
	for _, s := range r.sources {
		paths = append(paths, s.Path)
	}
	return paths
}
