package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"nezuban/agent/internal/kernel"
)

// parseFilesystems reads /proc/filesystems: the types of file systems that are on block devices, which are those without "nodev" before
// them.
//
//	nodev	tmpfs
//		ext4
func parseFilesystems(text []byte) map[string]bool {
	types := make(map[string]bool)
	for len(text) > 0 {
		var l []byte
		l, text = kernel.Line(text)
		if name, rest := kernel.Word(l); len(name) > 0 && len(rest) == 0 {
			types[string(name)] = true
		}
	}
	return types
}

// local leaves, of all mounts, the file systems that are on this machine's own disks, each once, in the kernel's order: no bind mount,
// nothing that another mount at the same place hides, and no image, which is always full.
func local(all []*mountinfo.Info, onDevices map[string]bool) []*mountinfo.Info {
	images := []string{"squashfs", "iso9660", "erofs"}
	top := make(map[string]*mountinfo.Info)
	for _, m := range all {
		top[m.Mountpoint] = m // the last hides the others
	}
	seen := make(map[string]bool)
	var left []*mountinfo.Info
	for _, m := range all {
		here := onDevices[m.FSType] || m.FSType == "zfs"
		if !here || slices.Contains(images, m.FSType) || top[m.Mountpoint] != m || isBind(m) || seen[m.Source] {
			continue
		}
		seen[m.Source] = true
		left = append(left, m)
	}
	return left
}

// isBind says whether a part of a file system is mounted. A subvolume of btrfs, mounted as one, is no such part.
func isBind(m *mountinfo.Info) bool {
	if m.Root == "/" || !strings.HasPrefix(m.Source, "/") {
		return false
	}
	for option := range strings.SplitSeq(m.VFSOptions, ",") {
		if volume, ok := strings.CutPrefix(option, "subvol="); ok {
			return volume != m.Root
		}
	}
	return true
}

// mode is "ro" for a file system that takes no writes. A mount of it that is read-only for this process alone, as systemd's
// ProtectSystem makes it, does not count.
func mode(m *mountinfo.Info) string {
	if slices.Contains(strings.Split(m.VFSOptions, ","), "ro") {
		return "ro"
	}
	return "rw"
}

// device is the kernel's name of the device that a file system is on, such as vda1, for names that are none of the kernel's too.
func device(m *mountinfo.Info, root string) string {
	name := m.Source
	if name == "/dev/root" || strings.HasPrefix(name, "/dev/mapper/") {
		if to, err := os.Readlink(filepath.Join(root, "sys/dev/block", fmt.Sprintf("%d:%d", m.Major, m.Minor))); err == nil {
			return filepath.Base(to)
		}
		if to, err := filepath.EvalSymlinks(filepath.Join(root, name)); err == nil {
			return filepath.Base(to)
		}
	}
	return strings.TrimPrefix(name, "/dev/")
}

// parseMounts reads /proc/self/mountinfo.
func parseMounts(text []byte) ([]*mountinfo.Info, error) {
	return mountinfo.GetMountsFromReader(bytes.NewReader(text), nil)
}
