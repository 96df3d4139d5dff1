// Package escape writes text that people chose, such as their names, where it could be taken for something else.
//
// The commands of nezuban-oncall use it for what goes into pull requests and spreadsheets. It never changes what is
// read there.
package escape

import (
	"strings"
	"unicode"
)

// Markdown is text as it stands in a paragraph or a table cell of GitHub's Markdown: nothing in it marks up, links,
// mentions a person or an issue, or ends the cell.
func Markdown(text string) string {
	text = Plain(text)
	var out strings.Builder
	for i, r := range text {
		switch {
		case (r == ':' || r == '.') && inNumber(text, i):
			out.WriteRune(r)
		case r == '@' || r == '#': // mentions are looked for after escapes are undone; an empty comment parts them
			out.WriteRune('\\')
			out.WriteRune(r)
			out.WriteString("<!-- -->")
		case r > ' ' && r < 0x7f && strings.ContainsRune("!$&*.:<>[\\]^_`{|}~", r):
			out.WriteRune('\\')
			out.WriteRune(r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// inNumber reports whether what is at i stands between digits: it makes no link and no emoji, and times stay legible.
func inNumber(text string, i int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	return digit(i-1) && digit(i+1)
}

// Plain is text on one line without what could steer a terminal, or turn text around: white space becomes a blank.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) && r != '\u200d': // which joins two pictures to one
			return -1
		}
		return r
	}, text)
}

// CSV is text as one cell of a spreadsheet that must not take it for a formula. The quotes of the format are the
// business of encoding/csv.
func CSV(text string) string {
	text = Plain(text)
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		return "'" + text
	}
	return text
}
