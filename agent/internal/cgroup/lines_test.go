package cgroup

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// What is written of a recording, as a container and as a cgroup, to the last figure. Each file of testdata/lines has what a recording
// has changed to when it is read again, and the lines; its comment says how they were worked out of the recording's text.
func TestLinesOfRecordings(t *testing.T) {
	paths, err := filepath.Glob("testdata/lines/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found %v, %v", paths, err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			h, dir := recorded(t, name)
			reader := open(t, h, true)
			owner, err := NewOwner(strings.Repeat("0a1b", 16), []influx.Tag{{Key: influx.TagContainerName, Value: "web"}, {Key: influx.TagHost, Value: "h1"}})
			if err != nil {
				t.Fatal(err)
			}
			groups := NewGroups("h1", []Glob{"docker", "system.slice"}, h, kernel.NewFiles(100), slog.New(slog.DiscardHandler))
			t.Cleanup(groups.Close)
			var s Sample
			var tracker Tracker
			var lines influx.Lines
			sample := func(read, at time.Time, systemCPU uint64) {
				machine := Machine{Memory: 8 << 30, SystemCPU: systemCPU}
				lines.Reset()
				if err := reader.Read(&s, read); err != nil {
					t.Fatal(err)
				}
				tracker.Append(&lines, &s, owner, machine, at)
				if err := groups.Append(&lines, false, machine, at); err != nil {
					t.Fatal(err)
				}
			}
			sample(time.Unix(1002, 0), time.Unix(1000, 0), 500_000e9) // late, and rates are those of the time between two reads
			want := change(t, dir, path)
			sample(time.Unix(1010, 0), time.Unix(1010, 0), 500_016e9)
			if diff := cmp.Diff(want, string(lines.Bytes())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// change writes the files of an archive over those of a recording, which are held open, and returns the lines that the archive has.
func change(t *testing.T, dir, path string) (want string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return want
}
