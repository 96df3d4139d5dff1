package pagerduty

import (
	"slices"
	"strings"
)

// ways says by which ways an incident went to PagerDuty. As text it is the provider's id of a message, and so is stored with
// it: PagerDuty's id of the incident, what is known of alerts, a space between them.
type ways struct {
	rest    string   // PagerDuty's id of the incident; "": none is known
	unclear bool     // its creation may have succeeded all the same
	keys    []string // dedup keys of alerts on the service for events
}

// How the parts of the text begin that are not the id of an incident.
const (
	unclearMark = "rest?"
	eventsMark  = "events/"
)

func parseWays(text string) ways {
	var w ways
	for part := range strings.FieldsSeq(text) {
		key, isKey := strings.CutPrefix(part, eventsMark)
		switch {
		case isKey:
			w.keys = append(w.keys, key)
		case part == unclearMark:
			w.unclear = true
		default:
			w.rest = part
		}
	}
	return w
}

// String is what parseWays reads.
func (w ways) String() string {
	var parts []string
	if w.rest != "" {
		parts = append(parts, w.rest)
	} else if w.unclear {
		parts = append(parts, unclearMark)
	}
	for _, key := range w.keys {
		parts = append(parts, eventsMark+key)
	}
	return strings.Join(parts, " ")
}

// with adds an alert.
func (w ways) with(key string) ways {
	if !slices.Contains(w.keys, key) {
		w.keys = append(slices.Clone(w.keys), key)
	}
	return w
}

// Ways are what a provider's id says of where the incident went: PagerDuty's id of it, "" when none is known, and the keys of
// the events that raised it on the service for events.
func Ways(providerID string) (incidentID string, eventKeys []string) {
	w := parseWays(providerID)
	return w.rest, w.keys
}
