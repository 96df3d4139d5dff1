package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsFrom(t *testing.T) {
	env := func(pairs map[string]string) func(string) string {
		return func(name string) string { return pairs[name] }
	}
	s, err := settingsFrom(env(map[string]string{"NEZUBAN_ROUTER_PORT": "4000", "NEZUBAN_STATE": "/tmp/x"}))
	if err != nil || s.Ports.Router.Number != 4000 || s.Ports.Agent.Number != 17073 || s.State != "/tmp/x" {
		t.Errorf("settings %+v, %v", s, err)
	}
	_, err = settingsFrom(env(map[string]string{"NEZUBAN_ROUTER_PORT": "http", "NEZUBAN_AGENT_PORT": "70000"}))
	for _, part := range []string{`NEZUBAN_ROUTER_PORT: found "http"`, `NEZUBAN_AGENT_PORT: found "70000"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q: %v", part, err)
		}
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	s, err := settingsFrom(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	p := ports{
		Router: port{taken, "router", "NEZUBAN_ROUTER_PORT"},
		Agent:  port{s.Ports.Agent.Number, "agent", "NEZUBAN_AGENT_PORT"},
		Web:    port{s.Ports.Agent.Number, "demo-web", "NEZUBAN_WEB_PORT"},
	}
	err = p.free(t.Context())
	for _, part := range []string{
		fmt.Sprintf("port %d (router) is taken; set NEZUBAN_ROUTER_PORT", taken),
		fmt.Sprintf("port %d is asked for by agent and demo-web; set NEZUBAN_WEB_PORT", s.Ports.Agent.Number),
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q: %v", part, err)
		}
	}
}

func TestSecondWatchIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	unlock, err := lockState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockState(dir); err == nil || !strings.Contains(err.Error(), "runs here already") {
		t.Errorf("second lock: %v", err)
	}
	unlock()
	again, err := lockState(dir)
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	again()
}

func TestZoneName(t *testing.T) {
	rows := []struct{ name, target, want string }{
		{"a city", "/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"},
		{"UTC", "/usr/share/zoneinfo/Etc/UTC", "UTC"},
		{"nonsense", "/somewhere/else", "UTC"},
		{"an unknown zone", "/usr/share/zoneinfo/Mars/Base", "UTC"},
		{"no link", "", "UTC"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			link := filepath.Join(t.TempDir(), "localtime")
			if row.target != "" {
				if err := os.Symlink(row.target, link); err != nil {
					t.Fatal(err)
				}
			}
			if got := zoneName(link); got != row.want {
				t.Errorf("zoneName = %q, want %q", got, row.want)
			}
		})
	}
}

func TestWriteFilesKeepsWhatIsEdited(t *testing.T) {
	s, err := settingsFrom(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s.State = t.TempDir()
	write := func() []string {
		t.Helper()
		kept, err := writeFiles(s)
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	if kept := write(); len(kept) != 0 {
		t.Errorf("first start kept %q", kept)
	}
	info, err := os.Stat(filepath.Join(s.State, "contacts.toml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("contacts.toml: %v, %v; want mode 0600", info, err)
	}
	oncall, router := filepath.Join(s.State, "oncall.toml"), filepath.Join(s.State, "router.toml")
	if err := os.WriteFile(oncall, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Ports.Router.Number = 4000
	if kept := write(); len(kept) != 1 || kept[0] != oncall {
		t.Errorf("kept %q, want %s", kept, oncall)
	}
	if text, _ := os.ReadFile(oncall); string(text) != "mine" {
		t.Errorf("oncall.toml was overwritten with %q", text)
	}
	if text, _ := os.ReadFile(router); !strings.Contains(string(text), ":4000") {
		t.Error("router.toml did not follow the port")
	}
}
