package packaging

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// TestABackupOfARunningRouterIsRestoredWithoutSendingAnythingAgain backs a running router up, loses its state, and brings it
// back into a folder, and into an etcd cluster.
func TestABackupOfARunningRouterIsRestoredWithoutSendingAnythingAgain(t *testing.T) {
	s := newStack(t, oncallText, "")
	config := "-config=" + s.path("router.toml")
	s.post(event("shop", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED container-died")
	file := filepath.Join(t.TempDir(), "state.backup")
	s.command("nezuban-router", "state", "backup", config, file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("found %v, %v, want mode 0600", info, err)
	}
	if dump := s.command("nezuban-router", "state", "dump", config); !strings.Contains(dump, `{"key":"incident/`) || strings.Contains(dump, `"access/`) {
		t.Errorf("the dump is\n%s", dump)
	}
	s.router.kill()
	stopped := filepath.Join(t.TempDir(), "stopped.backup")
	s.command("nezuban-router", "state", "backup", config, stopped)
	if err := os.RemoveAll(s.path("state/etcd")); err != nil {
		t.Fatal(err)
	}
	if said := s.command("nezuban-router", "state", "restore", config, file); !strings.Contains(said, "restored") {
		t.Errorf("restore says %s", said)
	}
	only := func(router *process) {
		t.Helper()
		line := router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED nezuban-state-restored")
		if !strings.Contains(line, "the router's state was restored from a backup of") {
			t.Errorf("the message says %s", line)
		}
		if pages := router.matching("^PAGE"); len(pages) != 1 {
			t.Errorf("found %q, want the one message", pages)
		}
	}
	s.startRouter()
	only(s.router)
	if listed := s.command("nezuban-router", "incidents", config); !strings.Contains(listed, "shop") {
		t.Errorf("incidents prints\n%s", listed)
	}

	etcd := testenv.Etcd(t, 1)
	moved := prepareStack(t, oncallText, "")
	text, err := os.ReadFile(moved.path("router.toml"))
	if err != nil {
		t.Fatal(err)
	}
	moved.write("router.toml", fmt.Sprintf("advertise = \"http://%s\"\n%s\n[etcd]\nendpoints = [%q]\n", moved.addr, text, etcd.Endpoints[0]), 0o644)
	moved.command("nezuban-router", "state", "restore", "-config="+moved.path("router.toml"), stopped)
	moved.startRouter()
	only(moved.router)
	moved.post(event("shop", "start", time.Now(), ""))
	moved.router.await(t, 5*time.Second, 0, "^PAGE alice RESOLVED container-died")
}

// TestARestoreThatIsNotPossibleSaysWhyAndTouchesNothing gives the command what it must refuse.
func TestARestoreThatIsNotPossibleSaysWhyAndTouchesNothing(t *testing.T) {
	s := newStack(t, oncallText, "")
	config := "-config=" + s.path("router.toml")
	s.post(event("shop", "die", time.Now(), ",exit_code=7i,requested=false"))
	file := filepath.Join(t.TempDir(), "state.backup")
	s.command("nezuban-router", "state", "backup", config, file)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	refused := func(name, path, want string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "nezuban-router"), "state", "restore", config, path).CombinedOutput()
		var failed *exec.ExitError
		if !errors.As(err, &failed) || failed.ExitCode() != 1 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: found %v\n%swant exit code 1 and %q, in one line", name, err, out, want)
		}
	}
	refused("a router runs", file, "a router runs on it: stop it first")
	s.router.kill()
	refused("the state is not empty", file, "it is not empty, or a router runs on it")
	dump := s.command("nezuban-router", "state", "dump", config)
	if err := os.Rename(s.path("state/etcd"), s.path("state/etcd.kept")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"no file", filepath.Join(t.TempDir(), "missing"), "no such file"},
		{"cut off", write("cut", good[:len(good)/2]), "cut: read the backup: line"},
		{"empty", write("empty", nil), "found no gzip file, expected what nezuban-router state backup writes"},
		{"of a later release", write("later", altered(t, good, `"version":1,"taken"`, `"version":2,"taken"`)), "found version 2"},
		{"altered", write("altered", altered(t, good, "shop", "shot")), "it was altered"},
	} {
		refused(tt.name, tt.path, tt.want)
	}
	if _, err := os.Stat(s.path("state/etcd")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a state was made of what was refused: %v", err)
	}
	if err := os.Rename(s.path("state/etcd.kept"), s.path("state/etcd")); err != nil {
		t.Fatal(err)
	}
	if again := s.command("nezuban-router", "state", "dump", config); again != dump {
		t.Errorf("the state is\n%s\nwant what it was\n%s", again, dump)
	}
}

// altered is a backup with a text replaced by another, packed again.
func altered(t *testing.T, backup []byte, old, text string) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(backup))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil || !bytes.Contains(plain, []byte(old)) {
		t.Fatalf("no %q in the backup, %v", old, err)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(bytes.ReplaceAll(plain, []byte(old), []byte(text)))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
