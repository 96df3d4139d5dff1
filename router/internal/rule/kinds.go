package rule

import (
	"slices"

	"nezuban/agent/influx"
)

// Kinds lists the kinds of rules.
func Kinds() []string {
	return []string{kindThreshold, kindAbsence, kindContainerDied, kindContainerOOM, kindContainerUnhealthy}
}

// OfKinds lists the ids of the rules of some kinds.
func (c Config) OfKinds(kinds ...string) []string {
	return c.ids(func(r RuleConfig) bool { return slices.Contains(kinds, r.Kind) })
}

// Deaths lists the ids of the rules about containers that died.
func (c Config) Deaths() []string { return c.OfKinds(kindContainerDied) }

// HostsGone lists the ids of the rules that fire when an agent, and with it its host, is not heard any more.
func (c Config) HostsGone() []string {
	return c.ids(func(r RuleConfig) bool {
		return r.Kind == kindAbsence && r.Measurement == influx.Agent && (r.By == nil || slices.Equal(r.By, []string{influx.TagHost}))
	})
}

// IDs lists the ids of the rules and objectives, and of the rule that needs no entry.
func (c Config) IDs() []string {
	ids := append(c.ids(func(RuleConfig) bool { return true }), CheckDown)
	for _, o := range c.SLOs {
		ids = append(ids, o.ID)
	}
	return ids
}

func (c Config) ids(of func(RuleConfig) bool) []string {
	var ids []string
	for _, r := range c.Rules {
		if of(r) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
