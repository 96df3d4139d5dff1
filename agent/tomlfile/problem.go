package tomlfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxShown bounds how much of an offending text a message repeats, in bytes.
const maxShown = 80

// Problem is one mistake in a file, said so that its writer can mend it
// without reading our code.
type Problem struct {
	File     string // as given to Decode or Read
	Line     int    // from 1; 0 when no line is to blame
	Key      string // such as rule[2].for; empty for the file as a whole
	Found    string // what stands there; text already in quotes
	Expected string // what would have been right, as a noun: `a duration like "5m"`
}

// Error is such as
//
//	router.toml:12: rule[2].for: found "5", expected a duration like "5m"
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	fmt.Fprintf(&b, "found %s, expected %s", p.Found, p.Expected)
	return b.String()
}

// Problems are all mistakes of one reading. The zero value has none; return
// [Problems.Err] as an error, never Problems itself.
type Problems []Problem

// Error lists the problems by file and line, one per line of text.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps.sorted() {
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

// Err is nil when there are no problems, else the problems sorted by file and line.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps.sorted()
}

// sorted keeps the order of problems that share a line.
func (ps Problems) sorted() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return out
}

// keyText writes a path as people do: schedule.api.layers[1].who.
func keyText(path []any) string {
	var b strings.Builder
	for _, step := range path {
		if i, ok := step.(int); ok {
			fmt.Fprintf(&b, "[%d]", i)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(keyPart(fmt.Sprint(step)))
	}
	return b.String()
}

// keyPart quotes a key that could not stand bare in the file.
func keyPart(key string) string {
	bare := key != "" && strings.IndexFunc(key, func(r rune) bool { return !isBare(r) }) < 0
	if bare {
		return key
	}
	return quote(key)
}

// phrase is something found that needs no quotes, in words of ours.
type phrase string

// describe says what was found in the words of the file, not of Go.
func describe(found any) string {
	switch v := found.(type) {
	case nil:
		return "nothing"
	case string:
		return quote(v)
	case phrase:
		return string(v)
	case map[string]any:
		return "a table"
	case []any:
		if len(v) == 0 {
			return "an empty list"
		}
		return "a list"
	case []map[string]any:
		return "a list of tables"
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// empty says that a value is a text or a list with nothing in it.
func empty(found any) bool {
	switch v := found.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

func quote(s string) string {
	if len(s) > maxShown {
		return strconv.Quote(s[:maxShown]) + "…"
	}
	return strconv.Quote(s)
}
