package packaging

import (
	"fmt"
	"os"
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
