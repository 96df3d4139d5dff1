package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/escalation"
)

// RuleStalled is the rule id of the incident that tells of others which stood still.
const RuleStalled = "nezuban-escalation-stalled"

// What the audit goes by.
const (
	auditEvery     = time.Minute
	auditSlack     = restoreGrace + time.Minute // a restore may put off what time brings
	longestAttempt = 5 * time.Minute            // to send a row: far more than the deliverer gives one
	longestQuiet   = 24 * time.Hour             // that an incident which flaps may be made to wait for
)

// audit looks for open incidents that nothing would ever bring on: no time alone, no person, no answer of a provider. There
// is no way to make one; should there be one all the same, its next step is taken now, and somebody is paged for the mistake.
func (d *draft) audit() {
	now := d.env.Now
	d.book.tickedAt(now)
	if b := d.book; now.Before(b.audited.Add(auditEvery)) && !now.Before(b.audited) {
		return
	}
	var found []string
	for id := range d.book.incidents {
		inc, _ := d.incident(id)
		if inc.State == Resolved || d.stands(inc) == "" && !d.stuck(id) {
			continue
		}
		found = append(found, id)
	}
	if len(found) == 0 {
		d.book.audited = now // nothing that is stored, as with reviewed
		return
	}
	slices.Sort(found)
	for _, id := range found {
		d.bringOn(id)
	}
}

// tickedAt remembers since when the ticks have come without a gap. It is nothing that is stored.
func (b *Book) tickedAt(now time.Time) {
	if now.Sub(b.ticked) > auditEvery {
		b.steady = now
	}
	b.ticked = now
}

// stands says what is wrong with what the incident waits for; "" when that will come.
func (d *draft) stands(inc Incident) string {
	now := d.env.Now
	never := func(at time.Time, longest time.Duration) bool { return at.IsZero() || at.Sub(now) > longest+auditSlack }
	switch {
	case inc.PartOf != "":
		if head, ok := d.incident(inc.PartOf); !ok || head.State == Resolved {
			return fmt.Sprintf("it is a part of incident %s, which is over", inc.PartOf)
		}
		return ""
	case !inc.QuietAt.IsZero() && (inc.firing() || inc.OpenParts > 0):
		return "it waits to be quiet, and fires"
	case !inc.QuietAt.IsZero() && never(inc.QuietAt, longestQuiet):
		return "it waits to be quiet until " + stamp(inc.QuietAt)
	case !inc.QuietAt.IsZero():
		return ""
	case !inc.ReleaseAt.IsZero() && never(inc.ReleaseAt, ReleaseAfter):
		return "it waits for what hid it until " + stamp(inc.ReleaseAt)
	case inc.Suppressed != "" && (inc.firing() || inc.OpenParts > 0) && inc.ReleaseAt.IsZero() && d.hushOf(inc).why == "":
		return "it is suppressed for a reason that is over: " + inc.Suppressed
	}
	switch inc.State {
	case Triggered:
		if inc.Suppressed == "" && inc.Severity != SeverityInfo && never(inc.Progress.Next, escalation.LongestWait(*inc.policy(), string(inc.Severity))) {
			return "it is triggered, and its next step is at " + when(inc.Progress.Next)
		}
	case Acknowledged:
		if never(inc.AcknowledgedAt, 0) {
			return "it was acknowledged at " + when(inc.AcknowledgedAt)
		}
		if !inc.RetriggerAt.IsZero() && never(inc.RetriggerAt, Settle) {
			return "it triggers again at " + stamp(inc.RetriggerAt)
		}
	case Snoozed:
		if never(inc.SnoozedUntil, LongestSnooze) {
			return "it is snoozed until " + when(inc.SnoozedUntil)
		}
	case Resolved:
	default:
		return fmt.Sprintf("its state is %q", inc.State)
	}
	return ""
}

func when(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return stamp(t)
}

// stuck says that an attempt to send a message of the incident has lasted longer than any can.
func (d *draft) stuck(id string) bool {
	return slices.ContainsFunc(d.book.rows[id], d.overdue)
}

// overdue says that the attempt under way should have ended long since. After a gap in the ticks, in which the store was
// away or the machine asleep, it has the whole time anew.
func (d *draft) overdue(row Row) bool {
	began := row.Began
	if began.IsZero() { // of an older release
		began = row.NotBefore
	}
	if began.Before(d.book.steady) {
		began = d.book.steady
	}
	return row.Status == RowSending && d.env.Now.Sub(began) > longestAttempt
}

// bringOn takes the next step of an incident that stands still, sends anew what is stuck, and pages for it.
func (d *draft) bringOn(id string) {
	inc, _ := d.incident(id)
	why := []string{}
	if what := d.stands(inc); what != "" {
		why = append(why, what)
		d.note(&inc, "it stood still, its next step is taken now: %s", what)
		d.restart(&inc)
	}
	for _, row := range d.rowsOf(id) {
		if !d.overdue(row) {
			continue
		}
		why = append(why, row.describe()+" has been under way since "+when(row.Began))
		d.note(&inc, "it stood still, sending again: %s", why[len(why)-1])
		row.Status, row.Repeat, row.NotBefore = RowPending, true, d.env.Now
		d.putRow(row)
		d.settle(&inc, row)
	}
	d.take(Alert{
		Key: DedupKey(RuleStalled), Rule: RuleStalled, Kind: KindOccurrence, Firing: true, Severity: SeverityPage,
		Summary: clip(fmt.Sprintf("incident %s stood still, and goes on now: %s", id, strings.Join(why, "; "))),
		Reason:  "the router has made a mistake: each open incident must have a next step",
		At:      d.env.Now, Event: fmt.Sprintf("%s at %d", id, d.env.Now.UnixNano()),
	})
}

// restart begins the escalation of an incident anew, whoever has it and whatever it waits for.
func (d *draft) restart(inc *Incident) {
	inc.PartOf, inc.QuietAt, inc.ReleaseAt = "", time.Time{}, time.Time{}
	inc.Suppressed, inc.SuppressedBy = "", ""
	inc.untake()
	inc.Progress = escalation.Progress{}
	d.putIncident(*inc)
	if !inc.firing() && inc.OpenParts == 0 {
		d.over(inc, "resolved: nothing of it fires any more")
		return
	}
	if h := d.hushOf(*inc); h.why != "" {
		d.suppress(inc, h)
	}
	d.withdraw(inc, "it goes out anew")
	d.escalate(inc)
}
