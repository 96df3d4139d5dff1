package escalation

import (
	"slices"
	"strconv"
)

// Picks remembers, over all incidents, whom the steps that take turns have told last: a name of Step.Page by [PickKey].
// Whoever calls [Next] keeps it, and adds what [Progress.Picked] brings. A nil map remembers nobody.
type Picks map[string]string

// PickKey names a step, from 0, of a policy.
func PickKey(policy string, step int) string { return strconv.Itoa(step) + "/" + policy }

// PickedSince lists whom the steps of a policy have told in turn since an earlier progress of the same incident; nil for
// nobody.
func (pr Progress) PickedSince(policy string, before Progress) Picks {
	var picks Picks
	for step, name := range pr.Picked {
		if name != "" && name != before.pickedAt(step) {
			if picks == nil {
				picks = Picks{}
			}
			picks[PickKey(policy, step)] = name
		}
	}
	return picks
}

// pickedAt is whom the incident itself has told last at a step; "" for nobody yet.
func (pr Progress) pickedAt(step int) string {
	if step >= len(pr.Picked) {
		return ""
	}
	return pr.Picked[step]
}

// pick remembers a name for a step. It alters no slice that others hold.
func (pr Progress) pick(step int, name string) Progress {
	picked := slices.Clone(pr.Picked)
	for len(picked) <= step {
		picked = append(picked, "")
	}
	picked[step] = name
	pr.Picked = picked
	return pr
}

// inTurn lists the names of a step in the order in which their turn comes: those after the last one first. A last one
// who is not there any more leaves the order as it is written.
func inTurn(page []string, last string) []string {
	i := slices.Index(page, last) + 1
	return slices.Concat(page[i:], page[:i])
}
