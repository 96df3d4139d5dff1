// Package docs is the configuration reference as text, for the tests that keep it true: the test of each loader loads
// every example of its file, and compares the tables of keys with the settings that it knows.
//
// Only tests import it.
package docs

import (
	"embed"
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

//go:embed *.md runbooks/*.md
var pages embed.FS

// Page is the text of a page of this folder, such as "router.md".
func Page(name string) (string, error) {
	text, err := pages.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read page: %w", err)
	}
	return string(text), nil
}

// Examples are the examples of a configuration file in a page, in order: the ```toml fences whose first line is a
// comment with the file's name, such as "# router.toml". A page without one is an error.
func Examples(page, file string) ([]string, error) {
	text, err := Page(page)
	if err != nil {
		return nil, err
	}
	var examples []string
	for _, fence := range Fences(text) {
		if first, _, _ := strings.Cut(fence, "\n"); first == "# "+file {
			examples = append(examples, fence)
		}
	}
	if len(examples) == 0 {
		return nil, fmt.Errorf("page %s: found no example of %s", page, file)
	}
	return examples, nil
}

// Fences are the contents of the ```toml fences of a text.
func Fences(text string) []string {
	var fences []string
	for {
		_, rest, found := strings.Cut(text, "\n```toml\n")
		if !found {
			return fences
		}
		fence, after, _ := strings.Cut(rest, "\n```\n")
		fences = append(fences, fence+"\n")
		text = "\n" + after
	}
}

// Cells are the first cells, without their backticks, of all tables of a page whose first column has the given
// heading, in order. A page without such a table is an error.
func Cells(page, heading string) ([]string, error) {
	text, err := Page(page)
	if err != nil {
		return nil, err
	}
	var cells []string
	found, inside := false, false
	for line := range strings.Lines(text) {
		row, isRow := strings.CutPrefix(line, "| ")
		cell, _, _ := strings.Cut(row, " |")
		switch {
		case cell == heading && isRow:
			found, inside = true, true
		case !isRow:
			inside = inside && strings.HasPrefix(line, "|-")
		case inside:
			cells = append(cells, strings.Trim(cell, "`"))
		}
	}
	if !found {
		return nil, fmt.Errorf("page %s: found no table with the column %q", page, heading)
	}
	return cells, nil
}

// Keys are the keys that a loader's settings know by their toml tags, in the order of the fields: `ingest.max_bytes`,
// `rule.id` for a key of each [[rule]], `people.NAME.zone` for a key of tables that are named freely. Keys of type apart,
// which may be nil, come as the second result.
func Keys(settings, apart reflect.Type) (keys, others []string) {
	walk(settings, "", func(key string, t reflect.Type) {
		if t == apart {
			others = append(others, key)
			return
		}
		keys = append(keys, key)
	})
	return keys, others
}

// walk calls found for each key at or below a type.
func walk(t reflect.Type, key string, found func(key string, t reflect.Type)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Map && holder(t.Elem()):
		walk(t.Elem(), key+".NAME", found)
	case !holder(t):
		found(key, t)
	default:
		for field := range t.Fields() {
			tag, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
			switch {
			case tag != "" && key != "":
				walk(field.Type, key+"."+tag, found)
			case tag != "":
				walk(field.Type, tag, found)
			case field.Anonymous:
				walk(field.Type, key, found)
			}
		}
	}
}

// holder says that a type is written as a table of keys.
func holder(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
