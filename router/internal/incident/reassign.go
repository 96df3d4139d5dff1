package incident

import (
	"fmt"
	"slices"
	"strings"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// Reassign gives an incident to somebody else: it is theirs to acknowledge, they are told at once, and when they do not
// answer within the wait of the step that was taken last, the escalation goes on from there. The error wraps
// [ErrInvalid] for somebody who is not in the rotation file or cannot be told, and for an incident that pages nobody.
func (b *Book) Reassign(env Env, id, by, to, note string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("reassign incident %q: %w", id, ErrUnknown)
	}
	if err := inc.untellable(); err != nil {
		return Change{}, err
	}
	progress, notify := escalation.Hand(*inc.policy(), env.Rotation, inc.Progress, string(inc.Severity), to, by, env.Now)
	if len(notify) == 0 {
		return Change{}, cannotBeTold(env.Rotation, to)
	}
	d.note(&inc, "reassigned to %s by %s%s", to, by, remark(note))
	d.withdraw(&inc, "reassigned before it was sent")
	inc.untake()
	inc.Progress = progress
	d.putIncident(inc)
	for _, row := range rowsFor(notify) {
		d.note(&inc, "paging %s by %s: %s", strings.Join(row.People, ", "), row.Channel, row.Why)
		d.send(&inc, row)
	}
	return d.change(), nil
}

// untellable says why nobody can be told of an incident now, and what to do about it; nil when somebody can.
func (inc Incident) untellable() error {
	switch {
	case inc.PartOf != "":
		return invalidf("incident %s: it belongs to incident %s, of which people are told: reassign that one", inc.ID, inc.PartOf)
	case inc.Suppressed != "" && inc.SuppressedBy != "":
		return invalidf("incident %s: nobody is told of it while incident %s hides it: reassign that one", inc.ID, inc.SuppressedBy)
	case inc.Suppressed != "":
		return invalidf("incident %s: nobody is told of it while it is suppressed by %s; end that first", inc.ID, inc.Suppressed)
	}
	return nil
}

// cannotBeTold says why nobody was told of what is given to somebody.
func cannotBeTold(f *schedule.File, to string) error {
	names := namesOf(f)
	if slices.Contains(names, to) {
		return invalidf("to: found %q, who has no channel in the rotation file, expected somebody who can be told", to)
	}
	return invalidf("to: found %q, expected somebody of the rotation file%s", to, tomlfile.DidYouMean(to, names))
}

// whyUntold says, of somebody, why nothing tells them here.
func whyUntold(f *schedule.File, person string) string {
	if slices.Contains(namesOf(f), person) {
		return "has no channel in the rotation file"
	}
	return "is not in the rotation file"
}

func namesOf(f *schedule.File) (names []string) {
	if f != nil {
		for _, p := range f.People() {
			names = append(names, p.Name)
		}
	}
	return names
}
