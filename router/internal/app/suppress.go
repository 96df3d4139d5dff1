package app

import (
	"slices"
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
		one := incident.Suppression{ID: e.ID, Source: l.matchers(e.Source, "suppress", i, "source"), Target: l.matchers(e.Target, "suppress", i, "target"), Equal: e.Equal}
		if len(e.Equal) == 0 || slices.Contains(e.Equal, "") {
			l.Wrong(strings.Join(e.Equal, ", "), "labels that source and target both have, with the same value", "suppress", i, "equal")
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

// matchers reads a list of matchers of which one must need a label to be there.
func (l *loader) matchers(texts []string, path ...any) incident.Matchers {
	var list incident.Matchers
	mistaken := false
	for i, text := range texts {
		m, err := incident.ParseMatcher(text)
		if err != nil {
			l.Wrong(text, err.Error(), append(slices.Clone(path), i)...)
			mistaken = true
		}
		list = append(list, m)
	}
	if !mistaken && !list.Selective() {
		l.Wrong(strings.Join(texts, ", "), `matchers such as ["host=web1"], of which one needs a label to be there`, path...)
	}
	return list
}

func (l *loader) maintenance(s settings) []incident.Maintenance {
	var list []incident.Maintenance
	for i, e := range s.Maintenance {
		l.required(e.ID, "a name for timelines", "maintenance", i, "id")
		if slices.ContainsFunc(s.Maintenance[:i], func(o maintenanceSettings) bool { return o.ID == e.ID && e.ID != "" }) {
			l.Wrong(e.ID, "an id that no other window has", "maintenance", i, "id")
		}
		one := incident.Maintenance{ID: e.ID, Matchers: l.matchers(e.Match, "maintenance", i, "match")}
		if _, err := schedule.LoadZone(e.Zone); err != nil {
			l.Wrong(e.Zone, `a time zone such as "Europe/Berlin"`, "maintenance", i, "zone")
		} else if hours, err := schedule.ParseHours(e.Hours, e.Zone); err != nil {
			l.Wrong(strings.Join(e.Hours, ", "), err.Error(), "maintenance", i, "hours")
		} else {
			one.Hours = hours
		}
		list = append(list, one)
	}
	return list
}
