package wording

import (
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// View is what a template sees of a message. Texts from senders are bounded and hold no control characters. The fields keep
// their meaning; new ones may come.
type View struct {
	Kind     string // trigger, update, acknowledge, resolve
	Word     string // TRIGGERED, UPDATED, ACKNOWLEDGED, RESOLVED
	Channel  string // pagerduty, sms, call, email, slack, webhook, terminal
	People   []string
	ID       string // of the incident
	Severity string // page, ticket, info
	Repeat   bool   // it may have been sent already

	Summary   string   // what is the matter, of the alert that fired first; never empty
	Summaries []string // of all alerts, that one first
	Labels    map[string]string
	Where     string // host=web1 container=shop
	Since     time.Time
	Rule      string
	Reason    string // why now
	Again     string // why it calls anew
	By        string // who acknowledged or resolved
	Why       string // why this person
	Before    []Change
	Runbook   string
	Source    string // URL of what the alert comes from, such as a graph
	URL       string // of the incident in the console
	AckURL    string // where this person can acknowledge

	Title, Text string // the built-in words
}

// Change is something that was changed on the host shortly before.
type Change struct {
	At   time.Time
	Ago  string // 12s before, 3m before
	Text string // container shop was replaced: shop:1.4 → shop:1.5
}

// Bounds of what a template sees.
const (
	textMax  = 500 // characters
	labelMax = 100
	countMax = 50 // labels, and alerts
)

// ViewOf is the view of a message with its built-in words, about to be sent by a channel.
func ViewOf(m page.Message, f page.Facts, channel string) View {
	plain := func(text string) string { return page.Line(text, textMax) }
	v := View{
		Kind: string(m.Kind), Word: m.Kind.Word(), Channel: channel, ID: plain(m.IncidentID), Severity: string(m.Severity), Repeat: m.Repeat,
		Labels: labels(f.Labels), Where: page.Where(f.Labels), Since: f.Since, Rule: plain(f.Rule), Reason: plain(f.Reason), Again: plain(f.Again), By: plain(f.By),
		Why: plain(f.Why), Runbook: plain(f.Runbook), Source: plain(f.Source), URL: plain(f.URL), AckURL: plain(f.AckURL), Title: m.Title, Text: m.Text,
		Before: changes(f.Since, f.Before),
	}
	for _, to := range m.People {
		v.People = append(v.People, plain(to.Person))
	}
	for _, summary := range f.Summaries[:min(len(f.Summaries), countMax)] {
		v.Summaries = append(v.Summaries, plain(summary))
	}
	if v.Summary = page.NoSummary; len(v.Summaries) > 0 && v.Summaries[0] != "" {
		v.Summary = v.Summaries[0]
	}
	return v
}

func labels(all map[string]string) map[string]string {
	kept := make(map[string]string, min(len(all), countMax))
	for name, value := range all {
		if len(kept) == countMax {
			break
		}
		kept[page.Line(name, labelMax)] = page.Line(value, labelMax)
	}
	return kept
}

func changes(since time.Time, marks []incident.Mark) []Change {
	var all []Change
	for _, mark := range marks[:min(len(marks), countMax)] {
		all = append(all, Change{At: mark.At, Ago: page.Ago(since, mark.At), Text: page.Line(mark.Text, textMax)})
	}
	return all
}
