package deb_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// suite is the Debian release that the package is tried on.
const suite = "bookworm"

// root is a clean Debian system in a folder.
type root struct {
	t   *testing.T
	dir string
}

// newRoot unpacks a minimal Debian. debootstrap makes it once (a minute or
// two); later runs unpack the copy kept in .tools.
func newRoot(t *testing.T, debootstrap string) *root {
	t.Helper()
	base := filepath.Join(testenv.Repo(t), ".tools", "debian-"+suite+".tar")
	if _, err := os.Stat(base); err != nil {
		bootstrap(t, debootstrap, base)
	}
	r := &root{t: t, dir: filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, time.Minute, "tar", "--extract", "--numeric-owner", "--file", base, "--directory", r.dir)
	return r
}

// bootstrap makes the archive at base, whole or not at all.
func bootstrap(t *testing.T, debootstrap, base string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "base")
	command(t, 8*time.Minute, debootstrap, "--variant=minbase", suite, dir)
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	partial := fmt.Sprintf("%s.%d", base, os.Getpid())
	defer os.Remove(partial) //nolint:errcheck // renamed by then, or of no use
	// Archives of packages are of no use here.
	command(t, time.Minute, "tar", "--create", "--numeric-owner", "--file", partial,
		"--exclude=./var/cache/apt/archives/*.deb", "--exclude=./proc/*", "--exclude=./sys/*",
		"--directory", dir, ".")
	if err := os.Rename(partial, base); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, within time.Duration, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// install gives the package to dpkg, keeping edited configuration.
func (r *root) install(deb string) {
	r.t.Helper()
	inside := filepath.Join(r.dir, "nezuban.deb")
	data, err := os.ReadFile(deb)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(inside, data, 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.chroot("dpkg", "--force-confold", "--install", "/nezuban.deb")
	if err := os.Remove(inside); err != nil {
		r.t.Fatal(err)
	}
}

func (r *root) write(path, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, path), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *root) has(path string) bool {
	_, err := os.Lstat(filepath.Join(r.dir, path))
	return err == nil
}

// user tells the id and the groups of a user of the root.
func (r *root) user(name string) (uid int, groups []string) {
	r.t.Helper()
	uid, err := strconv.Atoi(strings.TrimSpace(r.chroot("id", "-u", name)))
	if err != nil {
		r.t.Fatal(err)
	}
	return uid, strings.Fields(r.chroot("id", "-Gn", name))
}

// unit is a systemd unit: all values of each key, in order.
type unit map[string][]string

// unit reads an installed unit.
func (r *root) unit(name string) unit {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "usr/lib/systemd/system", name+".service"))
	if err != nil {
		r.t.Fatal(err)
	}
	u := unit{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if key, value, found := strings.Cut(lines.Text(), "="); found && !strings.HasPrefix(key, "#") {
			u[key] = append(u[key], value)
		}
	}
	return u
}

// one is the value of a key that must stand exactly once.
func (u unit) one(t *testing.T, key string) string {
	t.Helper()
	if len(u[key]) != 1 {
		t.Fatalf("unit: %s stands %d times, want once", key, len(u[key]))
	}
	return u[key][0]
}

// list describes every file of the root, but for what dpkg and the passwd tools
// keep for themselves: logs, their database and backup copies.
func (r *root) list() map[string]string {
	r.t.Helper()
	own := []string{"/var/lib/dpkg", "/var/log", "/var/cache", "/proc", "/sys", "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/.pwd.lock", "/etc/subuid-", "/etc/subgid-"}
	out := map[string]string{}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, r.dir)
		if slices.Contains(own, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		text, err := describe(path, d)
		out[name] = text
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// describe tells mode, owner and content.
func describe(path string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	text := info.Mode().String()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		text += fmt.Sprintf(" %d:%d", stat.Uid, stat.Gid)
	}
	switch {
	case info.Mode().IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf(" %x", sha256.Sum256(data))
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		text += " -> " + target
	}
	return text, nil
}

// difference tells what came, went and changed.
func difference(before, after map[string]string) string {
	var lines []string
	for name, now := range after {
		switch was, there := before[name]; {
		case !there:
			lines = append(lines, "new: "+name+" "+now)
		case was != now:
			lines = append(lines, "changed: "+name+" "+was+" now "+now)
		}
	}
	for name, was := range before {
		if _, there := after[name]; !there {
			lines = append(lines, "gone: "+name+" "+was)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
