package check

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/docs"
)

// TestDocsExamples parses every checks.toml of the documentation.
func TestDocsExamples(t *testing.T) {
	examples, err := docs.Examples("checks.md", "checks.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range examples {
		if checks, err := Parse("checks.toml", []byte(text)); err != nil || len(checks) == 0 {
			t.Errorf("%d checks, %v\nin\n%s", len(checks), err, text)
		}
	}
}

// TestDocsNameEveryKey compares the table of keys with what the parser knows.
func TestDocsNameEveryKey(t *testing.T) {
	known, _ := docs.Keys(reflect.TypeFor[file](), nil)
	documented, err := docs.Cells("checks.md", "key in checks.toml")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	slices.Sort(documented)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/checks.md (-known +documented):\n%s", diff)
	}
}
