package incident

import (
	"errors"
	"fmt"
	"time"

	"nezuban/oncall/escalation"
)

// ErrUnknown is returned for an incident that is not open, and for a host that nobody knows.
var ErrUnknown = errors.New("not known here, or over already")

// ErrInvalid is returned for what cannot be done as it was asked for.
var ErrInvalid = errors.New("invalid")

// Acknowledge records that somebody has taken the incident: escalation stops, and what was not sent yet is
// withdrawn. Whoever acknowledges it after that takes it over.
func (b *Book) Acknowledge(env Env, id, by, note string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("acknowledge incident %q: %w", id, ErrUnknown)
	}
	if inc.State == Acknowledged {
		return d.takeOver(inc, by, note), nil
	}
	snoozed := inc.State == Snoozed
	inc.take(Acknowledged, by, env.Now)
	d.note(&inc, "acknowledged by %s%s", by, remark(note))
	if !snoozed { // PagerDuty knows already that somebody has it
		d.taken(&inc, "acknowledged")
	}
	return d.change(), nil
}

// taken stops what is on its way to people, now that somebody has the incident, and tells PagerDuty, where others would go
// on being called.
func (d *draft) taken(inc *Incident, how string) {
	d.withdraw(inc, how+" before it was sent")
	for _, row := range d.rowsOf(inc.ID) {
		if row.Kind == MessageTrigger && row.Channel == ChannelPagerDuty && row.mayHaveArrived() {
			why := how + " by " + inc.AcknowledgedBy
			d.send(inc, Row{Kind: MessageAcknowledge, Channel: row.Channel, People: []string{inc.AcknowledgedBy}, Pass: row.Pass, Step: row.Step, Why: why, NotBefore: d.env.Now})
			break
		}
	}
}

// Note writes a remark of a person into the timeline.
func (b *Book) Note(env Env, id, by, text string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("note on incident %q: %w", id, ErrUnknown)
	}
	d.note(&inc, "%s: %s", by, text)
	return d.change(), nil
}

// takeOver records that somebody has an incident which was acknowledged already. Saying the same again changes nothing.
func (d *draft) takeOver(inc Incident, by, note string) Change {
	if by == inc.AcknowledgedBy && note == "" {
		return Change{}
	}
	d.note(&inc, "acknowledged by %s, after %s%s", by, inc.AcknowledgedBy, remark(note))
	inc.AcknowledgedBy = by
	d.putIncident(inc)
	return d.change()
}

// Resolve records that somebody says it is over. A condition that goes on holding opens a new incident; the timeline
// says so.
func (b *Book) Resolve(env Env, id, by, note string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("resolve incident %q: %w", id, ErrUnknown)
	}
	for key, alert := range inc.Alerts {
		if alert.Firing && alert.Kind == KindState {
			d.note(&inc, "resolved by hand while it still held; if it goes on holding, a new incident opens: %s", alert.Summary)
		}
		alert.Firing = false
		inc.Alerts[key] = alert
	}
	d.resolve(&inc, by, "resolved by "+by+remark(note))
	return d.change(), nil
}

func remark(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

// Tick does what time alone brings about: due escalation steps, acknowledgements that ran out, occurrences that did
// not come back, and the filing away of incidents that are over and told.
func (b *Book) Tick(env Env) Change {
	d := b.draft(env)
	for _, id := range b.order() {
		inc, _ := d.incident(id)
		switch inc.State {
		case Triggered:
			if inc.Severity != SeverityInfo && !inc.Progress.Next.After(env.Now) {
				d.escalate(&inc)
			}
		case Acknowledged:
			d.acknowledgedFor(&inc)
		case Snoozed:
			if !inc.SnoozedUntil.After(env.Now) {
				d.triggerAgain(&inc, fmt.Sprintf("snoozed by %s until now and still open: triggered again", inc.AcknowledgedBy))
			}
		case Resolved:
			if b.told(id) {
				d.closed = append(d.closed, id)
			}
		}
	}
	return d.change()
}

// acknowledgedFor ends an acknowledgement that has lasted long enough.
func (d *draft) acknowledgedFor(inc *Incident) {
	now := d.env.Now
	if quietSince := inc.quietSince(); !quietSince.IsZero() && now.Sub(quietSince) >= ResolveAfter {
		d.resolve(inc, "", fmt.Sprintf("resolved: acknowledged, and not seen again for %s", ResolveAfter))
		return
	}
	timeout := inc.Policy.AckTimeout.Duration()
	if timeout <= 0 || inc.Severity != SeverityPage || now.Sub(inc.AcknowledgedAt) < timeout {
		return
	}
	d.triggerAgain(inc, fmt.Sprintf("acknowledged %s ago and still open: triggered again", timeout))
}

// triggerAgain takes an incident from whoever has it and begins its escalation anew.
func (d *draft) triggerAgain(inc *Incident, why string) {
	d.note(inc, "%s", why)
	d.withdraw(inc, "triggered again before it was sent")
	inc.untake()
	inc.Progress = escalation.Progress{}
	d.escalate(inc)
}

// take makes an incident somebody's.
func (inc *Incident) take(state State, by string, now time.Time) {
	inc.State, inc.AcknowledgedAt, inc.AcknowledgedBy, inc.SnoozedUntil = state, now, by, time.Time{}
	if inc.FirstAckAt.IsZero() {
		inc.FirstAckAt, inc.FirstAckBy = now, by
	}
}

// untake makes an incident nobody's.
func (inc *Incident) untake() {
	inc.State, inc.AcknowledgedAt, inc.AcknowledgedBy, inc.SnoozedUntil = Triggered, time.Time{}, "", time.Time{}
}

// quietSince is when an acknowledged incident that holds only occurrences last heard of one, or was acknowledged,
// whichever is later; zero when a state alert fires in it: that one has its own end.
func (inc Incident) quietSince() time.Time {
	since := inc.AcknowledgedAt
	for _, a := range inc.Alerts {
		if a.Firing && a.Kind != KindOccurrence {
			return time.Time{}
		}
		if a.At.After(since) {
			since = a.At
		}
	}
	return since
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
