// Package reach says whom an incident has reached, from its outbox. The router's app, which shows it and tells the outside
// when nobody is, calls it; nothing here decides who is paged.
package reach

import (
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/incident"
)

// Reach is whom the present escalation of an incident has reached. Its JSON form is part of the API: fields are only added.
type Reach struct {
	NobodyReached bool      `json:"nobody_reached,omitempty"` // it asks somebody to act now, and no message has arrived
	Reached       []Receipt `json:"reached,omitempty"`        // in the order of the messages, each once
}

// Receipt is a person and a channel by which a message was taken for them.
type Receipt struct {
	Person  string `json:"person"`
	Channel string `json:"channel"`
}

// By names them for people: "alice by sms, bob by pagerduty"; "" for nobody.
func (r Reach) By() string {
	parts := make([]string, 0, len(r.Reached))
	for _, receipt := range r.Reached {
		parts = append(parts, receipt.Person+" by "+receipt.Channel)
	}
	return strings.Join(parts, ", ")
}

// Listed is an incident as the API has it.
type Listed struct {
	incident.Incident
	Reach
	LeadKey string `json:"lead,omitempty"` // of the alert that speaks for it, see [incident.Incident.Lead]; "" from older routers
}

// ListedAs is an incident with whom it has reached.
func ListedAs(inc incident.Incident, r Reach) Listed {
	l := Listed{Incident: inc, Reach: r}
	if len(inc.Alerts) > 0 {
		l.LeadKey = inc.Lead().Key
	}
	return l
}

// Lead is the alert that speaks for the incident, as the router has said, which may be of another release.
func (l Listed) Lead() incident.AlertState {
	if a, ok := l.Alerts[l.LeadKey]; ok || len(l.Alerts) == 0 {
		return a
	}
	return l.Incident.Lead()
}

// Find looks up a message of any incident; false when its incident is closed.
type Find func(incident.RowKey) (incident.Row, bool)

// Of is the reach of an incident with these messages.
func Of(inc incident.Incident, rows []incident.Row, find Find) Reach {
	var r Reach
	for _, row := range asking(inc, rows) {
		if !arrived(row, find) {
			continue
		}
		for _, person := range row.People {
			if receipt := (Receipt{person, row.Channel}); !slices.Contains(r.Reached, receipt) {
				r.Reached = append(r.Reached, receipt)
			}
		}
	}
	r.NobodyReached = len(r.Reached) == 0 && inc.Severity == incident.SeverityPage && inc.State == incident.Triggered && !inc.Quiet()
	return r
}

// Tried is since when it has been tried to reach somebody in the present escalation; zero: not yet.
func Tried(inc incident.Incident, rows []incident.Row) time.Time {
	var since time.Time
	for _, row := range asking(inc, rows) {
		began := row.FirstTry
		if began.IsZero() { // of an older release
			began = row.NotBefore
		}
		if row.Attempt > 0 && !row.Held && (since.IsZero() || began.Before(since)) {
			since = began
		}
	}
	return since
}

// asking lists the messages of the present escalation that ask somebody to look. What was sent before it began anew reaches
// nobody now.
func asking(inc incident.Incident, rows []incident.Row) []incident.Row {
	var list []incident.Row
	for _, row := range rows {
		if row.Kind == incident.MessageTrigger && !row.Created.Before(inc.Progress.Started) {
			list = append(list, row)
		}
	}
	return list
}

// arrived says that a provider took a message, or the one that speaks for it. That one's incident is closed only when its
// messages are done; had it failed, this one would not be merged any more.
func arrived(row incident.Row, find Find) bool {
	if row.Status != incident.RowMerged {
		return row.Status == incident.RowSent
	}
	key, ok := incident.ParsePageID(row.Into)
	if !ok {
		return false
	}
	into, ok := find(key)
	return !ok || into.Status == incident.RowSent
}
