package rule

import (
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/incident"
)

// verdict is what the samples say about a condition now.
type verdict int8

const (
	unknown verdict = iota // silence, or too little to tell: changes nothing
	no
	yes
)

// spec is what every rule has.
type spec struct {
	id       string
	severity incident.Severity
	labels   map[string]string // the rule's own
	runbook  string            // a URL; "" for none
}

// alertLabels are the labels of an alert: the rule's own, and the facts, which win.
func (s *spec) alertLabels(facts map[string]string) map[string]string {
	labels := make(map[string]string, len(s.labels)+len(facts))
	maps.Copy(labels, s.labels)
	for name, value := range facts {
		if value != "" {
			labels[name] = value
		}
	}
	return labels
}

// series is one state alert of a rule.
type series struct {
	rule   *spec
	key    string // dedup key
	values []string
	labels map[string]string
	stored standing // as last accepted
}

// newSeries makes the series of a rule for the values of its by tags, which are sorted by name.
func newSeries(rule *spec, by, values []string) series {
	facts := make(map[string]string, len(by))
	for i, tag := range by {
		facts[tag] = values[i]
	}
	return series{rule: rule, key: incident.DedupKey(rule.id, values...), values: values, labels: rule.alertLabels(facts)}
}

// next is the standing that follows from a verdict on data as new as newest.
func (s *series) next(v verdict, newest int64) standing {
	n := s.stored
	switch {
	case v == yes && !n.Firing:
		n.Firing, n.Fired = true, newest
	case v == no && n.Firing:
		n.Firing, n.Fired = false, 0
	}
	return n
}

// settle adds to the step what it takes to get from the accepted standing to next.
func (s *series) settle(step *Step, next standing) {
	if next == s.stored {
		return
	}
	step.store(seriesKey(s.key), encodeSeries(s.rule.id, s.values, next))
	step.onAccept(func() { s.stored = next })
}

// alert is the alert that says next, and why; at is the time of the sample behind it. A resolve is never as old as its
// firing.
func (s *series) alert(next standing, at int64, summary, reason string) incident.Alert {
	if !next.Firing {
		at = max(at, s.stored.Fired+1)
	}
	return incident.Alert{
		Key: s.key, Rule: s.rule.id, Kind: incident.KindState, Firing: next.Firing, Severity: s.rule.severity,
		Labels: s.labels, Summary: summary, At: time.Unix(0, at).UTC(), Reason: reason, Runbook: s.rule.runbook,
	}
}

// ofWhat lists the values of the series for a person, " of host1, web"; "" when its samples have none of the tags.
func (s *series) ofWhat() string {
	said := slices.DeleteFunc(slices.Clone(s.values), func(value string) bool { return value == "" })
	if len(said) == 0 {
		return ""
	}
	return " of " + strings.Join(said, ", ")
}
