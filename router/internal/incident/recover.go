package incident

import (
	"fmt"
	"time"

	"nezuban/oncall/escalation"
)

// Recover makes every row that was being sent when the router died pending again, marked as a possible repeat, unless
// the incident has moved on meanwhile: a page that came after the news that it is over would never be taken back.
func (b *Book) Recover(env Env) Change {
	d := b.draft(env)
	for _, id := range b.IDs() {
		d.catchUp(id)
		for _, row := range d.rowsOf(id) {
			if row.Status != RowSending {
				d.mend(row)
				continue
			}
			inc, _ := d.incident(id)
			row.Status, row.Repeat, row.NotBefore = RowPending, true, earlier(row.NotBefore, env.Now)
			if quiet := d.calmly(inc, row, env.Now); quiet.After(env.Now) {
				row.NotBefore = quiet
			}
			if !inc.wants(row.Kind) {
				d.cancel(&inc, row, fmt.Sprintf("%s before the router, restarted meanwhile, knew whether it was sent", inc.State))
				continue
			}
			d.putRow(row)
			d.note(&inc, "the router was restarted while %s was being sent: sending it again", row.describe())
		}
	}
	c := d.change()
	c.Silences = b.silencesAhead(env.Now)
	return c
}

// catchUp moves an incident that was stored in the future to the present: the clock was ahead in the router's last life,
// and what is to come, counted from there, would come as much too late.
func (d *draft) catchUp(id string) {
	inc, _ := d.incident(id)
	rows := d.rowsOf(id)
	defer d.askAnew(id)
	ahead := d.latest(inc, rows).Sub(d.env.Now)
	if ahead <= 0 {
		return
	}
	for _, row := range rows {
		row.Created, row.NotBefore = row.Created.Add(-ahead), row.NotBefore.Add(-ahead)
		row.FirstTry, row.Began = before(row.FirstTry, ahead), before(row.Began, ahead)
		d.putRow(row)
	}
	inc.Progress.Started, inc.Progress.Next = before(inc.Progress.Started, ahead), before(inc.Progress.Next, ahead)
	if inc.HeardAt.After(d.env.Now) {
		inc.HeardAt = d.env.Now
	}
	if inc.AcknowledgedAt.After(d.env.Now) {
		inc.AcknowledgedAt = d.env.Now
	}
	inc.OpenedAt, inc.GroupUntil = inc.OpenedAt.Add(-ahead), before(inc.GroupUntil, ahead)
	inc.QuietAt, inc.RetriggerAt = before(inc.QuietAt, ahead), before(inc.RetriggerAt, ahead)
	inc.ReleaseAt = before(inc.ReleaseAt, ahead)
	if inc.ResolvedAt.After(d.env.Now) {
		inc.ResolvedAt = d.env.Now
	}
	d.note(&inc, "the clock was put back by %s or more: what is to come counts from now", ahead.Round(time.Second))
}

// askAnew takes back a next step that is later than any can be while nothing was sent: the clock was ahead when the step was
// held, or reached nobody, which leaves no row that says when that was. What is held now is held again.
func (d *draft) askAnew(id string) {
	inc, _ := d.incident(id)
	if inc.State != Triggered || (!inc.Progress.Held && len(d.rowsOf(id)) > 0) {
		return
	}
	limit := d.env.Now.Add(escalation.FallbackEvery) // longer than a restore puts it off
	if end := inc.policy().Hold.Until(d.env.Now); end.After(limit) {
		limit = end
	}
	if inc.Progress.Next.After(limit) {
		inc.Progress.Next = d.env.Now
		d.note(&inc, "the clock was put back: its next step is looked for anew")
	}
}

// silencesAhead are the silences that a clock which was ahead has made or ended in the future, as if that were done now. One
// that was to begin at a time of its own still does.
func (b *Book) silencesAhead(now time.Time) []Silence {
	list := b.silencesThat(func(s Silence) bool { return s.Created.After(now) || (s.EndedBy != "" && !s.Over(now)) })
	for i, s := range list {
		if s.Created.After(now) {
			if s.From.Equal(s.Created) {
				s.From = now
			}
			s.Created = now
		}
		if s.EndedBy != "" && !s.Over(now) {
			s.Until = now
			s.From = earlier(s.From, s.Until)
		}
		list[i] = s
	}
	return list
}

// latest is the latest time at which something is known to have been decided about an incident.
func (d *draft) latest(inc Incident, rows []Row) time.Time {
	latest := inc.OpenedAt
	for _, at := range []time.Time{
		inc.Progress.Started, inc.AcknowledgedAt, inc.ResolvedAt, before(inc.QuietAt, d.book.settings.Flapping.Quiet),
		before(inc.RetriggerAt, max(Settle, restoreGrace)), before(inc.ReleaseAt, max(ReleaseAfter, restoreGrace)), // a restore may have put them off
	} {
		if at.After(latest) {
			latest = at
		}
	}
	for _, row := range rows {
		for _, at := range []time.Time{row.Created, row.FirstTry, row.Began} {
			if at.After(latest) {
				latest = at
			}
		}
	}
	return latest
}

// before is a time, if there is one, so much earlier.
func before(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-d)
}
