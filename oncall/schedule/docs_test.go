package schedule

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/docs"
)

const docsPage = "oncall.md"

// TestDocsExamples parses every rotation file of the documentation.
func TestDocsExamples(t *testing.T) {
	examples, err := docs.Examples(docsPage, "oncall.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range examples {
		if _, err := Parse("oncall.toml", []byte(text)); err != nil {
			t.Errorf("%v\nin\n%s", err, text)
		}
	}
}

// TestDocsNameEveryKey compares the tables of keys, and of those that are refused as not built, with what the parser
// knows.
func TestDocsNameEveryKey(t *testing.T) {
	known, refused := docs.Keys(reflect.TypeFor[rawFile](), reflect.TypeFor[unbuilt]())
	for heading, want := range map[string][]string{"key in oncall.toml": known, "refused in oncall.toml": refused} {
		documented, err := docs.Cells(docsPage, heading)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		slices.Sort(documented)
		if diff := cmp.Diff(want, documented); diff != "" {
			t.Errorf("docs/%s, %q (-known +documented):\n%s", docsPage, heading, diff)
		}
	}
}

// TestDocsNameEveryChannel compares the table of the contacts with the channels.
func TestDocsNameEveryChannel(t *testing.T) {
	documented, err := docs.Cells(docsPage, "channel")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Channels(), documented); diff != "" {
		t.Errorf("docs/%s (-known +documented):\n%s", docsPage, diff)
	}
}
