package cgroup

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// IsContainer says whether the cgroup at path is named as Docker names a
// container's, with either of its drivers: /docker/ID or docker-ID.scope.
func IsContainer(path string) bool {
	id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "docker-"), ".scope")
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}

// Glob names cgroups by their path below the cgroup mount: system.slice/*.service, each part as [path.Match] has it.
type Glob string

// ParseGlob reads a glob, which may begin with a slash. An error says what is wrong with it.
func ParseGlob(text string) (Glob, error) {
	text = strings.TrimPrefix(text, "/")
	for part := range strings.SplitSeq(text, "/") {
		if _, err := path.Match(part, ""); err != nil || part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("part %q names no cgroup", part)
		}
	}
	return Glob(text), nil
}

// Find lists the cgroups that a glob names, by name. Paths begin with a slash.
func (h Hierarchy) Find(g Glob) []string {
	parts := strings.Split(string(g), "/")
	return h.walk(len(parts), func(p string, level int) (take, below bool) {
		match, _ := path.Match(parts[level], path.Base(p)) // it was parsed
		return match && level+1 == len(parts), match
	})
}

// Containers lists the cgroups that are named as Docker names those of containers and are at most depth levels below the root, by name.
func (h Hierarchy) Containers(depth int) []string {
	return h.walk(depth, func(p string, _ int) (take, below bool) {
		is := IsContainer(p)
		return is, !is
	})
}

// walk lists the cgroups down to depth levels below the root that want takes; below those alone for which it says so are others looked
// for. What cannot be read is left out.
func (h Hierarchy) walk(depth int, want func(path string, level int) (take, below bool)) []string {
	var taken []string
	for _, mount := range h.divided() {
		level := []string{"/"}
		for n := range depth {
			var next []string
			for _, parent := range level {
				for _, p := range children(mount, parent) {
					take, below := want(p, n)
					if take {
						taken = append(taken, p)
					}
					if below {
						next = append(next, p)
					}
				}
			}
			level = next
		}
	}
	slices.Sort(taken)
	return slices.Compact(taken)
}

// divided are the mounts whose cgroups are listed: v2, and the v1 controller that every engine and service manager divides. A machine
// with both may have some cgroups in one of them alone.
func (h Hierarchy) divided() []string {
	var mounts []string
	if v2, ok := h.mounts[""]; ok {
		mounts = append(mounts, v2.point)
	}
	for _, controller := range []string{memory, cpuacct, cpu} {
		if v1, ok := h.mounts[controller]; ok {
			return append(mounts, v1.point)
		}
	}
	return mounts
}

// children lists the folders right below a cgroup, by name.
func children(mount, parent string) []string {
	entries, err := os.ReadDir(filepath.Join(mount, parent))
	if err != nil {
		return nil // gone meanwhile, or not ours to read
	}
	var paths []string
	for _, e := range entries {
		if e.IsDir() {
			paths = append(paths, filepath.Join(parent, e.Name()))
		}
	}
	return paths
}
