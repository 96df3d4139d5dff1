package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/checks/check"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule/slo"
)

// Set is a configuration that can be evaluated. It is immutable; any number of engines may share it.
type Set struct {
	grace      time.Duration
	thresholds []*threshold
	absences   []*absence
	events     []*eventRule
	checks     []check.Check
	objectives []*objective
}

// Compile turns a configuration and the checks into a set, and adds the quorum rule of each check. f is the file that c
// came from, for the lines of problems. With any problem there is no set; all of them are returned at once.
func Compile(c Config, checks []check.Check, f *tomlfile.File) (*Set, tomlfile.Problems) {
	k := compiler{file: f, ids: map[string]bool{CheckDown: true}, checks: map[string]check.Check{}}
	k.set.grace = or((*time.Duration)(&c.AbsenceGrace), defaultGrace)
	k.set.checks = checks
	for _, ch := range checks {
		k.checks[ch.Name] = ch
	}
	for i, r := range c.Rules {
		k.at = []any{"rule", i}
		k.rule(r)
	}
	for i, s := range c.SLOs {
		k.at = []any{"slo", i}
		k.slo(s)
	}
	if len(k.problems) > 0 {
		return nil, k.problems
	}
	return &k.set, nil
}

// compiler collects the set and what is wrong with it. at is where the entry under work stands.
type compiler struct {
	file     *tomlfile.File
	ids      map[string]bool
	checks   map[string]check.Check
	at       []any
	set      Set
	problems tomlfile.Problems
}

func (k *compiler) refuse(found any, expected string, key ...any) {
	if found == "" {
		found = nil
	}
	k.problems = append(k.problems, k.file.Problem(found, expected, append(slices.Clone(k.at), key...)...))
}

func (k *compiler) rule(r RuleConfig) {
	s := k.spec(r.ID, r.Severity, defaultSeverity(r.Kind), r.Labels, r.Runbook)
	switch r.Kind {
	case kindThreshold:
		k.threshold(r, s)
	case kindAbsence:
		k.absence(r, s)
	case kindContainerDied, kindContainerOOM, kindContainerUnhealthy:
		k.event(r, s)
	default:
		k.refuse(r.Kind, "one of "+strings.Join(Kinds(), ", "), "kind")
	}
}

// spec checks what every rule has.
func (k *compiler) spec(id string, severity, standard incident.Severity, labels map[string]string, runbook string) spec {
	switch {
	case id == "" || strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune(idRunes, r) }):
		k.refuse(id, "an id of a-z, 0-9, - and _", "id")
	case k.ids[id]:
		k.refuse(id, "an id that no other rule has", "id")
	}
	k.ids[id] = true
	if severity == "" {
		severity = standard
	}
	if severity.Rank() == 0 {
		k.refuse(string(severity), "page, ticket or info", "severity")
	}
	if runbook != "" && !check.ValidRunbook(runbook) {
		k.refuse(runbook, check.ExpectedRunbook, "runbook")
	}
	return spec{id: id, severity: severity, labels: maps.Clone(labels), runbook: runbook}
}

const idRunes = "abcdefghijklmnopqrstuvwxyz0123456789-_"

func (k *compiler) threshold(r RuleConfig, s spec) {
	k.unused(r, given{after: true})
	t := &threshold{spec: s, selector: k.selector(r), field: r.Field}
	if r.Field == "" {
		k.refuse(nil, "the name of a field", "field")
	}
	switch {
	case (r.Above == nil) == (r.Below == nil):
		k.refuse(nil, "either above or below", "above")
	case r.Above != nil:
		t.above, t.limit = true, *r.Above
	default:
		t.limit = *r.Below
	}
	t.holdFor = or((*time.Duration)(r.For), 0)
	t.stale = or((*time.Duration)(r.Stale), defaultStale)
	t.summary = k.words(r, t.by, "value", "limit", "for")
	k.set.thresholds = append(k.set.thresholds, t)
}

func (k *compiler) absence(r RuleConfig, s spec) {
	k.unused(r, given{field: true, limits: true})
	a := &absence{spec: s, selector: k.selector(r)}
	if a.after = or((*time.Duration)(r.After), 0); a.after == 0 {
		k.refuse(nil, `a duration above zero, such as "2m"`, "after")
	}
	a.summary = k.words(r, a.by, "after")
	k.set.absences = append(k.set.absences, a)
}

func (k *compiler) event(r RuleConfig, s spec) {
	k.unused(r, given{field: true, limits: true, after: true, source: true, summary: true})
	e := &eventRule{spec: s, kind: r.Kind}
	for _, tag := range slices.Sorted(maps.Keys(r.Where)) {
		if tag != influx.TagHost && tag != influx.TagContainerName {
			k.refuse(tag, "host or container_name", "where", tag)
		}
		e.where = append(e.where, influx.Tag{Key: tag, Value: r.Where[tag]})
	}
	k.set.events = append(k.set.events, e)
}

// given names groups of keys.
type given struct{ field, limits, after, source, summary bool }

// unused refuses the keys that the kind of the rule has no use for: they would be believed to be in force.
func (k *compiler) unused(r RuleConfig, useless given) {
	for _, key := range []struct {
		name    string
		useless bool
		given   bool
	}{
		{"field", useless.field, r.Field != ""},
		{"above", useless.limits, r.Above != nil},
		{"below", useless.limits, r.Below != nil},
		{"for", useless.limits, r.For != nil},
		{"stale", useless.limits, r.Stale != nil},
		{"after", useless.after, r.After != nil},
		{"measurement", useless.source, r.Measurement != ""},
		{"by", useless.source, r.By != nil},
		{"summary", useless.summary, r.Summary != ""},
	} {
		if key.useless && key.given {
			k.refuse(key.name, fmt.Sprintf("no such key: a rule of kind %s has no use for it", r.Kind), key.name)
		}
	}
}

func (k *compiler) selector(r RuleConfig) selector {
	s := selector{measurement: r.Measurement, by: slices.Sorted(slices.Values(r.By))}
	if r.Measurement == "" {
		k.refuse(nil, "the name of a measurement", "measurement")
	}
	if r.By == nil {
		s.by = defaultBy(r.Measurement)
	}
	if twice := slices.Compact(slices.Clone(s.by)); len(twice) != len(s.by) || slices.Contains(s.by, "") {
		k.refuse(strings.Join(r.By, ", "), "each tag once", "by")
	}
	for _, tag := range slices.Sorted(maps.Keys(r.Where)) {
		s.where = append(s.where, influx.Tag{Key: tag, Value: r.Where[tag]})
	}
	return s
}

// defaultBy is one alert a container for what is measured of containers, one a location for the checks' heartbeat, else
// one a host.
func defaultBy(measurement string) []string {
	switch {
	case strings.HasPrefix(measurement, "docker_container_"):
		return []string{influx.TagContainerName, influx.TagHost}
	case measurement == influx.Checks:
		return []string{influx.TagLocation}
	default:
		return []string{influx.TagHost}
	}
}

func (k *compiler) words(r RuleConfig, by []string, figures ...string) words {
	known := slices.Concat(figures, by, slices.Sorted(maps.Keys(r.Labels)))
	ws, err := parseWords(r.Summary, known)
	if err != nil {
		k.refuse(r.Summary, err.Error(), "summary")
	}
	return ws
}

func (k *compiler) slo(c SLOConfig) {
	o := &objective{spec: k.spec(c.ID, "", incident.SeverityPage, c.Labels, c.Runbook), check: c.Check}
	of, known := k.checks[c.Check]
	if !known {
		k.refuse(c.Check, "the name of a check", "check")
	}
	o.url = of.URL
	target := slo.Target{
		Percent: c.Objective, Period: or((*time.Duration)(&c.Period), defaultPeriod), Interval: of.Interval,
		MinBad: k.count(c.MinBad, defaultMinBad, "min_bad"), MinTotal: k.count(c.MinTotal, defaultMinTotal, "min_total"),
	}
	var err error
	if o.objective, err = slo.NewObjective(target); err != nil {
		found, key := any(c.Objective), "objective"
		if p := target.Period; p < slo.MinPeriod || p > slo.MaxPeriod {
			found, key = fmt.Sprintf("%dd", p/(24*time.Hour)), "period"
		}
		k.refuse(found, err.Error(), key)
	}
	k.set.objectives = append(k.set.objectives, o)
}

func (k *compiler) count(n *int, standard uint64, key string) uint64 {
	if n == nil {
		return standard
	}
	if *n < 1 {
		k.refuse(*n, "a number from 1", key)
		return standard
	}
	return uint64(*n)
}

// or is what the file gives, or else the standard; a length of zero is as none given.
func or(d *time.Duration, standard time.Duration) time.Duration {
	if d == nil || *d == 0 {
		return standard
	}
	return *d
}
