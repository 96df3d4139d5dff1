package incident

import (
	"fmt"
	"time"

	"nezuban/oncall/escalation"
)

// Tick does what time alone brings about: due escalation steps, acknowledgements that ran out, occurrences that did
// not come back, and what a silence or a cause that is over leaves to be paged.
func (b *Book) Tick(env Env) Change {
	d := b.draft(env)
	d.review()
	d.audit()
	d.forgetSilences()
	for _, id := range b.ticks.due(env.Now) {
		switch inc, _ := d.incident(id); {
		case !d.stillDue(inc):
		case inc.State != Resolved && d.stands(inc) != "":
			d.bringOn(id)
		default:
			d.tick(&inc)
		}
	}
	return d.change()
}

// Over lists, by id, the incidents that are over and told, and may be filed away.
func (b *Book) Over(env Env) []string {
	var over []string
	d := b.draft(env)
	for _, id := range b.ticks.due(env.Now) {
		if inc, _ := b.Incident(id); inc.State == Resolved && !d.tellRest(&inc) {
			over = append(over, id)
		}
	}
	return over
}

// stillDue says that an incident's time has come, also after what this decision has done to it already.
func (d *draft) stillDue(inc Incident) bool {
	if _, touched := d.incidents[inc.ID]; !touched {
		return true
	}
	at, ever := d.book.wake(inc)
	return ever && !at.After(d.env.Now)
}

// wake is when time alone next changes an incident; false: never, as it stands.
func (b *Book) wake(inc Incident) (at time.Time, ever bool) {
	if !inc.QuietAt.IsZero() {
		return inc.QuietAt, true
	}
	switch inc.State {
	case Triggered:
		if inc.Suppressed == "" && inc.PartOf == "" && inc.Severity != SeverityInfo {
			return inc.Progress.Next, true
		}
		at = inc.ReleaseAt
	case Acknowledged:
		at = earlier(earlier(inc.overAt(), inc.timeoutAt()), earlier(inc.RetriggerAt, inc.ReleaseAt))
	case Snoozed:
		return earlier(inc.SnoozedUntil, inc.ReleaseAt), true
	case Resolved:
		id := inc.ID
		switch ready, waiting := b.draft(Env{}).unsaid(id); {
		case len(ready) > 0:
			return inc.ResolvedAt, true
		case len(waiting) > 0:
			return time.Time{}, false
		}
		if head, ok := b.incidents[inc.PartOf]; ok {
			inc = head // a part stays with it, see reopens
		}
		return inc.ResolvedAt.Add(b.settings.ReopenWithin), inc.State == Resolved && b.told(id)
	}
	return at, !at.IsZero()
}

// tick does what the time has come for.
func (d *draft) tick(inc *Incident) {
	now := d.env.Now
	if !inc.QuietAt.IsZero() {
		d.resolve(inc, "", fmt.Sprintf("resolved: it came back %d times, and has been quiet for %s", inc.Flaps, d.book.settings.Flapping.Quiet))
		return
	}
	if at := inc.ReleaseAt; !at.IsZero() && !at.After(now) {
		if h := d.hushOf(*inc); h.why != "" {
			d.suppress(inc, h) // by what was released before it
		} else {
			d.unsuppress(inc)
		}
		return
	}
	switch inc.State {
	case Triggered:
		d.escalate(inc)
	case Acknowledged:
		if at := inc.overAt(); !at.IsZero() && !at.After(now) {
			d.resolve(inc, "", fmt.Sprintf("resolved: acknowledged, and not seen again for %s", ResolveAfter))
			return
		}
		if at := inc.RetriggerAt; !at.IsZero() && !at.After(now) {
			d.triggerAgain(inc, fmt.Sprintf("opened again %s ago and still firing: triggered again", Settle))
			return
		}
		d.triggerAgain(inc, fmt.Sprintf("acknowledged %s ago and still open: triggered again", inc.policy().AckTimeout.Duration()))
	case Snoozed:
		d.triggerAgain(inc, fmt.Sprintf("snoozed by %s until now and still open: triggered again", inc.AcknowledgedBy))
	case Resolved:
		d.tellRest(inc)
	}
}

// overAt is when an acknowledged incident counts as over; zero while a state alert fires in it.
func (inc Incident) overAt() time.Time {
	if since := inc.quietSince(); !since.IsZero() && (inc.OpenParts == 0 || !inc.MoreStates) {
		return since.Add(ResolveAfter)
	}
	return time.Time{}
}

// timeoutAt is when an acknowledgement has lasted long enough; zero: never.
func (inc Incident) timeoutAt() time.Time {
	if timeout := inc.policy().AckTimeout.Duration(); timeout > 0 && inc.Severity == SeverityPage {
		return inc.AcknowledgedAt.Add(timeout)
	}
	return time.Time{}
}

// triggerAgain takes an incident from whoever has it and begins its escalation anew.
func (d *draft) triggerAgain(inc *Incident, why string) {
	d.anew(inc, "%s", why)
	d.withdraw(inc, "triggered again before it was sent")
	inc.untake()
	inc.Progress = escalation.Progress{}
	d.escalate(inc)
}

// told says that none of the incident's messages is outstanding.
func (b *Book) told(id string) bool {
	for _, row := range b.rows[id] {
		if !row.Done() {
			return false
		}
	}
	return true
}
