package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuOf is the processor time that a process has used so far, to the nanosecond, with that of its threads that have ended: the
// process's own clock, as clock_getcpuclockid(3) names it.
func cpuOf(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED: what the scheduler has counted, not the ticks
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &spent); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(spent.Nano()), nil
}

// cpuOfAll is the same of several together.
func cpuOfAll(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		spent, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		sum += spent
	}
	return sum, nil
}

// memoryOf is what a process holds resident, and the most that it ever did, in MB.
func memoryOf(pid int) (now, most float64, err error) {
	if now, err = statusOf(pid, "VmRSS"); err != nil {
		return 0, 0, err
	}
	most, err = statusOf(pid, "VmHWM")
	return now * 1024 / 1e6, most * 1024 / 1e6, err
}

// statusOf is a number in /proc/PID/status.
func statusOf(pid int, key string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == key {
			return strconv.ParseFloat(strings.Fields(value)[0], 64)
		}
	}
	return 0, fmt.Errorf("/proc/%d/status: found no %s", pid, key)
}

// daemonsOf are the processes of the Docker behind a socket: dockerd and containerd.
func daemonsOf(ctx context.Context, socket string) (pids []int, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) { peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, err
	}
	if peerErr != nil {
		return nil, fmt.Errorf("who listens at %s: %w", socket, peerErr)
	}
	engines, err := named("dockerd")
	switch {
	case err != nil:
		return nil, err
	case slices.Contains(engines, int(peer.Pid)): // else systemd has made the socket, for the only one
		engines = []int{int(peer.Pid)}
	case len(engines) != 1:
		return nil, fmt.Errorf("found %d processes dockerd, and none that listens at %s", len(engines), socket)
	}
	runtimes, err := named("containerd")
	if err != nil {
		return nil, err
	}
	// An engine starts a containerd of its own, unless the system has one.
	for _, above := range []int{engines[0], 1} {
		of := slices.DeleteFunc(slices.Clone(runtimes), func(pid int) bool {
			parent, err := statusOf(pid, "PPid")
			return err != nil || int(parent) != above
		})
		if len(of) > 0 {
			return append(engines, of...), nil
		}
	}
	return append(engines, runtimes...), nil
}

// named are the processes of a name.
func named(name string) (pids []int, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		found, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(found)) != name {
			continue // it may have ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// parents are the processes that are above others, each once.
func parents(of []container) (pids []int, err error) {
	for _, c := range of {
		above, err := statusOf(c.pid, "PPid")
		if err != nil {
			return nil, err
		}
		pids = append(pids, int(above))
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// openFiles are the paths of the files that a process holds open, in the order of their descriptors.
func openFiles(pid int) (paths []string, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		fds = append(fds, fd)
	}
	slices.Sort(fds)
	for _, fd := range fds {
		path, err := os.Readlink(filepath.Join(dir, strconv.Itoa(fd)))
		if err != nil {
			continue // it was closed meanwhile
		}
		paths = append(paths, strings.TrimSuffix(path, " (deleted)")) // as the kernel says it of files below /proc/PID/net
	}
	return paths, nil
}
