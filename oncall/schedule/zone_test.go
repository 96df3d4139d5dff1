package schedule

import (
	"crypto/sha256"
	"encoding/hex"
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

// Row 29: neither ZONEINFO nor TZ nor the machine's database has a say.
func TestMachineHasNoSay(t *testing.T) {
	t.Setenv("ZONEINFO", t.TempDir())
	t.Setenv("TZ", "Asia/Tokyo")
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	if got := at.In(zoneOf(t, "Europe/Berlin")).Format("15:04 MST"); got != "14:00 CEST" {
		t.Errorf("Berlin shows %s, want 14:00 CEST", got)
	}
}
