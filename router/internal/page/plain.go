package page

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes one line of at most limit characters out of a text that a sender chose: all white space, line breaks too,
// becomes single spaces; control and format characters (terminal escapes, text direction, zero width) are dropped;
// bytes that are not UTF-8 become U+FFFD. What is cut off is marked by "…".
func Line(s string, limit int) string {
	var b strings.Builder
	room := limit + 1 // one more than fits tells that something must be cut
	gap := false
	for _, r := range s {
		if room == 0 {
			break
		}
		switch {
		case unicode.IsSpace(r):
			gap = b.Len() > 0
			continue
		case !unicode.IsPrint(r):
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
			if room--; room == 0 {
				break
			}
		}
		b.WriteRune(r)
		room--
	}
	return bound(b.String(), limit)
}

// Lines does the same for a text of several lines: each is made plain on its own and empty ones go.
func Lines(s string, limit int) string {
	var kept []string
	for line := range strings.Lines(s) {
		if line = Line(line, limit); line != "" {
			kept = append(kept, line)
		}
	}
	return bound(strings.Join(kept, "\n"), limit)
}

// bound cuts s to at most limit characters, the last of which is then "…".
func bound(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	kept := 0
	for i := range s {
		if kept++; kept == limit {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return ""
}
