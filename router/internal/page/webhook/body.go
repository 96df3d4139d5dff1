package webhook

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"nezuban/router/internal/page"
)

// version is that of the body: what is there keeps its meaning, new fields may come.
const version = 1

const (
	nameMax   = 100 // characters of a person, a rule, a label's name
	valueMax  = 300 // characters of a label's value and of the reason
	labelsMax = 50  // the first by name are sent
)

type body struct {
	Version   int       `json:"version"`
	Type      string    `json:"type"` // page.trigger, page.update, page.acknowledge, page.resolve
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Page     string   `json:"page"` // id of the page: that of the header webhook-id
	Repeat   bool     `json:"repeat"`
	Person   string   `json:"person"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	Why      string   `json:"why"`
	Incident incident `json:"incident"`
}

type incident struct {
	ID       string            `json:"id"`
	Rule     string            `json:"rule"`
	Severity string            `json:"severity"`
	URL      string            `json:"url"`
	Runbook  string            `json:"runbook,omitempty"`
	Source   string            `json:"source,omitempty"`
	Labels   map[string]string `json:"labels"`
}

// Body is the JSON of a message; docs/router.md describes it. Every text is bounded and free of control characters, the
// line breaks of "text" apart.
func Body(m page.Message, now time.Time) ([]byte, error) {
	b := body{
		Version: version, Type: "page." + page.Line(string(m.Kind), nameMax), Timestamp: now.UTC().Truncate(time.Second),
		Data: data{
			Page: page.Line(m.PageID, page.TitleMax), Repeat: m.Repeat,
			Title: page.Line(m.Title, page.TitleMax), Text: page.Lines(m.Text, page.TextMax), Why: page.Line(m.Why, valueMax),
			Incident: incident{
				ID: page.Line(m.IncidentID, nameMax), Rule: page.Line(m.Rule, nameMax), Severity: page.Line(string(m.Severity), nameMax),
				URL: page.Line(m.URL, page.TextMax), Runbook: page.Line(m.Runbook, page.TextMax), Source: page.Line(m.Source, page.TextMax), Labels: labels(m.Labels),
			},
		},
	}
	if len(m.People) > 0 {
		b.Data.Person = page.Line(m.People[0].Person, nameMax)
	}
	return json.Marshal(b)
}

func labels(all map[string]string) map[string]string {
	kept := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i == labelsMax {
			break
		}
		kept[page.Line(name, nameMax)] = page.Line(all[name], valueMax)
	}
	return kept
}
