package lint

import "nezuban/oncall/schedule"

// routes finds incidents that no route takes, and routes that no incident reaches.
func routes(f *schedule.File) []Finding {
	var found []Finding
	hasDefault := false
	for i, r := range f.Routes() {
		if len(r.Match) > 0 {
			continue
		}
		hasDefault = true
		if i != len(f.Routes())-1 {
			found = append(found, fail(r.Line, KindRoute, "a route without match takes every incident: the routes after it are never reached, it must stand last"))
		}
	}
	if policies := f.Policies(); len(policies) > 0 && !hasDefault {
		found = append(found, fail(policies[0].Line, KindRoute,
			"no route without match: an incident that no route matches takes the first policy, %q; end the file with a [[route]] that has only a policy", policies[0].Name))
	}
	return found
}
