package cgroup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Kills tells, as it happens, that the kernel has killed a process of a cgroup because the limit of memory was reached. Of a
// container that ends with its first process the count is gone with the cgroup, long before the next sample. Only v2 tells: of v1
// one would have to write to the cgroup to be told. It is safe for concurrent use.
type Kills struct {
	file *os.File // of inotify
	fd   int

	mu      sync.Mutex
	byWatch map[int32]watch
	watches map[string]int32 // by id
}

// watch is one file memory.events.
type watch struct {
	path string
	told func(kills uint64)
}

// NewKills asks the kernel for inotify; [Kills.Run] gives it back.
func NewKills() (*Kills, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch for kills: %w", os.NewSyscallError("inotify_init1", err))
	}
	return &Kills{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, byWatch: make(map[int32]watch), watches: make(map[string]int32)}, nil
}

// Watch has told called, by the goroutine of [Kills.Run], with the number of processes that were killed in the cgroup at a place
// since it began, each time that the kernel counts there, until another watch takes its place under the id, or [Kills.Forget] ends it.
// told must not call back. Where v1 counts the memory, and where the cgroup has ended, Watch does nothing.
func (k *Kills) Watch(id string, place Place, told func(kills uint64)) error {
	k.Forget(id)
	dir := place.Dirs[memory]
	if !dir.V2 {
		return nil
	}
	path := filepath.Join(dir.Path, "memory.events")
	k.mu.Lock()
	defer k.mu.Unlock()
	n, err := syscall.InotifyAddWatch(k.fd, path, syscall.IN_MODIFY)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.EBADF): // the last: Run has ended
		return nil
	case err != nil:
		return fmt.Errorf("watch for kills: %w", &os.PathError{Op: "inotify_add_watch", Path: path, Err: err})
	}
	k.byWatch[int32(n)], k.watches[id] = watch{path, told}, int32(n)
	return nil
}

// Forget ends a watch, if there is one of this id: nothing is told of it from now on.
func (k *Kills) Forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, ok := k.watches[id]
	if !ok {
		return
	}
	delete(k.watches, id)
	delete(k.byWatch, n)
	_, _ = syscall.InotifyRmWatch(k.fd, uint32(n)) // which the kernel has done where the cgroup has ended
}

// Run tells until ctx ends. It is called once.
func (k *Kills) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { k.close() })
	defer stop()
	defer k.close()
	buffer := make([]byte, 64*syscall.SizeofInotifyEvent)
	for {
		n, err := k.file.Read(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch for kills: %w", err)
		}
		for events := buffer[:n]; len(events) >= syscall.SizeofInotifyEvent; events = events[syscall.SizeofInotifyEvent:] { // without a name behind: files are watched
			k.look(int32(binary.NativeEndian.Uint32(events)), binary.NativeEndian.Uint32(events[4:]))
		}
	}
}

// close gives inotify back; what is watched is forgotten with it.
func (k *Kills) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.file.Close()
	k.fd = -1
}

// look reads what a watch has announced, or all of them where the kernel has announced more than it could keep, and tells it before anybody
// can end the watch.
func (k *Kills) look(n int32, mask uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for at, w := range k.byWatch {
		if at != n && mask&syscall.IN_Q_OVERFLOW == 0 {
			continue
		}
		text, err := os.ReadFile(w.path)
		if err != nil {
			continue // it has ended
		}
		var s Sample
		if err := pairs(v2Events)(text, &s, nil); err == nil && s.Memory.OOMKills.Value > 0 {
			w.told(s.Memory.OOMKills.Value)
		}
	}
}
