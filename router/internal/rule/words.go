package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// words is a summary with places for labels and figures, such as "{container_name} uses {value} %". It is not a
// template language: nothing in it can fail or run long once it is parsed.
type words []word

type word struct {
	text  string
	place bool // text is the name of what goes here
}

// parseWords reads a summary. known are the names that may stand in braces; another one is an error worded as what was
// expected.
func parseWords(text string, known []string) (words, error) {
	var ws words
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if before != "" {
			ws = append(ws, word{text: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !slices.Contains(known, name) {
			return nil, fmt.Errorf("only {%s} in braces", strings.Join(known, "}, {"))
		}
		ws = append(ws, word{text: name, place: true})
		text = after
	}
	return ws, nil
}

// fill puts the summary together; what is in neither map stays empty.
func (ws words) fill(labels, figures map[string]string) string {
	var b strings.Builder
	for _, w := range ws {
		switch {
		case !w.place:
			b.WriteString(w.text)
		case figures[w.text] != "":
			b.WriteString(figures[w.text])
		default:
			b.WriteString(labels[w.text])
		}
	}
	return clip(b.String())
}

// number writes a figure as people do, with at most four significant digits after large ones are kept whole.
func number(f float64) string {
	if f == float64(int64(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', max(4, len(strconv.FormatInt(int64(f), 10))+1), 64)
}

// span writes a length of time without empty parts: 5m, 1h30m, 1.5s.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
