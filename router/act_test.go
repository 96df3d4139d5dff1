package main

import (
	"strings"
	"testing"

	"nezuban/router/internal/incident"
)

func TestWhatResolveSays(t *testing.T) {
	holding := func(kind incident.Kind, firing bool) incident.Incident {
		return incident.Incident{State: incident.Acknowledged, Alerts: map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Kind: kind, Firing: firing}}}}
	}
	if said := resolved(holding(incident.KindState, true)); !strings.Contains(said, "pages anew") || !strings.Contains(said, "snooze") {
		t.Errorf("of a condition that goes on: %q", said)
	}
	for name, inc := range map[string]incident.Incident{
		"a condition that is over": holding(incident.KindState, false), "an occurrence": holding(incident.KindOccurrence, true),
	} {
		if said := resolved(inc); said != "resolved" {
			t.Errorf("of %s: %q", name, said)
		}
	}
}
