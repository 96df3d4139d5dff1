package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RuleRestored is the rule id of the incident that tells of a restore.
const RuleRestored = "nezuban-state-restored"

// restoreGrace is for how long after a restore nobody is called for what was open in the backup: time to read the one
// message that lists it.
const restoreGrace = 15 * time.Minute

// Hold is a row that a restore brings back although nobody knows whether it was sent: it is not sent any more.
func (r Row) Hold() Row {
	r.Status, r.Held, r.Reason = RowCancelled, true, "held: the state was restored from a backup"
	return r
}

// Restored tells whoever is on call that the state came from a backup, in one message that lists what is open, and gives
// them some time before escalation goes on: what is open in a backup may be over long since. At is when the backup was brought back, and
// held the number of messages that were not sent. The same restore told again changes nothing for them; what an earlier one had told
// of is over.
func (b *Book) Restored(env Env, at, taken time.Time, held int) Change {
	d := b.draft(env)
	resume := env.Now.Add(restoreGrace)
	severity := SeverityTicket
	nobodys := 0
	var unsent, told []string // of what is open: whether a page that was on its way is held
	for _, id := range b.IDs() {
		inc, _ := d.incident(id)
		if inc.State == Resolved || inc.PartOf != "" || inc.Lead().Rule == RuleRestored {
			continue
		}
		if inc.Severity == SeverityPage {
			severity = SeverityPage
		}
		if inc.State == Triggered {
			nobodys++
		}
		line := id + " " + short(inc.Lead().Summary)
		lost := d.noteHeld(&inc)
		if lost {
			unsent = append(unsent, line)
		} else {
			told = append(told, line)
		}
		if inc.postpone(resume, lost) {
			d.note(&inc, "the state was restored from a backup of %s: nothing is sent for this incident before %s", stamp(taken), stamp(resume))
		}
	}
	open := slices.Concat(unsent, told)
	summary := fmt.Sprintf("the router's state was restored from a backup of %s, and %d messages were not sent; ", stamp(taken), held)
	reason := ""
	switch {
	case len(open) == 0:
		summary += "no incident is open in it"
	case nobodys == 0:
		summary += fmt.Sprintf("%d incidents are open in it, and somebody has each", len(open))
	default:
		summary += fmt.Sprintf("%d incidents are open in it: acknowledge or resolve the %d that nobody has, or their escalation goes on at %s", len(open), nobodys, stamp(resume))
	}
	if len(open) > 0 {
		reason = "open, the untold first: " + listed(open)
	}
	d.tellOfRestore(Alert{
		Key: DedupKey(RuleRestored), Rule: RuleRestored, Kind: KindOccurrence, Firing: true, Severity: severity,
		Summary: clip(summary), Reason: clip(reason), At: env.Now, Event: fmt.Sprintf("restore of %s at %s", stamp(taken), at.UTC().Format(time.RFC3339Nano)),
	})
	return d.change()
}

// noteHeld says of each message of an incident that is held that it is not sent, and reports whether one of them was to call somebody.
func (d *draft) noteHeld(inc *Incident) (lost bool) {
	for _, row := range d.rowsOf(inc.ID) {
		if row.Held {
			d.note(inc, "cancelled %s: %s", row.describe(), row.Reason)
			lost = lost || row.Kind == MessageTrigger
		}
	}
	return lost
}

// tellOfRestore opens the incident of a restore. One that is open in the backup was of an earlier restore, of which the message says
// nothing that still holds.
func (d *draft) tellOfRestore(alert Alert) {
	inc, ok := d.open(alert.Key)
	if ok && inc.Alerts[alert.Key].Event == alert.Event {
		d.again(inc, alert)
		return
	}
	if ok {
		inc.quieten()
		d.resolve(&inc, "", "resolved: the state was restored once more")
	}
	d.begin(alert)
}

// postpone puts off what time alone would bring about, and reports whether there is something to. Of an incident of which a page is lost
// the escalation goes on then, however long its step would wait.
func (inc *Incident) postpone(until time.Time, lost bool) bool {
	if inc.Severity == SeverityInfo {
		return false
	}
	off := false
	put := func(at *time.Time) {
		if at.Before(until) {
			*at, off = until, true
		}
	}
	timeout := inc.policy().AckTimeout.Duration()
	switch {
	case inc.State == Triggered && lost:
		inc.Progress.Next, off = until, true
	case inc.State == Triggered:
		put(&inc.Progress.Next)
	case inc.State == Snoozed:
		put(&inc.SnoozedUntil)
	case timeout > 0 && inc.AcknowledgedAt.Add(timeout).Before(until):
		inc.AcknowledgedAt, off = until.Add(-timeout), true
	}
	if !inc.RetriggerAt.IsZero() {
		put(&inc.RetriggerAt)
	}
	if inc.Suppressed != "" && (inc.firing() || inc.OpenParts > 0) { // its reason may be over since, or soon
		put(&inc.ReleaseAt)
	}
	return off
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 MST") }

// listed names the first of a list, as many as a message has room for.
func listed(items []string) string {
	const named = 12
	if more := len(items) - named; more > 0 {
		return fmt.Sprintf("%s; and %d more, see nezuban-router incidents", strings.Join(items[:named], "; "), more)
	}
	return strings.Join(items, "; ")
}

// short is the beginning of a summary, for a list.
func short(text string) string {
	const longest = 50
	if text = clip(text); len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
