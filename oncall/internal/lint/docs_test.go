package lint_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/docs"
	"nezuban/oncall/internal/lint"
	"nezuban/oncall/schedule"
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

// TestDocsFollowTheSun holds what docs/oncall.md says of its example against it, and finds nothing in it.
func TestDocsFollowTheSun(t *testing.T) {
	examples, err := docs.Examples("oncall.md", "oncall.toml")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(examples, func(text string) bool { return strings.Contains(text, "[schedule.world]") })
	if i < 0 {
		t.Fatal("the example is not there")
	}
	if found, _ := judge(t, examples[i]); len(found) > 0 {
		t.Errorf("check finds:\n%s", strings.Join(found, "\n"))
	}
	off := strings.Replace(examples[i], `cover = { on = "world", by = "greta", for = "hans"`, `off = { who = "hans"`, 1)
	if _, kinds := judge(t, off); !slices.Equal(kinds, []lint.Kind{lint.KindFewer}) {
		t.Errorf("with an off check finds %v", kinds)
	}
	f, err := schedule.Parse("oncall.toml", []byte(examples[i]))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		month     time.Month
		day, hour int
		want      string
	}{
		{2, 25, 3, "hans, kim"},
		{2, 25, 10, "ingrid"},
		{2, 25, 17, "joe"},
		{2, 28, 12, "greta, kim"},
		{3, 2, 3, "hans, kim"},
		{3, 18, 15, "joe"},
	} {
		answer, err := f.Who("world", schedule.Clock(2026, test.month, test.day, test.hour, 0, f.Zone()))
		if got := strings.Join(answer.People, ", "); err != nil || got != test.want {
			t.Errorf("%s %d, %d:00: %q, %v, want %q", test.month, test.day, test.hour, got, err, test.want)
		}
	}
}
