package deb_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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
