package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// How long the texts of a message may get, in characters. A channel may shorten them further, never lengthen.
const (
	TitleMax = 200
	TextMax  = 2000

	lineMax      = 300 // one line of the text
	valueMax     = 100 // one label's value
	summariesMax = 5   // alerts named one by one in the text
)

// Facts is what a message is composed from. Summaries and Labels come from senders and are treated as data.
type Facts struct {
	Summaries []string          // what is the matter, one per alert; the first leads
	Labels    map[string]string // of the incident, see [Where]
	Rule      string            // why the message was sent
	Since     time.Time         // when it began, shown in its own time zone; zero: left out
	By        string            // who acknowledged or resolved; "": nobody in particular
	Why       string            // why to this person; "": nobody is woken by it
	URL       string            // of the incident in the console; "": none is configured
}

// Words composes the two texts of a message: a title of one line that says what is the matter, and a text that says
// what, where, since when, by which rule, and why to this person, a line each. Both hold no control characters (the
// text's own line breaks apart) and are bounded by [TitleMax] and [TextMax].
func Words(f Facts) (title, text string) {
	what := "no summary was given"
	if len(f.Summaries) > 0 && Line(f.Summaries[0], 1) != "" {
		what = f.Summaries[0]
	}
	title = Line(what, TitleMax)
	if others := len(f.Summaries) - 1; others > 0 {
		more := fmt.Sprintf(" (and %d more)", others)
		title = Line(what, TitleMax-len(more)) + more
	}

	lines := []string{Line(what, lineMax)}
	for i := 1; i < len(f.Summaries); i++ {
		if i == summariesMax {
			lines = append(lines, fmt.Sprintf("and %d more", len(f.Summaries)-i))
			break
		}
		lines = append(lines, "and: "+Line(f.Summaries[i], lineMax))
	}
	said := func(word, what string) {
		if what = Line(what, lineMax); what != "" {
			lines = append(lines, word+": "+what)
		}
	}
	said("where", Where(f.Labels))
	if !f.Since.IsZero() {
		said("since", f.Since.Format("2006-01-02 15:04:05 MST"))
	}
	said("rule", f.Rule)
	said("by", f.By)
	said("why you", f.Why)
	said("see", f.URL)
	return title, bound(strings.Join(lines, "\n"), TextMax)
}

// Where names the place that labels speak of, in fixed order: `host=web1 container=shop`. Labels that name no place are
// left out, and a value that is not one plain word stands in quotes, so that it cannot pass for another label.
func Where(labels map[string]string) string {
	var parts []string
	for _, place := range [...]struct{ label, word string }{
		{"host", "host"},
		{"container_name", "container"},
		{"check", "check"},
		{"target", "target"},
		{"location", "location"},
		{"project", "project"},
	} {
		value := Line(labels[place.label], valueMax)
		if value == "" {
			continue
		}
		if strings.ContainsAny(value, " =\"[]") {
			value = strconv.Quote(value)
		}
		parts = append(parts, place.word+"="+value)
	}
	return strings.Join(parts, " ")
}
