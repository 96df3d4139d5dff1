package sentry

import (
	"strings"
	"unicode"
)

// Template is what stays of a message when its values are taken out: every word that holds a digit, an address or
// a place in a URL becomes `#`, and what stands in quotes becomes `"#"`. At most two lines count.
func Template(message string) string {
	var lines []string
	for l := range strings.Lines(message[:min(len(message), 4096)]) {
		if l = strings.TrimSpace(unquoted(l)); l == "" {
			continue
		}
		words := strings.Fields(l)
		for i, w := range words {
			words[i] = word(w)
		}
		if lines = append(lines, strings.Join(words, " ")); len(lines) == 2 {
			break
		}
	}
	return strings.Join(lines, " ")
}

// word takes the value out of one word, and leaves the punctuation around it and a name with `=` before it.
func word(w string) string {
	if name, value, ok := strings.Cut(w, "="); ok && name != "" && value != "" {
		return name + "=#"
	}
	isData := strings.ContainsFunc(w, unicode.IsDigit) || strings.Contains(w, "@") || strings.Contains(w, "://")
	if !isData {
		return w
	}
	core := strings.TrimFunc(w, unicode.IsPunct)
	if core == "" {
		return "#"
	}
	before, after, _ := strings.Cut(w, core)
	return before + "#" + after
}

// unquoted replaces what stands between two of the same quotes. An apostrophe within a word is no quote.
func unquoted(s string) string {
	var out strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "\"'`")
		if i < 0 {
			break
		}
		end := closing(s, i)
		if end < 0 {
			out.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		out.WriteString(s[:i] + `"#"`)
		s = s[end+1:]
	}
	return out.String() + s
}

// closing is where the quote that opens at i closes again, or -1 when it opens none.
func closing(s string, i int) int {
	if i > 0 && isWord(s[i-1]) {
		return -1
	}
	for j := i + 1; j < len(s); j++ {
		if s[j] == s[i] && (j+1 == len(s) || !isWord(s[j+1])) {
			return j
		}
	}
	return -1
}

func isWord(b byte) bool {
	return b == '_' || b >= 0x80 || unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b))
}
