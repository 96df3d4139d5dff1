package dockerproxy

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The socket is for its owner and its group from its first moment on, and one that a killed process left is replaced.
func TestListen(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want string // of the error
	}{
		{"new", func(*testing.T, string) {}, ""},
		{"left behind by a process that was killed", func(t *testing.T, path string) {
			var lc net.ListenConfig
			ln, err := lc.Listen(t.Context(), "unix", path)
			if err != nil {
				t.Fatal(err)
			}
			ln.(*net.UnixListener).SetUnlinkOnClose(false)
			ln.Close()
		}, ""},
		{"somebody listens", func(t *testing.T, path string) {
			var lc net.ListenConfig
			ln, err := lc.Listen(t.Context(), "unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
		}, "another process listens there"},
		{"a file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "found a file that is no socket"},
		{"a link to a socket", func(t *testing.T, path string) {
			if err := os.Symlink("/var/run/docker.sock", path); err != nil {
				t.Fatal(err)
			}
		}, "found a file that is no socket"},
		{"no folder", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, "no such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d", "p.sock")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			tt.make(t, path)
			ln, err := Listen(t.Context(), path)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("found %v, expected %q and the path", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			if found, err := os.Stat(path); err != nil || found.Mode() != fs.ModeSocket|0o660 {
				t.Errorf("mode %v, %v, expected 0660", found.Mode(), err)
			}
			if now := syscall.Umask(0o022); now&0o077 == socketMask {
				t.Errorf("the umask stays %o", now)
			}
		})
	}
}

func TestInherited(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"none", nil, "systemd hands over none"},
		{"of another process", map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "6"}, `LISTEN_PID: found "6", expected 7`},
		{"without the process", map[string]string{"LISTEN_FDS": "1"}, `LISTEN_PID: found "", expected 7`},
		{"two", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": "7"}, `LISTEN_FDS: found "2", expected 1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := func(key string) (string, bool) { v, ok := tt.env[key]; return v, ok }
			if ln, err := Inherited(env, 7); ln != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %v, %v, expected %q", ln, err, tt.want)
			}
		})
	}
}

// A listener that is closed outside ends the serving with an error.
func TestASocketThatIsTakenAway(t *testing.T) {
	ln, err := Listen(t.Context(), filepath.Join(t.TempDir(), "p.sock"))
	if err != nil {
		t.Fatal(err)
	}
	p := New(Options{Engine: "/nowhere", Log: quiet})
	defer p.Close()
	ln.Close()
	if err := p.Serve(context.Background(), ln); err == nil || !strings.Contains(err.Error(), "serve ") {
		t.Errorf("found %v", err)
	}
}
