package incident

import (
	"fmt"
	"strings"

	"nezuban/oncall/escalation"
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
		return Change{}, fmt.Errorf("reassign incident %q to %q: %w: expected somebody of the rotation file who can be told", id, to, ErrInvalid)
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
