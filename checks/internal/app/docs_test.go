package app

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/docs"
	"nezuban/packaging/testenv"
)

// TestDocsExamples loads every checks-agent.toml of the documentation, with a secret wherever one names a file or a
// variable.
func TestDocsExamples(t *testing.T) {
	examples, err := docs.Examples("checks.md", "checks-agent.toml")
	if err != nil {
		t.Fatal(err)
	}
	authority := testenv.NewAuthority(t)
	env := environment(map[string]string{"INFLUX_TOKEN": "secret"})
	for _, text := range examples {
		dir := t.TempDir()
		for _, name := range []string{"sentry.dsn", "read.token", "ingest.token"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "dead-man.url"), []byte("https://example.org/hook\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(authority.File, filepath.Join(dir, "ca.pem")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "checks-agent.toml")
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
	documented, err := docs.Cells("checks.md", "key in checks-agent.toml")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	slices.Sort(documented)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/checks.md (-known +documented):\n%s", diff)
	}
}
