// Package cgroup reads what the kernel accounts for a container: CPU, memory,
// block IO, and the network of its main process, through the handler of
// cAdvisor's library, on cgroup v1, v2 and the hybrid of both.
//
// Package app opens a [Reader] per running container and asks it once a tick.
// The package never speaks to Docker, never writes to a cgroup, and never says
// zero where the kernel says nothing.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/container/libcontainer"
)

// Hierarchy is the cgroup file systems of this machine. It is immutable and
// safe for concurrent use.
type Hierarchy struct {
	mounts map[string]string // controller to mount point; on v2 one, of the controller ""
	root   string            // where /proc is below
}

// Mounted finds the cgroup file systems that are mounted.
func Mounted() (Hierarchy, error) {
	mounts, err := libcontainer.GetCgroupSubsystems(metrics())
	if err != nil {
		return Hierarchy{}, fmt.Errorf("find cgroup mounts: %w", err)
	}
	return Hierarchy{mounts: mounts, root: "/"}, nil
}

// metrics is what the handler is asked for.
func metrics() container.MetricSet {
	return container.MetricSet{
		container.CpuUsageMetrics:     struct{}{},
		container.MemoryUsageMetrics:  struct{}{},
		container.DiskIOMetrics:       struct{}{},
		container.NetworkUsageMetrics: struct{}{},
	}
}

// Open makes a reader of the cgroups that the process is in. With network
// the reader also counts what the process's network namespace sent and received.
func (h Hierarchy) Open(pid int, network bool) (*Reader, error) {
	data, err := os.ReadFile(filepath.Join(h.root, "proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return nil, fmt.Errorf("open cgroups of process %d: %w", pid, err)
	}
	groups, err := ParseProc(data)
	if err != nil {
		return nil, fmt.Errorf("open cgroups of process %d: %w", pid, err)
	}
	dirs := make(map[string]string, len(h.mounts))
	for controller, mount := range h.mounts {
		if path, ok := groups[controller]; ok {
			dirs[controller] = filepath.Join(mount, path)
		}
	}
	if !network {
		pid = 0
	}
	return open(dirs, h.root, pid)
}

// OpenPath makes a reader of the cgroup at path, as [Hierarchy.Walk] gives it,
// in every hierarchy that has it. It counts no network.
func (h Hierarchy) OpenPath(path string) (*Reader, error) {
	dirs := make(map[string]string, len(h.mounts))
	for controller, mount := range h.mounts {
		dir := filepath.Join(mount, path)
		if _, err := os.Stat(dir); err == nil {
			dirs[controller] = dir
		}
	}
	return open(dirs, h.root, 0)
}
