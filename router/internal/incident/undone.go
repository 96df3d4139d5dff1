package incident

import (
	"time"

	"nezuban/oncall/escalation"
)

// unacknowledged follows what was undone at a provider: nobody has the incident any more, and its escalation begins anew. What
// time has done there, such as a snooze of the provider's own that is over, does not end a snooze that was made here.
func (b *Book) unacknowledged(env Env, r Report) Change {
	d := b.draft(env)
	inc, _ := d.incident(r.Incident)
	switch {
	case inc.State == Triggered, inc.State == Snoozed && r.By == "":
		return d.heardOf(inc, r)
	case r.By == "":
		d.triggerAgain(&inc, "the acknowledgement is over in "+display(r.Channel)+": triggered again")
	default:
		d.triggerAgain(&inc, "the acknowledgement was taken back by "+r.By+" in "+display(r.Channel)+": triggered again")
	}
	return d.change()
}

// openedAgain follows what was undone at a provider: the incident is open again, under its id, and pages. Whatever ended it has
// ended, so that none of its alerts fires: it is over when a person says so, or when one has fired again and ended.
func (b *Book) openedAgain(env Env, r Report) Change {
	d := b.draft(env)
	inc, _ := d.incident(r.Incident)
	if inc.State != Resolved || inc.PartOf != "" {
		return d.heardOf(inc, r)
	}
	d.anew(&inc, "opened again by %s in %s", r.By, display(r.Channel))
	for _, alert := range inc.Ordered() {
		if other, open := d.open(alert.Key); open {
			d.note(&inc, "it stays resolved here: incident %s, which is open, is about the same", other.ID)
			return d.change()
		}
	}
	inc.State, inc.ResolvedAt, inc.ResolvedBy = Triggered, time.Time{}, ""
	inc.Progress = escalation.Progress{}
	inc.Suppressed, inc.SuppressedBy = "", ""
	d.unsay(&inc)
	if r.Taken {
		inc.take(Acknowledged, r.By, env.Now)
		d.note(&inc, "acknowledged by %s in %s", r.By, display(r.Channel))
		return d.change()
	}
	inc.untake()
	d.putIncident(inc)
	d.escalate(&inc)
	return d.change()
}

// heardOf remembers an event that changes nothing but overtakes older ones that may come yet. What was looked up overtakes
// none: the next look tells.
func (d *draft) heardOf(inc Incident, r Report) Change {
	if r.Event != "" {
		d.putIncident(inc)
	}
	return d.change()
}
