// Package cgroup reads what the kernel accounts for a container: CPU, memory, block IO, processes, pressure, and the network of its
// main process, from the kernel's own files, on cgroup v1, v2 and the hybrid of both.
//
// Package app opens a [Reader] per running container and asks it once a tick. Package reference compares it with the handler of
// cAdvisor's library. The package never speaks to Docker, never writes to a cgroup, and never says zero where the kernel says
// nothing.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// Hierarchy is the cgroup file systems of this machine. It is immutable and safe for concurrent use.
type Hierarchy struct {
	mounts map[string]mount // by controller of v1; v2 has the controller ""
	root   string           // where /proc is below
}

// mount is where a hierarchy is seen.
type mount struct {
	point string
	from  string // the cgroup that is seen there: "/", unless a part of the hierarchy is mounted
}

// Mounted finds the cgroup file systems that are mounted.
func Mounted() (Hierarchy, error) { return Under("/") }

// Under finds those of a machine whose root folder is at a path: "/", or where a recording of another machine is.
func Under(root string) (Hierarchy, error) {
	f, err := os.Open(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return Hierarchy{}, fmt.Errorf("find cgroup mounts: %w", err)
	}
	defer f.Close()
	list, err := mountinfo.GetMountsFromReader(f, mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return Hierarchy{}, fmt.Errorf("find cgroup mounts: %w", err)
	}
	for _, info := range list {
		info.Mountpoint = filepath.Join(root, info.Mountpoint)
	}
	return Hierarchy{mounts: byController(list), root: root}, nil
}

// byController takes of several mounts of one controller the first.
func byController(list []*mountinfo.Info) map[string]mount {
	mounts := make(map[string]mount)
	add := func(controller string, info *mountinfo.Info) {
		if _, ok := mounts[controller]; !ok {
			mounts[controller] = mount{point: info.Mountpoint, from: info.Root}
		}
	}
	for _, info := range list {
		if info.FSType == "cgroup2" {
			add("", info)
			continue
		}
		for option := range strings.SplitSeq(info.VFSOptions, ",") {
			if slices.Contains(controllers(), option) {
				add(option, info)
			}
		}
	}
	return mounts
}

// Of says where the files of the cgroups are that a process is in. With network they include what its network namespace sent and
// received. Of a process that is ending there may be none any more, which is [ErrGone].
func (h Hierarchy) Of(pid int, network bool) (Place, error) {
	data, err := os.ReadFile(filepath.Join(h.root, "proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return Place{}, fmt.Errorf("open cgroups of process %d: %w", pid, err)
	}
	groups, err := ParseProc(data)
	if err != nil {
		return Place{}, fmt.Errorf("open cgroups of process %d: %w", pid, err)
	}
	if h.left(groups) {
		return Place{}, fmt.Errorf("open cgroups of process %d: %w", pid, ErrGone)
	}
	place := h.place(func(controller string) (string, bool) {
		path, ok := groups[controller]
		return path, ok
	})
	if network {
		place.PID = pid
	}
	return place, nil
}

// left says whether a process has left its cgroups: while it ends it is in the root of each of v1, whose figures are the machine's.
func (h Hierarchy) left(groups map[string]string) bool {
	v1 := false
	for _, controller := range controllers() {
		group, ok := groups[controller]
		if _, mounted := h.mounts[controller]; !mounted || !ok {
			continue
		}
		if group != "/" {
			return false
		}
		v1 = true
	}
	return v1
}

// At says where the files of the cgroup at path are, as [Hierarchy.Walk] gives it, in every hierarchy that has it. They include no
// network.
func (h Hierarchy) At(path string) Place {
	return h.place(func(controller string) (string, bool) {
		m := h.mounts[controller]
		_, err := os.Stat(filepath.Join(m.point, path))
		return filepath.Join(m.from, path), err == nil
	})
}

// place takes each controller from v1 where it is there, else from v2.
func (h Hierarchy) place(group func(controller string) (path string, ok bool)) Place {
	place := Place{Dirs: make(map[string]Dir), Proc: filepath.Join(h.root, "proc")}
	for _, controller := range controllers() {
		for _, hierarchy := range []string{controller, ""} {
			m, mounted := h.mounts[hierarchy]
			path, ok := group(hierarchy)
			if !mounted || !ok {
				continue
			}
			if below, ok := under(path, m.from); ok {
				place.Dirs[controller] = Dir{Path: filepath.Join(m.point, below), V2: hierarchy == ""}
				break
			}
		}
	}
	return place
}

// under is a cgroup's path below the one that is mounted.
func under(path, from string) (string, bool) {
	if from == "/" {
		return path, true
	}
	below, ok := strings.CutPrefix(path, from)
	return below, ok && (below == "" || below[0] == '/')
}
