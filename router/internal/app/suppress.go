package app

import (
	"slices"
	"strconv"
	"strings"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
)

type suppressSettings struct {
	ID     string   `toml:"id"`
	Source []string `toml:"source"`
	Target []string `toml:"target"`
	Equal  []string `toml:"equal"`
}

type maintenanceSettings struct {
	ID    string   `toml:"id"`
	Match []string `toml:"match"`
	Hours []string `toml:"hours"`
	Zone  string   `toml:"zone"`
}

// suppressions checks the entries. Without any a host that is gone hides its containers.
func (l *loader) suppressions(s settings) []incident.Suppression {
	if s.Suppress == nil {
		return hostsGone(s.HostsGone())
	}
	var list []incident.Suppression
	for i, e := range s.Suppress {
		l.required(e.ID, "a name", "suppress", i, "id")
		one := incident.Suppression{ID: e.ID, Source: l.matchers(s, e.Source, "suppress", i, "source"), Target: l.matchers(s, e.Target, "suppress", i, "target"), Equal: e.Equal}
		if len(e.Equal) == 0 || slices.Contains(e.Equal, "") {
			l.Wrong(asWritten(e.Equal), "labels that source and target both have, with the same value", "suppress", i, "equal")
		}
		list = append(list, one)
	}
	return list
}

// hostsGone is the default: the rules that say so hide what bears a container's name on the same host.
func hostsGone(rules []string) []incident.Suppression {
	var list []incident.Suppression
	for _, id := range rules {
		source, err := incident.ParseMatcher("rule=" + id)
		target, err2 := incident.ParseMatcher("container_name!=")
		if err == nil && err2 == nil { // a rule's id that the compiler refuses
			list = append(list, incident.Suppression{ID: "host-gone", Source: incident.Matchers{source}, Target: incident.Matchers{target}, Equal: []string{labelHost}})
		}
	}
	return list
}

// matchers reads a list of matchers of which one must need a label to be there. One that names no rule would match nothing.
func (l *loader) matchers(s settings, texts []string, path ...any) incident.Matchers {
	known := s.matchedRules()
	var list incident.Matchers
	mistaken := false
	for i, text := range texts {
		m, err := incident.ParseMatcher(text)
		if err != nil {
			l.Wrong(text, err.Error(), append(slices.Clone(path), i)...)
			mistaken = true
		}
		if id, names := ruleOf(m); err == nil && names && !slices.Contains(known, id) {
			l.Wrong(text, expectedRule(known), append(slices.Clone(path), i)...)
		}
		list = append(list, m)
	}
	if !mistaken && !list.Selective() {
		l.Wrong(asWritten(texts), `matchers such as ["host=web1"], of which one needs a label to be there`, path...)
	}
	return list
}

// ruleOf is the value of a matcher that says which rule it is.
func ruleOf(m incident.Matcher) (id string, names bool) {
	quoted, names := strings.CutPrefix(m.String(), "rule=")
	if !names {
		return "", false
	}
	id, err := strconv.Unquote(quoted)
	return id, err == nil
}

// matchedRules are the ids that a matcher may name: all under which alerts come.
func (s settings) matchedRules() []string {
	return slices.Sorted(slices.Values(append(s.ruleIDs(), saysOfItself()...)))
}

// asWritten shows a list of texts as it is found.
func asWritten(texts []string) any {
	if len(texts) == 0 {
		return []any{}
	}
	return strings.Join(texts, ", ")
}

func (l *loader) maintenance(s settings) []incident.Maintenance {
	var list []incident.Maintenance
	for i, e := range s.Maintenance {
		l.required(e.ID, "a name for timelines", "maintenance", i, "id")
		if slices.ContainsFunc(s.Maintenance[:i], func(o maintenanceSettings) bool { return o.ID == e.ID && e.ID != "" }) {
			l.Wrong(e.ID, "an id that no other window has", "maintenance", i, "id")
		}
		one := incident.Maintenance{ID: e.ID, Matchers: l.matchers(s, e.Match, "maintenance", i, "match")}
		zone := e.Zone
		if _, err := schedule.LoadZone(zone); err != nil {
			l.Wrong(zone, `a time zone such as "Europe/Berlin"`, "maintenance", i, "zone")
			zone = "UTC" // the hours may be mistaken as well
		}
		hours, err := schedule.ParseHours(e.Hours, zone)
		if err != nil {
			l.Wrong(asWritten(e.Hours), err.Error(), "maintenance", i, "hours")
		}
		one.Hours = hours
		list = append(list, one)
	}
	return list
}
