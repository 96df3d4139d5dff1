package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
	"nezuban/router/internal/ingest/prometheus"
	"nezuban/router/internal/rule"
)

// lifecycleSettings are the keys that say how alerts become incidents.
type lifecycleSettings struct {
	ReopenWithin *tomlfile.Duration `toml:"reopen_within"`
	Flapping     flappingSettings   `toml:"flapping"`
	Groups       []groupSettings    `toml:"group"`

	Suppress    []suppressSettings    `toml:"suppress"`
	Maintenance []maintenanceSettings `toml:"maintenance"`
}

type flappingSettings struct {
	Reopenings *int               `toml:"reopenings"`
	Within     *tomlfile.Duration `toml:"within"`
	Quiet      *tomlfile.Duration `toml:"quiet"`
}

type groupSettings struct {
	ID     string             `toml:"id"`
	Rules  []string           `toml:"rules"`
	Kinds  []string           `toml:"kinds"`
	By     []string           `toml:"by"`
	Within *tomlfile.Duration `toml:"within"`
}

// What is done about container deaths when no [[group]] is for them.
const (
	deathsGroup   = "container-deaths"
	defaultWithin = time.Minute
	maxWithin     = 24 * time.Hour
	labelHost     = "host"
)

// lifecycle checks them.
func (l *loader) lifecycle(s settings) incident.Settings {
	l.reserved(s)
	return incident.Settings{
		Groups: l.groups(s), Flapping: l.flapping(s.Flapping),
		ReopenWithin: l.bounded(s.ReopenWithin, defaultReopen, 0, maxReopen, "reopen_within"),
		Suppressions: l.suppressions(s), Maintenance: l.maintenance(s),
	}
}

// Defaults and bounds of what comes back.
const (
	defaultReopen     = 5 * time.Minute
	maxReopen         = time.Hour
	defaultReopenings = 2
	maxReopenings     = 100
	defaultFlapWithin = time.Hour
	maxFlapWithin     = 24 * time.Hour
	defaultQuiet      = 10 * time.Minute
)

func (l *loader) flapping(s flappingSettings) incident.Flapping {
	reopenings := defaultReopenings
	if s.Reopenings != nil {
		reopenings = *s.Reopenings
	}
	if reopenings < 0 || reopenings > maxReopenings {
		l.Wrong(reopenings, fmt.Sprintf("a number from 1 to %d, or 0 for never", maxReopenings), "flapping", "reopenings")
	}
	return incident.Flapping{
		Reopenings: reopenings,
		Within:     l.bounded(s.Within, defaultFlapWithin, time.Minute, maxFlapWithin, "flapping", "within"),
		Quiet:      l.bounded(s.Quiet, defaultQuiet, time.Minute, maxFlapWithin, "flapping", "quiet"),
	}
}

// bounded is a duration within bounds, or the default when none is written.
func (l *loader) bounded(d *tomlfile.Duration, standard, least, most time.Duration, path ...any) time.Duration {
	if d == nil {
		return standard
	}
	if at := time.Duration(*d); at < least || at > most {
		l.Wrong(d.String(), fmt.Sprintf("a duration from %q to %q", least, most), path...)
	}
	return time.Duration(*d)
}

// groups checks the entries, and puts the default behind them.
func (l *loader) groups(s settings) []incident.Group {
	var list []incident.Group
	for i, g := range s.Groups {
		list = append(list, l.group(s, i, g))
	}
	return append(list, incident.Group{ID: deathsGroup, Rules: s.Deaths(), By: []string{labelHost}, Within: defaultWithin})
}

func (l *loader) group(s settings, i int, g groupSettings) incident.Group {
	l.required(g.ID, "a name for timelines", "group", i, "id")
	if g.ID == deathsGroup || slices.ContainsFunc(s.Groups[:i], func(o groupSettings) bool { return o.ID == g.ID && g.ID != "" }) {
		l.Wrong(g.ID, "an id that no other group has", "group", i, "id")
	}
	if len(g.Rules)+len(g.Kinds) == 0 {
		l.Wrong(nil, "ids of rules, or kinds of rules under the key kinds", "group", i, "rules")
	}
	known := s.ruleIDs()
	for n, id := range g.Rules {
		if !slices.Contains(known, id) {
			l.Wrong(id, expectedRule(known), "group", i, "rules", n)
		}
	}
	for n, kind := range g.Kinds {
		if !slices.Contains(rule.Kinds(), kind) {
			l.Wrong(kind, "one of "+strings.Join(rule.Kinds(), ", "), "group", i, "kinds", n)
		}
	}
	for n, label := range g.By {
		if label == "" || slices.Contains(g.By[:n], label) {
			l.Wrong(label, "the name of a label, once", "group", i, "by", n)
		}
	}
	within := l.bounded(g.Within, defaultWithin, 0, maxWithin, "group", i, "within")
	return incident.Group{ID: g.ID, Rules: append(slices.Clone(g.Rules), s.OfKinds(g.Kinds...)...), By: g.By, Within: within}
}

// ruleIDs are the ids under which alerts come: those of the file, and those that need no entry.
func (s settings) ruleIDs() []string {
	ids := append(s.IDs(), ownRules()...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func expectedRule(known []string) string { return "the id of a rule: " + strings.Join(known, ", ") }

// ownRules are the ids under which alerts of senders and people come, which have no entry.
func ownRules() []string {
	return []string{prometheus.Rule, ingest.RuleErrorSeen, incident.RuleManual}
}

// ownPrefix begins the ids of what the router says of itself.
const ownPrefix = "nezuban-"

// saysOfItself are those ids. No group takes them, but a matcher may name them.
func saysOfItself() []string {
	return []string{
		certificateTrouble, contactsRefused, incident.RuleRestored, incident.RuleStalled, rotationRefused, stateFilling, stateUnwritable,
	}
}

// reserved refuses rules that bear an id of the router's own: their alerts would be taken for what they are not.
func (l *loader) reserved(s settings) {
	check := func(id, kind string, i int) {
		if slices.Contains(ownRules(), id) || strings.HasPrefix(id, ownPrefix) {
			l.Wrong(id, fmt.Sprintf("an id other than %s, and without %s at its beginning: those are the router's own", strings.Join(ownRules(), ", "), ownPrefix), kind, i, "id")
		}
	}
	for i, r := range s.Rules {
		check(r.ID, "rule", i)
	}
	for i, o := range s.SLOs {
		check(o.ID, "slo", i)
	}
}
