package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/daemon"
	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/docs"
	"nezuban/packaging/testenv"
)

// TestDocsExamples loads every agent.toml of the documentation, with a secret wherever one names a file or a variable.
func TestDocsExamples(t *testing.T) {
	examples, err := docs.Examples("agent.md", "agent.toml")
	if err != nil {
		t.Fatal(err)
	}
	authority := testenv.NewAuthority(t)
	cert, key := authority.Issue("agent")
	env := func(key string) (string, bool) { return "https://key@sentry.example/1", key != "" }
	for _, text := range examples {
		dir := t.TempDir()
		for _, name := range []string{"sentry.dsn", "influxdb.token", "influxdb.password", "router.token", "events.key"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("a secret of thirty-two characters"[:32]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for name, from := range map[string]string{"ca.pem": authority.File, "agent.pem": cert, "agent-key.pem": key} {
			if err := os.Link(from, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, "agent.toml")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "/etc/nezuban", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadConfig(path, env); err != nil {
			t.Errorf("%v\nin\n%s", err, text)
		}
	}
}

// TestDocsNameEveryKey compares the table of keys with what the loader knows.
func TestDocsNameEveryKey(t *testing.T) {
	known, _ := docs.Keys(reflect.TypeFor[file](), nil)
	documented, err := docs.Cells("agent.md", "key in agent.toml")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	slices.Sort(documented)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/agent.md (-known +documented):\n%s", diff)
	}
}

// TestDocsNameEveryFigure compares the table of /metrics with what an agent has there of its own.
func TestDocsNameEveryFigure(t *testing.T) {
	var text bytes.Buffer
	daemon.Main(daemon.Options{Name: "nezuban-agent", LogLevel: "error"}, func(_ context.Context, d *daemon.Daemon) error {
		influx.NewWriter([]influx.Output{{Name: "a", URLs: []string{"http://127.0.0.1:1"}}}, influx.WriterOptions{Log: d.Log, Metrics: d.Metrics})
		deadman.New(deadman.Config{Output: "a", StateDir: t.TempDir()}, d, nil)
		d.Metrics.WritePrometheus(&text)
		return nil
	})
	var known []string
	for line := range strings.Lines(text.String()) {
		known = append(known, regexp.MustCompile(`^[a-z_]+`).FindString(line))
	}
	documented, err := docs.Cells("agent.md", "figure")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	slices.Sort(documented)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/agent.md (-known +documented):\n%s", diff)
	}
}
