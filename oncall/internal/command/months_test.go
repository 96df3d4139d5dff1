package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Where a listing has more people than letters, each schedule has letters of its own.
func TestLettersOfASchedule(t *testing.T) {
	const each = 31
	var people, schedules strings.Builder
	for s := range 3 {
		var ring []string
		for i := range each {
			fmt.Fprintf(&people, "p%d_%02d = {}\n", s, i)
			ring = append(ring, fmt.Sprintf("%q", fmt.Sprintf("p%d_%02d", s, i)))
		}
		fmt.Fprintf(&schedules, "[schedule.s%d]\nlayers = [{ name = \"a\", every = \"1d\", from = \"2026-01-01 00:00\", who = [%s] }]\n", s, strings.Join(ring, ", "))
	}
	file := filepath.Join(t.TempDir(), "oncall.toml")
	if err := os.WriteFile(file, []byte("zone = \"UTC\"\n[people]\n"+people.String()+schedules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	draw := func(args ...string) string {
		var out, problems bytes.Buffer
		w := World{Out: &out, Err: &problems, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		args = append([]string{"shifts", file, "--format", "month", "--from", "2026-01-01", "--to", "2026-01-31"}, args...)
		if code := Run(args, w); code != exitOK {
			t.Fatalf("exit code %d: %s", code, problems.String())
		}
		return out.String()
	}
	if all := draw(); strings.Contains(all, "#") || strings.Count(all, "\nA p") != 3 {
		t.Errorf("drawn together:\n%s", all)
	}
	if one := draw("--schedule", "s1"); !strings.Contains(one, "\nA p1_00\n") {
		t.Errorf("drawn alone:\n%s", one)
	}
}
