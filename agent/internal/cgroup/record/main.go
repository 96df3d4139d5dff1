// Command record writes down what the kernel says of real containers, for the tests of package cgroup: one archive for each of the
// containers in its table, which it makes with Docker and removes again.
//
//	go run ./agent/internal/cgroup/record OUT PREFIX
//
// writes OUT/PREFIX-NAME.txtar. It needs root and Docker with its command, and should be the first on a machine since its start to limit block IO:
// on v1 the kernel counts none until then, and the first recording shows that. In an archive the container's id is 0a1b…, its
// first process is 511. Nothing else calls this program; it is never part of a release.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/kernel"
	"nezuban/packaging/loadimage"
)

// shot is one recording.
type shot struct {
	name, about string
	options     string   // of docker run; DISK is a disk of this machine
	command     string   // of testload
	until       []string // fields that must not be 0 before the recording
	pause       bool
	parent      bool // with the cgroup that holds the container's, too
}

// prefix is of the names of containers.
const prefix = "nezuban-record-"

// shots are taken in this order; the containers stay until the last is taken.
func shots() []shot {
	return []shot{
		{name: "plain", about: "A container that sleeps, without limits.", command: "sleep"},
		{
			name: "limits", about: "A container that works, under limits of memory, CPU, processes and block IO; with the cgroup that holds its own.",
			options: "--memory 64m --cpus 0.15 --pids-limit 50 --device-write-bps DISK:1gb", command: "burn",
			until: []string{"throttling_throttled_time", "io_service_bytes_recursive_write"}, parent: true,
		},
		{name: "host-network", about: "A container in the host's network.", options: "--network host", command: "sleep"},
		{name: "shared-network", about: "A container in the network of another.", options: "--network container:" + prefix + "limits", command: "sleep"},
		{
			name: "child-killed", about: "A container of which the kernel killed a child for want of memory, and not the first process.",
			options: "--memory 32m", command: "parent hoard", until: []string{"oom_kills"},
		},
		{
			name: "limit-hit", about: "A container whose page cache has hit the limit of memory, and of which nothing was killed.",
			options: "--memory 32m", command: "write 67108864", until: []string{"fail_count"},
		},
		{name: "paused", about: "A container that was working when it was paused.", command: "burn", until: []string{"usage_in_usermode"}, pause: true},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := errors.New("usage: record OUT PREFIX")
	if len(os.Args) == 3 {
		err = run(ctx, os.Args[1], os.Args[2])
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "record: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, as string) (err error) {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	image, err := loadimage.Make(ctx, root, loadimage.Socket())
	if err != nil {
		return err
	}
	disks, err := filepath.Glob("/sys/block/*/device")
	if err != nil || len(disks) == 0 {
		return errors.New("found no disk in /sys/block")
	}
	disk := "/dev/" + filepath.Base(filepath.Dir(disks[0]))
	engine, err := command(ctx, "docker", "info", "-f", "Docker {{.ServerVersion}}, {{.CgroupDriver}} driver")
	if err != nil {
		return err
	}
	client := docker.New(loadimage.Socket())
	defer client.Close()
	var made []string
	defer func() {
		if len(made) > 0 {
			_, removed := command(context.WithoutCancel(ctx), "docker", append([]string{"rm", "-f"}, made...)...)
			err = errors.Join(err, removed)
		}
	}()
	for _, s := range shots() {
		args := append([]string{"run", "-d", "--name", prefix + s.name}, strings.Fields(strings.ReplaceAll(s.options, "DISK", disk))...)
		args = append(append(args, image), strings.Fields(s.command)...)
		made = append(made, prefix+s.name)
		id, err := command(ctx, "docker", args...)
		if err != nil {
			return err
		}
		container, err := client.Inspect(ctx, id)
		if err != nil {
			return err
		}
		if err := await(ctx, container, s.until); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		how := "docker " + strings.Join(args, " ")
		if s.pause {
			if _, err := command(ctx, "docker", "pause", id); err != nil {
				return err
			}
			how += " && docker pause " + prefix + s.name
		}
		archive, err := record(container, s.parent)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		archive.Comment = fmt.Appendf(nil, "%s\nRecorded on %s, %s.\nMade by: %s\nRecorded by: go run ./agent/internal/cgroup/record OUT %s\n",
			s.about, kernelOf(archive), engine, how, as)
		if err := os.WriteFile(filepath.Join(out, as+"-"+s.name+".txtar"), txtar.Format(archive), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// command gives what a program writes, without the last line's end.
func command(ctx context.Context, name string, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(text)), nil
}

// kernelOf is the release, and the versions of cgroup that an archive has.
func kernelOf(a *txtar.Archive) string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	number, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	mounts := string(a.Files[0].Data)
	v1, v2 := strings.Contains(mounts, "- cgroup "), strings.Contains(mounts, "- cgroup2 ")
	switch {
	case v1 && v2:
		return "Linux " + number + ", cgroup v1, with v2 for what v1 does not have"
	case v2:
		return "Linux " + number + ", cgroup v2"
	}
	return "Linux " + number + ", cgroup v1"
}

// await reads a container until the fields are not 0.
func await(ctx context.Context, c docker.Container, fields []string) error {
	hierarchy, err := cgroup.Mounted()
	if err != nil {
		return err
	}
	place, err := hierarchy.Of(c.PID, false)
	if err != nil {
		return err
	}
	reader, err := cgroup.NewReader(kernel.NewFiles(0), place)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var s cgroup.Sample
		if err := reader.Read(&s, time.Now()); err != nil {
			return err
		}
		figures := s.Figures()
		missing := slices.IndexFunc(fields, func(field string) bool {
			return !slices.ContainsFunc(figures, func(f cgroup.Named) bool { return strings.HasSuffix(f.Name, " "+field) && f.Value > 0 })
		})
		if missing < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", fields[missing], ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// record takes the mounts, the process's own files, and what its cgroups hold of the controllers that the agent reads.
func record(c docker.Container, parent bool) (*txtar.Archive, error) {
	const (
		id  = "0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b"
		pid = "511"
	)
	archive := &txtar.Archive{}
	add := func(name string, text []byte) {
		name = strings.ReplaceAll(strings.TrimPrefix(name, "/"), c.ID, id)
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: bytes.ReplaceAll(text, []byte(c.ID), []byte(id))})
	}
	mounts, err := cgroupMounts()
	if err != nil {
		return nil, err
	}
	add("proc/self/mountinfo", mounts)
	for _, name := range []string{"cgroup", "net/dev"} {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.PID), name))
		if err != nil {
			return nil, err
		}
		add(filepath.Join("proc", pid, name), text)
	}
	folders, err := foldersOf(mounts, c.PID)
	if err != nil {
		return nil, err
	}
	if parent {
		for _, folder := range slices.Clone(folders) {
			folders = append(folders, filepath.Dir(folder))
		}
	}
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || slices.Contains([]string{"cgroup.procs", "cgroup.threads", "tasks", "memory.reclaim"}, e.Name()) {
				continue // whose text is of process ids, or which are no figures
			}
			path := filepath.Join(folder, e.Name())
			if text, err := os.ReadFile(path); err == nil { // else it can only be written, or is switched off
				add(path, text)
			}
		}
	}
	return archive, nil
}

// cgroupMounts is what mountinfo has of cgroups.
func cgroupMounts() ([]byte, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []byte
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(" - cgroup")) {
			found = append(found, line...)
		}
	}
	return found, nil
}

// foldersOf are the folders of a process's cgroups.
func foldersOf(mounts []byte, pid int) ([]string, error) {
	list, err := mountinfo.GetMountsFromReader(bytes.NewReader(mounts), nil)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return nil, err
	}
	groups, err := cgroup.ParseProc(text)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, m := range list {
		controllers := []string{""}
		if m.FSType == "cgroup" {
			controllers = strings.Split(m.VFSOptions, ",")
		}
		for _, controller := range controllers {
			path, ok := groups[controller]
			if !ok || !slices.Contains([]string{"", "cpu", "cpuacct", "memory", "blkio", "pids"}, controller) {
				continue
			}
			if folder := filepath.Join(m.Mountpoint, path); !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	return folders, nil
}
