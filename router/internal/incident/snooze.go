package incident

import (
	"fmt"
	"time"
)

// LongestSnooze bounds for how long an incident may be out of sight.
const LongestSnooze = 30 * 24 * time.Hour

// Snooze records that somebody has the incident and wants to hear of it again at a time, if it is not over then: until
// then nobody is paged, after that its escalation begins anew. Whoever snoozes a snoozed incident takes it over and sets
// another time. A rise in severity ends it earlier.
func (b *Book) Snooze(env Env, id, by, note string, until time.Time) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("snooze incident %q: %w", id, ErrUnknown)
	}
	if !until.After(env.Now) || until.Sub(env.Now) > LongestSnooze {
		return Change{}, invalidf("until: found %s, expected a time within the next %d days", until.UTC().Format(time.RFC3339), LongestSnooze/(24*time.Hour))
	}
	triggered := inc.State == Triggered
	inc.take(Snoozed, by, env.Now)
	inc.SnoozedUntil = until
	d.note(&inc, "snoozed by %s until %s%s", by, until.UTC().Format(time.RFC3339), remark(note))
	if triggered {
		d.taken(&inc, "snoozed")
	}
	return d.change(), nil
}
