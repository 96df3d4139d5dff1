package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nezuban/router/internal/state/record"
)

// The library takes its own address from a list, in which some characters divide or mean something.
func TestSocketDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	first, err := socketDir(long)
	if err != nil || len(first) > longestSocketDir {
		t.Fatalf("found %q, %v, want a short path", first, err)
	}
	if again, err := socketDir(long); err != nil || again != first {
		t.Errorf("found %q, %v, want the same again", again, err)
	}
	if other, err := socketDir(long + "er"); err != nil || other == first {
		t.Errorf("found %q, %v, want another folder for another path", other, err)
	}
	if err := os.Chmod(first, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := socketDir(long); err == nil || !strings.Contains(err.Error(), "nobody else may enter") {
		t.Errorf("found %v for a folder that others may enter", err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := socketDir(long); err == nil {
		t.Error("a link that somebody laid was followed")
	}
}

// TestAStateFolderMayHaveAnyName starts the embedded member where a URL, or a list of them, could end in the middle.
func TestAStateFolderMayHaveAnyName(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	root := t.TempDir()
	for _, name := range []string{"a,b", "a b", "50%", "%2f", "what?", "#1", "a=b", "größe", "a\nb", "a;b&c", "[x]:1", `a\b`} {
		for range 2 { // the second time there is something to be read
			s, err := Open(t.Context(), filepath.Join(root, name))
			if err != nil {
				t.Errorf("folder %q: %v", name, err)
				break
			}
			s.Close()
		}
	}
}

// A member that stands still never ends: nobody waits for its end, though why it stands still has been read.
func TestNobodyWaitsForAMemberThatStandsStill(t *testing.T) {
	s := open(t, t.TempDir())
	server := s.conn.server
	s.conn.fatal(errors.New("the disk is gone"))
	if err := <-s.conn.Broken(); err == nil {
		t.Error("why it stands still is not told")
	}
	s.conn.Close()
	select {
	case <-server.Server.StopNotify():
		t.Error("its end was awaited")
	default:
		server.Close()
	}
}

// TestTheEmbeddedMemberOpensNoPort looks at what this process listens on: the state is nobody else's, on this machine either.
func TestTheEmbeddedMemberOpensNoPort(t *testing.T) {
	before := ports(t)
	s := open(t, t.TempDir())
	if err := s.put(t.Context(), sample("I1", 1, 1)); err != nil {
		t.Fatal(err)
	}
	opened := func() []string {
		return slices.DeleteFunc(ports(t), func(port string) bool { return slices.Contains(before, port) })
	}
	if found := opened(); len(found) > 0 {
		t.Errorf("with the member the process listens on %q too", found)
	}
	own, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if len(opened()) == 0 {
		t.Error("a port that is open is not seen: the test shows nothing")
	}
}

// ports are the TCP ports that this process listens on, as the kernel writes them.
func ports(t *testing.T) []string {
	t.Helper()
	sockets, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, fd := range sockets {
		if to, err := os.Readlink(fd); err == nil { // the one of this look itself is gone
			own[to] = true
		}
	}
	var all []string
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		const status, inode, listening = 3, 9, "0A" // see proc_net_tcp in the kernel's documentation
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > inode && f[status] == listening && own["socket:["+f[inode]+"]"] {
				all = append(all, f[1])
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestNoFolderForTheSocketsIsSaid(t *testing.T) {
	for _, name := range []string{"a,b", strings.Repeat("long", 30)} {
		temp := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(temp, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", temp)
		_, err := Open(t.Context(), filepath.Join(t.TempDir(), "a,b"))
		if err == nil || !strings.Contains(err.Error(), temp) || !strings.Contains(err.Error(), "set TMPDIR to another folder") {
			t.Errorf("with the temporary folder %q found %v", temp, err)
		}
	}
}

// What is broken on disk is said: etcd itself would end the process, or stand still for ever.
func TestAStateThatCannotBeReadIsSaid(t *testing.T) {
	for _, name := range []string{"member/snap/db", "member/wal/0*.wal", "member/wal"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 * snapshotEvery {
				if err := s.Commit(t.Context(), record.Batch{Change: sample("I1", 1, 1)}); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			files, err := filepath.Glob(filepath.Join(dir, name))
			if err != nil || len(files) == 0 {
				t.Fatalf("found %q, %v", files, err)
			}
			for _, file := range files {
				ruin(t, file)
			}
			if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "restore the last backup") {
				t.Errorf("found %v, want what is wrong and what to do", err)
			}
		})
	}
}

// A page of the database that is damaged ends the process in a goroutine of etcd's library, unless it is found before.
func TestADatabaseWithADamagedPageIsSaid(t *testing.T) {
	whole := t.TempDir()
	s, err := Open(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * snapshotEvery {
		if err := s.Commit(t.Context(), record.Batch{Change: sample("I1", 1, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	const pageSize = 4096
	for _, row := range []struct {
		name   string
		damage func(db []byte) []byte
	}{
		{"all pages but the first two", func(db []byte) []byte {
			return append(db[:2*pageSize], bytes.Repeat([]byte{0xAA}, len(db)-2*pageSize)...)
		}},
		{"the root", func(db []byte) []byte {
			root := rootPage(db, pageSize)
			copy(db[root*pageSize:], bytes.Repeat([]byte{0xAA}, pageSize))
			return db
		}},
		{"an impossible number of items on the root", func(db []byte) []byte {
			root := rootPage(db, pageSize)
			copy(db[root*pageSize+10:], []byte{0xFF, 0xFF})
			return db
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			moved := filepath.Join(t.TempDir(), "etcd")
			if err := os.CopyFS(moved, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(moved, "member", "snap", "db")
			db, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, row.damage(db), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), moved); err == nil || !strings.Contains(err.Error(), "member/snap/db") || !strings.Contains(err.Error(), "restore the last backup") {
				t.Errorf("found %v, want what is wrong and what to do", err)
			}
		})
	}
}

// rootPage is the number of the database's first bucket's page, by the newer of its two meta pages.
func rootPage(db []byte, pageSize int) int {
	const root, txid = 16 + 16, 16 + 48 // behind the page's head: magic, version, page size, flags; and the root, the free list, the mark
	meta := db
	if newer := db[pageSize:]; binary.NativeEndian.Uint64(newer[txid:]) > binary.NativeEndian.Uint64(db[txid:]) {
		meta = newer
	}
	return int(binary.NativeEndian.Uint64(meta[root:]))
}

func TestWhyAMemberIsNotReady(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := notReady(over); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "backup") {
		t.Errorf("stopped by its caller: found %v", err)
	}
	if err := notReady(t.Context()); !strings.Contains(err.Error(), "not ready after 30s; look at the disk, then move the folder away and restore the last backup") {
		t.Errorf("a log that was cut: found %v", err)
	}
	for _, row := range []struct {
		name   string
		err    error
		advice bool
	}{
		{"a log that was altered", errors.New("wal: crc mismatch"), true},
		{"a socket", fmt.Errorf("listen: %w", &net.OpError{Op: "listen", Err: errors.New("address in use")}), false},
		{"no permission", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, false},
	} {
		if err := refused(row.err); !errors.Is(err, row.err) || strings.Contains(err.Error(), "backup") != row.advice {
			t.Errorf("%s: found %v", row.name, err)
		}
	}
}

// ruin makes zeros of a file, and nothing of a folder.
func ruin(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.RemoveAll(path)
	} else {
		err = os.WriteFile(path, make([]byte, info.Size()), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
