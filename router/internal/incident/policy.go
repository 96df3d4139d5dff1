package incident

import (
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// frozen is the policies of one rotation file as incidents hold them: those that are opened under a file share one of each.
type frozen struct {
	file   *schedule.File
	byName map[frozenName]*escalation.Policy
}

type frozenName struct {
	name    string
	matched bool
}

// policyFor is the policy of an incident with these labels, and whether a route chose it. It remembers what it has made of a
// file, which is nothing that is stored.
func (b *Book) policyFor(file *schedule.File, labels map[string]string) (policy *escalation.Policy, matched bool) {
	chosen, matched := escalation.PolicyFor(file, labels)
	if b.policies.file != file || b.policies.byName == nil {
		b.policies = frozen{file, map[frozenName]*escalation.Policy{}}
	}
	name := frozenName{chosen.Name, matched}
	if b.policies.byName[name] == nil {
		b.policies.byName[name] = &chosen
	}
	return b.policies.byName[name], matched
}

// policy is the incident's own; one of an incident that was stored without any has no steps.
func (inc *Incident) policy() *escalation.Policy {
	if inc.Policy == nil {
		return &escalation.Policy{}
	}
	return inc.Policy
}
