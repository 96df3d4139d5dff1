package cgroup

import (
	"errors"
	"fmt"
	"os"

	"github.com/google/cadvisor/lib/container/libcontainer"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
)

// ErrGone says that the cgroup is no longer there.
var ErrGone = errors.New("cgroup is gone")

// errNoController says that a cgroup has no controller that is read.
var errNoController = errors.New("no controller to read")

// Reader reads one cgroup again and again. It is not safe for concurrent use,
// and holds no file open between two reads.
type Reader struct {
	handler *libcontainer.Handler
	manager *recorder
	dirs    map[string]string // by controller
}

// open makes a reader of the folders of one cgroup, by controller.
func open(dirs map[string]string, root string, pid int) (*Reader, error) {
	if len(dirs) == 0 {
		return nil, fmt.Errorf("open cgroup: %w", errNoController)
	}
	manager, err := newManager(dirs)
	if err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	rec := &recorder{Manager: manager}
	return &Reader{handler: libcontainer.NewHandler(rec, root, pid, metrics()), manager: rec, dirs: dirs}, nil
}

// newManager chooses by the folders, not by what the machine has mounted: so
// recordings of either version can be read on any machine.
func newManager(dirs map[string]string) (cgroups.Manager, error) {
	config := &cgroups.Cgroup{Resources: &cgroups.Resources{}}
	if dir, v2 := dirs[""]; v2 {
		return fs2.NewManager(config, dir)
	}
	return fs.NewManager(config, dirs)
}

// Read takes one sample. A cgroup that ended gives [ErrGone]; on v1 its files
// read as if it had used nothing, so it is looked for after the read.
// Next on a sample's path: [Tracker.Points].
func (r *Reader) Read() (Sample, error) {
	stats, err := r.handler.GetStats()
	if r.gone() {
		return Sample{}, ErrGone
	}
	if err != nil {
		return Sample{}, fmt.Errorf("read cgroup: %w", err)
	}
	return newSample(stats, r.manager.last, r.dirs), nil
}

// gone says whether one of the cgroup's folders is missing: the engine removes
// all of them when the container ends.
func (r *Reader) gone() bool {
	for _, dir := range r.dirs {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

// recorder keeps what the handler read last: its own answer leaves out the
// memory limit and most of memory.stat.
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
