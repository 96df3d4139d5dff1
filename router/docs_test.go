package main

import (
	"regexp"
	"strings"
	"testing"

	"nezuban/docs"
)

// TestDocsNameEveryCommand compares the usage with the table of commands in docs/router.md: the same commands, with the
// same flags.
func TestDocsNameEveryCommand(t *testing.T) {
	page, err := docs.Page("router.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`\B-[a-z]+`)
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `nezuban-router ([^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		documented[commandOf(row[1])] = flags.FindAllString(row[1], -1)
	}
	for line := range strings.Lines(usage) {
		text, ok := strings.CutPrefix(line, "  nezuban-router ")
		if !ok {
			continue
		}
		said, known := documented[commandOf(text)]
		text, _, _ = strings.Cut(text, "  list ") // what it does may follow
		if want := flags.FindAllString(text, -1); !known || strings.Join(want, " ") != strings.Join(said, " ") {
			t.Errorf("%s has %q in the usage, and %q on the page", commandOf(text), want, said)
		}
		delete(documented, commandOf(text))
	}
	for name := range documented {
		t.Errorf("the page has %s, the usage has not", name)
	}
}

// commandOf is the name of a command, with its verb if it has one.
func commandOf(text string) string {
	words := strings.Fields(text)
	if len(words) > 1 && (words[0] == "silence" || words[0] == "state") {
		return words[0] + " " + words[1]
	}
	return words[0]
}
