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
// [ErrInvalid] for somebody who is not in the rotation file or cannot be told.
func (b *Book) Reassign(env Env, id, by, to, note string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("reassign incident %q: %w", id, ErrUnknown)
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

// cannotBeTold says why nobody was told of what is given to somebody.
func cannotBeTold(f *schedule.File, to string) error {
	var names []string
	if f != nil {
		for _, p := range f.People() {
			names = append(names, p.Name)
		}
	}
	if slices.Contains(names, to) {
		return invalidf("to: found %q, who has no channel in the rotation file, expected somebody who can be told", to)
	}
	return invalidf("to: found %q, expected somebody of the rotation file%s", to, tomlfile.DidYouMean(to, names))
}
