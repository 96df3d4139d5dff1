package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nezuban/router/internal/incident"
)

// How long the texts of a message may get, in characters. A channel may shorten them further, never lengthen.
const (
	TitleMax = 200
	TextMax  = 2000

	lineMax      = 300 // one line of the text
	addressMax   = 500 // one with the address of a runbook or a source: cut, it would lead nowhere
	valueMax     = 100 // one label's value
	summariesMax = 5   // alerts named one by one in the text
	marksMax     = 5   // changes named in the text
)

// NoSummary stands for the summary of an alert that has none.
const NoSummary = "no summary was given"

// Facts is what a message is composed from. Summaries, Labels, Reason and Before come from senders and are treated as data.
type Facts struct {
	Kind      Kind
	Severity  incident.Severity
	Summaries []string          // what is the matter, one per alert; the first leads
	More      int               // alerts besides, of which there is only the number
	Labels    map[string]string // of the incident, see [Where]
	Rule      string            // which rule spoke
	Reason    string            // why it spoke now: the value and the limit; "": it did not say
	Again     string            // why it calls anew, such as a snooze that is over; "": it calls for the first time
	Since     time.Time         // when it began, shown in its own time zone; zero: left out
	Before    []incident.Mark   // what changed on the host just before, the newest first
	By        string            // who acknowledged or resolved; "": nobody in particular
	Why       string            // why to this person; "": nobody is woken by it
	Runbook   string            // URL of what to do; "": the rule names none
	Source    string            // URL of what the alert comes from, such as a graph; "": its sender named none
	AckURL    string            // where this person can acknowledge; "": nowhere
	URL       string            // of the incident in the console; "": none is configured
}

// FactsOf are the facts about an incident for a message of the given kind. Why now, what changed before and what to do
// are for those who are asked to look.
func FactsOf(inc incident.Incident, kind Kind) Facts {
	lead := inc.Lead()
	f := Facts{Kind: kind, Severity: inc.Severity, Summaries: inc.Summaries(), More: inc.Further(), Labels: lead.Labels, Rule: lead.Rule, Since: lead.First}
	switch kind {
	case KindTrigger, KindUpdate:
		f.Reason, f.Before, f.Runbook, f.Source, f.Again = lead.Reason, lead.Before, lead.Runbook, lead.Source, inc.Again
	case KindAcknowledge:
		f.By = inc.AcknowledgedBy
	case KindResolve:
		f.By = inc.ResolvedBy
	}
	return f
}

// Draft is a message about an incident with its built-in words, and the facts that they say: why is why it goes to whom it
// goes, url where the incident is shown. The page's id, the people and whether it is a repeat are the caller's to set.
func Draft(inc incident.Incident, kind Kind, why, url string) (Message, Facts) {
	f := FactsOf(inc, kind)
	f.URL = url
	if kind == KindTrigger {
		f.Why = why
	}
	m := Message{
		Kind: kind, IncidentID: inc.ID, Rule: f.Rule, Severity: f.Severity, Labels: f.Labels, Why: why, URL: url, Runbook: f.Runbook, Source: f.Source,
	}
	m.Title, m.Text = Words(f)
	return m, f
}

// Words composes the two texts of a message: a title of one line that says what is the matter, and a text that says
// what, where, since when, why now, why to this person, what to do and what changed just before, a line each. Both hold no
// control characters (the text's own line breaks apart) and are bounded by [TitleMax] and [TextMax].
func Words(f Facts) (title, text string) {
	what := NoSummary
	if len(f.Summaries) > 0 && Line(f.Summaries[0], 1) != "" {
		what = f.Summaries[0]
	}
	title = Line(what, TitleMax)
	if others := len(f.Summaries) - 1 + f.More; others > 0 {
		more := fmt.Sprintf(" (and %d more)", others)
		title = Line(what, TitleMax-len(more)) + more
	}

	lines := []string{Line(what, lineMax)}
	named := min(len(f.Summaries), summariesMax)
	for i := 1; i < named; i++ {
		lines = append(lines, "and: "+Line(f.Summaries[i], lineMax))
	}
	if others := len(f.Summaries) - max(named, 1) + f.More; others > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", others))
	}
	sayUpTo := func(most int, word, what string) {
		if what = Line(what, most); what != "" {
			lines = append(lines, word+": "+what)
		}
	}
	said := func(word, what string) { sayUpTo(lineMax, word, what) }
	said("where", Where(f.Labels))
	if !f.Since.IsZero() {
		said("since", f.Since.Format("2006-01-02 15:04:05 MST"))
	}
	if f.Reason != "" {
		said("why now", "rule "+f.Rule+": "+f.Reason)
	} else {
		said("rule", f.Rule)
	}
	said("again", f.Again)
	said("by", f.By)
	said("why you", f.Why)
	sayUpTo(addressMax, "runbook", f.Runbook)
	sayUpTo(addressMax, "source", f.Source)
	said("acknowledge", f.AckURL)
	said("see", f.URL)
	for i, mark := range f.Before {
		if i == marksMax {
			break
		}
		said("changed "+Ago(f.Since, mark.At), mark.Text)
	}
	return title, bound(strings.Join(lines, "\n"), TextMax)
}

// Ago says how long before a time another one was: `12s before`, `3m before`. One that was not before it, or has nothing to
// be before, is given as it is.
func Ago(of, at time.Time) string {
	switch d := of.Sub(at); {
	case of.IsZero() || d < 0:
		return at.UTC().Format("at 15:04:05 UTC")
	case d < time.Minute:
		return fmt.Sprintf("%ds before", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm before", d/time.Minute)
	default:
		return fmt.Sprintf("%dh%dm before", d/time.Hour, d%time.Hour/time.Minute)
	}
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
		{"instance", "instance"}, // this and the next two are Prometheus' own
		{"namespace", "namespace"},
		{"pod", "pod"},
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
