package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nezuban/docs"
)

// TestEveryExampleNamesItsFile makes sure that no example escapes the loaders' tests, which look for theirs by name.
func TestEveryExampleNamesItsFile(t *testing.T) {
	files := []string{"agent.toml", "checks-agent.toml", "checks.toml", "contacts.toml", "oncall.toml", "router.toml"}
	for _, page := range pages(t) {
		text, err := docs.Page(page)
		if err != nil {
			t.Fatal(err)
		}
		fences := docs.Fences(text)
		if opened := strings.Count(text, "```toml"); opened != len(fences) {
			t.Errorf("%s: %d fences begin with ```toml, %d can be read", page, opened, len(fences))
		}
		for _, fence := range fences {
			first, _, _ := strings.Cut(fence, "\n")
			if !slices.Contains(files, strings.TrimPrefix(first, "# ")) {
				t.Errorf("%s: an example begins with %q, expected a comment with one of %q", page, first, files)
			}
		}
	}
}

// TestLinks follows the links from page to page.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, page := range pages(t) {
		text, err := docs.Page(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), found[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("%d pages, %v", len(names), err)
	}
	return names
}
