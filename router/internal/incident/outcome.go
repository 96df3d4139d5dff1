package incident

import (
	"slices"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

// Outcome is what became of one attempt to send a row.
type Outcome struct {
	ProviderID string        // what the provider calls the message; set beside an error when something was made there
	How        string        // without Err: by which way it went, if that is worth saying
	Err        error         // nil: the provider took it
	Permanent  bool          // with Err: trying again is useless
	After      time.Duration // with Err: the provider asked for at least this pause
	Remark     string        // something else to be said of it in the timeline, with the first attempt; "" for nothing
}

// Backoff between attempts of one row.
const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// impatience is how long a row may fail before the person's next channel is asked without waiting its delay.
	impatience = 30 * time.Second
)

// backoff is the pause before the attempt after the given number of failed ones.
func backoff(attempts int) time.Duration {
	d := firstBackoff
	for range min(max(attempts-1, 0), 10) {
		d *= 2
	}
	return min(d, lastBackoff)
}

// Finish records what became of an attempt.
func (b *Book) Finish(env Env, key RowKey, out Outcome) Change {
	d := b.draft(env)
	row, ok := d.row(key)
	inc, open := d.incident(key.Incident)
	if !ok || !open || row.Status != RowSending {
		return Change{}
	}
	if out.ProviderID != "" {
		row.ProviderID = out.ProviderID
	}
	if out.Remark != "" && row.Attempt == 1 {
		d.note(&inc, "%s", out.Remark)
	}
	switch {
	case out.Err == nil:
		row.Status, row.Reason, row.Repeat = RowSent, "", false
		d.note(&inc, "sent %s%s", row.describe(), remark(out.How))
	case out.Permanent:
		row.Status, row.Reason = RowFailed, clip(out.Err.Error())
		d.note(&inc, "failed %s: %s", row.describe(), row.Reason)
	default:
		row.Status, row.Repeat = RowPending, true
		row.NotBefore = d.calmly(inc, row, env.Now.Add(max(backoff(row.Attempt), out.After)))
		reason := clip(out.Err.Error())
		if reason != row.Reason {
			d.note(&inc, "could not send %s, trying again: %s", row.describe(), reason)
		}
		row.Reason = reason
	}
	d.putRow(row)
	d.settle(&inc, row)
	return d.change()
}

// settle follows up a row that just ended or failed: a message overtaken while its attempt ran is cancelled, and a
// person whose channel does not work is reached by the next one.
func (d *draft) settle(inc *Incident, row Row) {
	if row.Status == RowPending && !inc.wants(row.Kind) {
		d.cancel(inc, row, inc.overtook())
		return
	}
	if row.Kind != MessageTrigger || row.Status == RowSent {
		return
	}
	// One that its provider makes wait for too long is as good as one that has failed for as long; not one that waits for the
	// end of quiet hours.
	again := d.env.Now.Add(backoff(row.Attempt))
	putOff := row.NotBefore.After(again) && row.NotBefore.Sub(row.Created) >= impatience && !d.mustWait(*inc, row, again)
	if row.Status == RowFailed || putOff || d.env.Now.Sub(row.Created) >= impatience {
		if inc.State == Triggered {
			d.nextChannel(inc, row)
		}
		d.failMerged(row)
	}
}

// nextChannel brings forward the next waiting message to the people of a row that fails; when they have none left
// and nobody else of the step is being reached, the next step of the policy is taken at once, unless it has been already.
func (d *draft) nextChannel(inc *Incident, failing Row) {
	reaching := false
	for _, other := range d.rowsOf(inc.ID) {
		reaching = reaching || other.Kind == MessageTrigger && other.Created.After(failing.Created)
		sameStep := other.Created.Equal(failing.Created)
		if other.Kind != MessageTrigger || other.Seq == failing.Seq || !sameStep {
			continue
		}
		waits := other.Status == RowPending && other.Attempt == 0 && other.NotBefore.After(d.env.Now)
		if waits && shares(other.People, failing.People) && !d.mustWait(*inc, other, d.env.Now) {
			other.NotBefore = d.env.Now
			d.putRow(other)
			d.note(inc, "%s does not get through: %s goes out at once", failing.describe(), other.describe())
			return
		}
		reaching = reaching || other.reaching()
	}
	if reaching {
		return
	}
	if inc.Progress.Fallback && failing.Status == RowFailed {
		d.fallbackSooner(inc)
		return
	}
	if !failing.Hurried && !inc.Progress.Fallback && inc.Progress.Next.After(d.env.Now) {
		failing.Hurried = true
		d.putRow(failing)
		inc.Progress.Next = d.env.Now
		d.note(inc, "nobody of this step can be reached: taking the next step at once")
	}
}

// firstDespair is how long after its fallback was refused for good an incident that reaches nobody tells it again.
const firstDespair = time.Minute

// fallbackSooner tells the fallback again before its half hour when it reached nobody at all: what refuses every message, such
// as a token that has run out, is mended by somebody who is not waiting for this page. The pauses grow as the incident does.
func (d *draft) fallbackSooner(inc *Incident) {
	next := d.env.Now.Add(max(d.env.Now.Sub(inc.Progress.Started), firstDespair))
	if !next.Before(inc.Progress.Next) {
		return
	}
	inc.Progress.Next = next
	d.note(inc, "nobody was reached: the fallback is told again at %s", stamp(next))
}

// mustWait reports whether somebody whom a row names is not to be disturbed at a time: theirs has not come, whatever fails.
func (d *draft) mustWait(inc Incident, row Row, at time.Time) bool {
	return d.awake(inc, row, at).After(at)
}

// awake is when all whom a row names may be disturbed that is due at a time: for a ticket after any hold and quiet hours.
func (d *draft) awake(inc Incident, row Row, due time.Time) time.Time {
	at := due
	if inc.Severity != SeverityTicket || d.env.Rotation == nil {
		return at
	}
	for _, person := range row.People {
		if released := escalation.Release(*inc.policy(), d.env.Rotation, person, string(inc.Severity), due); released.After(at) {
			at = released
		}
	}
	return at
}

// calmly is when a row that is due at a time goes out: what asks somebody to look, and news that makes a sound, waits for the
// end of hold and quiet hours. Other news does not: an incident that is over is closed at PagerDuty at once.
func (d *draft) calmly(inc Incident, row Row, due time.Time) time.Time {
	if row.Kind != MessageTrigger && row.Channel != schedule.ChannelSMS {
		return due
	}
	return d.awake(inc, row, due)
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(person string) bool { return slices.Contains(b, person) })
}
