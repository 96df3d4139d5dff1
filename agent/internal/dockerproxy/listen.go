package dockerproxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// firstInherited is the first descriptor of those that systemd hands over, see sd_listen_fds(3).
const firstInherited = 3

// socketMask makes a new socket 0660: for its owner and its group.
const socketMask = 0o117

// umask belongs to the whole process.
var umask sync.Mutex

// Listen makes a socket at path, of mode 0660 from its first moment on. The file
// of a process that was killed is replaced; one on which somebody answers, and
// one that is no socket, is an error.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	umask.Lock()
	defer umask.Unlock()
	defer syscall.Umask(syscall.Umask(socketMask))
	var lc net.ListenConfig
	return lc.Listen(ctx, "unix", path)
}

// removeStale takes away a socket on which nobody listens.
func removeStale(ctx context.Context, path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if found.Mode().Type() != fs.ModeSocket {
		return errors.New("found a file that is no socket")
	}
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
		return errors.New("another process listens there")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// Inherited is the socket that systemd hands over to a unit with a .socket, by
// the variables LISTEN_PID and LISTEN_FDS.
func Inherited(env func(key string) (string, bool), pid int) (net.Listener, error) {
	count, ok := env("LISTEN_FDS")
	if !ok {
		return nil, errors.New("no socket: -listen names none, and systemd hands over none (LISTEN_FDS is not set)")
	}
	if of, _ := env("LISTEN_PID"); of != strconv.Itoa(pid) {
		return nil, fmt.Errorf("LISTEN_PID: found %q, expected %d, the id of this process", of, pid)
	}
	if count != "1" {
		return nil, fmt.Errorf("LISTEN_FDS: found %q, expected 1, a single socket", count)
	}
	syscall.CloseOnExec(firstInherited)
	file := os.NewFile(firstInherited, "LISTEN_FDS")
	defer file.Close()
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: descriptor %d: %w", firstInherited, err)
	}
	if ln.Addr().Network() != "unix" {
		ln.Close()
		return nil, fmt.Errorf("LISTEN_FDS: descriptor %d: found a socket of %s, expected one of unix", firstInherited, ln.Addr().Network())
	}
	return ln, nil
}
