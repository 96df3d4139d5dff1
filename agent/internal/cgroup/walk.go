package cgroup

import (
	"os"
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

// Walk lists the cgroups below the root that are at most depth levels deep,
// the shallow ones first, at most limit of them; more says that there are
// others. What skip names is left out with all below it, and so is what cannot
// be read. Paths begin with a slash.
func (h Hierarchy) Walk(depth, limit int, skip func(path string) bool) (paths []string, more bool) {
	mount := h.widest()
	level := []string{"/"}
	for ; depth > 0 && mount != ""; depth-- {
		var next []string
		for _, parent := range level {
			for _, path := range children(mount, parent) {
				if skip(path) {
					continue
				}
				if len(paths) == limit {
					return paths, true
				}
				paths = append(paths, path)
				next = append(next, path)
			}
		}
		level = next
	}
	return paths, false
}

// widest is the mount whose cgroups are listed: v2, or the v1 controller that
// every engine and service manager divides.
func (h Hierarchy) widest() string {
	for _, controller := range []string{"", "memory", "cpuacct", "cpu"} {
		if m, ok := h.mounts[controller]; ok {
			return m.point
		}
	}
	return ""
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
	slices.Sort(paths)
	return paths
}
