package incident

import (
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// holders are the messages by which people hold the incident: of each destination the last trigger that has, or may have,
// arrived, unless the news that it is over followed.
func (d *draft) holders(id string) []Row {
	var held []Row
	for _, row := range d.rowsOf(id) {
		dest := row.Destination()
		switch {
		case !row.mayHaveArrived():
		case row.Kind == MessageResolve && row.Status != RowSent && row.Status != RowSending: // withdrawn, it may not have arrived
		case row.Kind == MessageResolve:
			held = slices.DeleteFunc(held, func(r Row) bool { return r.Destination() == dest })
		case row.Kind == MessageTrigger:
			if at := slices.IndexFunc(held, func(r Row) bool { return r.Destination() == dest }); at >= 0 {
				held[at] = row
			} else {
				held = append(held, row)
			}
		}
	}
	return held
}

// follow is a further message to where a row went.
func (r Row) follow(kind MessageKind, why string, at time.Time) Row {
	return Row{Kind: kind, Channel: r.Channel, People: r.People, Pass: r.Pass, Step: r.Step, Why: why, NotBefore: at}
}

// assigned is whom PagerDuty's incident is assigned to: the people of the last trigger it may have seen.
func (d *draft) assigned(id string) []string {
	for _, row := range d.holders(id) {
		if row.Channel == ChannelPagerDuty {
			return row.People
		}
	}
	return nil
}

// withdraw cancels the messages that are still waiting: what they say holds no more.
func (d *draft) withdraw(inc *Incident, reason string) {
	for _, row := range d.rowsOf(inc.ID) {
		if row.Kind != MessageResolve && row.Status == RowPending {
			d.cancel(inc, row, reason)
		}
	}
}

// update tells everybody who was paged that the incident has grown: one message each for all that comes within a short
// time. It is written when it goes out, so that one which waits already tells of this too. While somebody has the incident,
// or it pages nobody, the timeline tells enough.
func (d *draft) update(inc *Incident) {
	if !inc.wants(MessageUpdate) {
		return
	}
	rows := d.rowsOf(inc.ID)
	for _, holder := range d.holders(inc.ID) {
		more := holder.follow(MessageUpdate, "more belongs to it", d.env.Now)
		at := d.calmly(*inc, more, d.env.Now.Add(updateWithin))
		gap := updateGap(holder.Channel)
		waits := gap == 0
		for _, row := range rows {
			if row.Destination() != holder.Destination() {
				continue
			}
			if row.Kind == MessageTrigger && row.Status == RowPending && row.Attempt == 0 && !row.NotBefore.After(at) { // it tells of this too
				waits = true
			}
			if row.Kind != MessageUpdate {
				continue
			}
			waits = waits || row.Status == RowPending
			if next := row.NotBefore.Add(gap); next.After(at) {
				at = next
			}
		}
		if !waits {
			more.NotBefore = d.calmly(*inc, more, at)
			d.send(inc, more)
		}
	}
}

// updateGap is the least time between two updates by a channel; 0: it brings none. What makes a sound brings few.
func updateGap(channel string) time.Duration {
	switch channel {
	case schedule.ChannelCall:
		return 0
	case schedule.ChannelSMS:
		return time.Minute
	}
	return updateWithin
}
