package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/docs"
	"nezuban/oncall/internal/lint"
)

// TestDocsNameEveryKind compares the table of findings with the kinds that there are.
func TestDocsNameEveryKind(t *testing.T) {
	cells, err := docs.Cells("oncall.md", "kind of finding")
	if err != nil {
		t.Fatal(err)
	}
	var documented, known []string
	for _, cell := range cells {
		for kind := range strings.SplitSeq(cell, ", ") {
			documented = append(documented, strings.Trim(kind, "`"))
		}
	}
	for _, kind := range lint.Kinds() {
		known = append(known, string(kind))
	}
	slices.Sort(known)
	slices.Sort(documented)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/oncall.md (-known +documented):\n%s", diff)
	}
}
