package schedule

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The checksum ties the database to the release that TZRelease names: a newer one must change both.
func TestEmbeddedReleaseIsTheNamedOne(t *testing.T) {
	const want = "8f55634d05f8bca1f7bc7c69c5933428c69357e0bdf565e5ba224e3f88ff12e8" // of 2025c
	sum := sha256.Sum256([]byte(zoneinfo))
	if got := hex.EncodeToString(sum[:]); got != want || TZRelease != "2025c" {
		t.Errorf("tz database %s has checksum %s, want 2025c with %s", TZRelease, got, want)
	}
}

func TestEveryEmbeddedZoneLoads(t *testing.T) {
	zones, err := newZoneStore()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range zones.archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		if _, err := zones.load(file.Name); err != nil {
			t.Error(err)
		}
		count++
	}
	if count < 590 {
		t.Errorf("%d zones, want all of them", count)
	}
}

func TestLoadRefusesWhatIsNoZone(t *testing.T) {
	zones, err := newZoneStore()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "Local", "Europe", "Europe/", "europe/berlin", "Mars/Olympus", "../UTC", "/etc/localtime", "CEST"} {
		if zone, err := zones.load(name); err == nil {
			t.Errorf("%q was loaded as %s", name, zone)
		}
	}
}

// Row 29: neither ZONEINFO nor TZ nor the machine's database has a say. The database that ZONEINFO names has one zone, in
// which Berlin has the clock of UTC (RFC 8536: one local time type, no changes).
func TestMachineHasNoSay(t *testing.T) {
	wrong := t.TempDir()
	file := "TZif\x00" + strings.Repeat("\x00", 15) + strings.Repeat("\x00", 16) + "\x00\x00\x00\x01\x00\x00\x00\x04" + "\x00\x00\x00\x00\x00\x00UTC\x00"
	if err := os.MkdirAll(filepath.Join(wrong, "Europe"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(wrong, "Europe", "Berlin"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if misled, err := time.LoadLocationFromTZData("Europe/Berlin", []byte(file)); err != nil || misled.String() == "" {
		t.Fatalf("the wrong zone cannot be read: %v", err)
	}
	t.Setenv("ZONEINFO", wrong)
	t.Setenv("TZ", "Asia/Tokyo")
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	if got := at.In(zoneOf(t, "Europe/Berlin")).Format("15:04 MST"); got != "14:00 CEST" {
		t.Errorf("Berlin shows %s, want 14:00 CEST", got)
	}
	f, err := Parse("oncall.toml", []byte("zone = \"Europe/Berlin\"\n[people]\nalice = {}\n[schedule.api]\nlayers = [{ name = \"n\", from = \"2026-07-01 14:00\", who = [\"alice\"] }]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a := f.OnCall(at.Add(-time.Minute))[0]; !a.Until.Equal(at) || a.UntilText() != "2026-07-01 14:00 CEST" {
		t.Errorf("until %s, want 2026-07-01 14:00 CEST", a.UntilText())
	}
}
