package deb_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nezuban/docs"
	"nezuban/packaging/testenv"
)

// TestUnitIsUnderstood lets systemd itself read the units: an unknown key would
// otherwise be ignored in silence, and with it a protection.
func TestUnitIsUnderstood(t *testing.T) {
	analyze := testenv.Command(t, "systemd-analyze", "systemd")
	for _, unit := range []string{"nezuban-agent.service", "nezuban-docker-proxy.service"} {
		t.Run(unit, func(t *testing.T) { understood(t, analyze, unit) })
	}
}

func understood(t *testing.T, analyze, unit string) {
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), unit)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	// Threshold 20 of 100: "OK" by systemd's own measure of exposure.
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", "--threshold=20", path).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// Whatever ends a daemon but systemctl, HUP and an exit code of 0 among them, it is started again, and never given up.
func TestUnitsStartAgain(t *testing.T) {
	for _, unit := range []string{"nezuban-agent.service", "nezuban-docker-proxy.service"} {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`(?m)^Restart=always$`, `(?m)^RestartSec=[1-9]`, `(?m)^StartLimitIntervalSec=0$`} {
			if !regexp.MustCompile(want).Match(text) {
				t.Errorf("%s: found no %s", unit, want)
			}
		}
	}
}

// The drop-in that lets labels pass is the same in both documents, takes the whole command of the unit, and adds to it.
func TestDropInForLabels(t *testing.T) {
	unit, err := os.ReadFile("nezuban-docker-proxy.service")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^ExecStart=.*$`).FindString(string(unit))
	want := "[Service]\nExecStart=\n" + command + " -labels com.docker.compose.service,team\n"
	page, err := docs.Page("agent.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"docs/agent.md": page, "README": regexp.MustCompile(`(?m)^  `).ReplaceAllString(string(readme), "")} {
		if !strings.Contains(text, want) || !strings.Contains(text, "/etc/systemd/system/nezuban-docker-proxy.service.d/labels.conf") {
			t.Errorf("%s: found no drop-in for labels:\n%s", name, want)
		}
	}
	if command == "" {
		t.Error("the unit has no command")
	}
}

// The agent needs no capability and no group but its own; of the proxy's the one other group is Docker's.
func TestUnitsHaveNoMoreThanTheyNeed(t *testing.T) {
	for unit, want := range map[string]map[string][]string{
		"nezuban-agent.service": {
			"User": {"nezuban-agent"}, "Group": {"nezuban-agent"}, "SupplementaryGroups": nil,
			"CapabilityBoundingSet": {""}, "AmbientCapabilities": {""}, "NoNewPrivileges": {"yes"},
		},
		"nezuban-docker-proxy.service": {
			"User": {"nezuban-docker-proxy"}, "Group": {"nezuban-docker-proxy"}, "SupplementaryGroups": {"docker"},
			"CapabilityBoundingSet": {""}, "AmbientCapabilities": {""}, "NoNewPrivileges": {"yes"}, "PrivateNetwork": {"yes"},
		},
		"nezuban-docker-proxy.socket": {"SocketUser": {"root"}, "SocketGroup": {"nezuban-agent"}, "SocketMode": {"0660"}},
	} {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for key, values := range want {
			var found []string
			for _, match := range regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(string(text), -1) {
				found = append(found, match[1])
			}
			if !slices.Equal(found, values) {
				t.Errorf("%s: found %s %q, expected %q", unit, key, found, values)
			}
		}
	}
}
