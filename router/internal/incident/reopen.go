package incident

import (
	"time"

	"nezuban/oncall/escalation"
)

// Flapping says when an incident that comes and goes is held open instead. The zero value: never.
type Flapping struct {
	Reopenings int           // so many of them
	Within     time.Duration // in this time make it flap
	Quiet      time.Duration // and it is over when nothing of it has fired for so long
}

// Settle is how long an incident that somebody had may fire again before it pages again.
const Settle = 2 * time.Minute

// closing is the resolved incident that held a dedup key last, while it may still be opened again.
func (d *draft) closing(key string) (Incident, bool) {
	for _, ids := range []map[string]string{d.byKey, d.book.byKey, d.book.lately} {
		id, ok := ids[key]
		if !ok {
			continue
		}
		if inc, ok := d.incident(id); ok && inc.State == Resolved && d.reopens(inc) {
			return inc, true
		}
	}
	return Incident{}, false
}

// reopens says that what fires again still opens a resolved incident again; a part for as long as its incident is open or would
// be opened again itself.
func (d *draft) reopens(inc Incident) bool {
	if head, ok := d.incident(inc.PartOf); ok {
		inc = head
	}
	return inc.State != Resolved || d.env.Now.Sub(inc.ResolvedAt) < d.book.settings.ReopenWithin
}

// reopened opens the incident again that an alert was in, if that was over only a short time ago.
func (d *draft) reopened(alert Alert) bool {
	inc, ok := d.closing(alert.Key)
	if !ok {
		return false
	}
	if inc.PartOf == "" {
		d.reopen(&inc, alert)
		return true
	}
	head, ok := d.incident(inc.PartOf)
	if !ok {
		return false
	}
	inc.State, inc.ResolvedAt, inc.ResolvedBy = Triggered, time.Time{}, ""
	inc.fire(alert)
	d.note(&inc, "again: %s", alert.Summary)
	head.OpenParts, head.QuietAt = head.OpenParts+1, time.Time{}
	head.MoreStates = head.MoreStates || alert.Kind == KindState
	head.seePart(alert)
	if head.State == Resolved {
		d.reopen(&head, alert)
		return true
	}
	d.putIncident(head)
	d.stir(&head, alert, true)
	return true
}

// fire takes in an alert that the incident holds already.
func (inc *Incident) fire(alert Alert) {
	if held, ok := inc.Alerts[alert.Key]; ok {
		if held.Firing {
			alert.Before = held.Before // what changed before it began says more than what changed since
		}
		held.Alert = alert
		held.Count++
		inc.set(held)
	}
}

// reopen makes a resolved incident an open one: what was told as being over is not. It pages again at once, but when
// somebody had it until the alerts ended by themselves: then only if it goes on for [Settle]. One that has come back too
// often flaps: from then on it stays open until it has been quiet, and pages no more for coming back.
func (d *draft) reopen(inc *Incident, alert Alert) {
	now, flapping := d.env.Now, d.book.settings.Flapping
	had := inc.AcknowledgedBy != "" && inc.ResolvedBy == "" && alert.Severity.Rank() <= inc.Severity.Rank()
	d.anew(inc, "opened again: it fires %s after it was resolved: %s", now.Sub(inc.ResolvedAt).Round(time.Second), alert.Summary)
	inc.fire(alert)
	inc.State, inc.ResolvedAt, inc.ResolvedBy = Triggered, time.Time{}, ""
	inc.Severity, inc.Progress = alert.Severity, escalation.Progress{} // all its other alerts are over
	inc.countReopening(now, flapping)
	if _, within := d.book.settings.group(alert); inc.Group != "" {
		inc.GroupUntil = now.Add(within)
	}
	d.unsay(inc)
	inc.Suppressed, inc.SuppressedBy = "", ""
	d.appears(inc.ID, alert)
	if h := d.hush(alert); h.why != "" {
		inc.untake()
		d.suppress(inc, h)
	}
	inc.Flapping = flapping.Reopenings > 0 && len(inc.Reopenings) >= flapping.Reopenings
	switch {
	case inc.Flapping:
		inc.Flaps = len(inc.Reopenings)
		d.note(inc, "it flaps: opened again %d times within %s; it stays open until it has been quiet for %s", inc.Flaps, flapping.Within, flapping.Quiet)
	case had && inc.Suppressed == "":
		inc.State, inc.AcknowledgedAt, inc.RetriggerAt = Acknowledged, now, now.Add(Settle)
		d.note(inc, "%s had it: nobody is paged, unless it goes on for %s", inc.AcknowledgedBy, Settle)
		return
	}
	inc.untake()
	d.putIncident(*inc)
	d.escalate(inc)
}

// countReopening remembers when the incident was opened again lately.
func (inc *Incident) countReopening(now time.Time, f Flapping) {
	var lately []time.Time
	for _, at := range inc.Reopenings {
		if now.Sub(at) < f.Within {
			lately = append(lately, at)
		}
	}
	lately = append(lately, now)
	inc.Reopenings = lately[max(len(lately)-max(f.Reopenings, 1), 0):]
}

// unsay withdraws the news that the incident is over from those whom it has not reached yet.
func (d *draft) unsay(inc *Incident) {
	for _, row := range d.rowsOf(inc.ID) {
		if row.Kind == MessageResolve && row.Status == RowPending {
			d.cancel(inc, row, "opened again before it was sent")
		}
	}
}

// over ends an incident of which nothing fires any more; one that flaps only when it has been quiet.
func (d *draft) over(inc *Incident, text string) {
	quiet := d.book.settings.Flapping.Quiet
	if !inc.Flapping || quiet <= 0 {
		d.resolve(inc, "", text)
		return
	}
	inc.QuietAt = d.env.Now.Add(quiet)
	if isMilestone(inc.Flaps) || inc.Flaps == len(inc.Reopenings) {
		d.note(inc, "nothing of it fires, and it flaps: it is over if that lasts for %s", quiet)
	}
	d.putIncident(*inc)
}

// flap ends the quiet of an incident that flaps.
func (inc *Incident) flap() {
	if !inc.QuietAt.IsZero() {
		inc.QuietAt = time.Time{}
		inc.Flaps++
	}
}

// KnownAs is what a provider calls what a message is about, as far as earlier messages to where it goes have said; "" for
// nothing. What was resolved there is another one when the incident is opened again.
func KnownAs(rows []Row, row Row) string {
	id := ""
	for _, other := range rows {
		switch {
		case other.Destination() != row.Destination():
		case other.Kind == MessageResolve && other.Seq < row.Seq && other.mayHaveArrived():
			id = ""
		case other.ProviderID != "":
			id = other.ProviderID
		}
	}
	return id
}
