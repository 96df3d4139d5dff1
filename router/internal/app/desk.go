package app

import (
	"context"
	"slices"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/public"
)

// desk is what package public asks and does.
type desk struct {
	engine    *duty.Engine
	elsewhere *elsewhere // nil: there is no PagerDuty
	contacts  func() *escalation.Contacts
}

// Sent implements [public.Desk].
func (d desk) Sent(pageID string) (public.Sent, bool) {
	key, ok := incident.ParsePageID(pageID)
	if !ok {
		return public.Sent{}, false
	}
	inc, rows, ok := d.engine.Look(key.Incident)
	if !ok {
		return public.Sent{}, false
	}
	for _, row := range rows {
		if row.Seq == key.Seq && asksOne(row) {
			return sent(inc, row), true
		}
	}
	return public.Sent{}, false
}

// Texted implements [public.Desk].
func (d desk) Texted(number string) (all []public.Sent, known bool) {
	people := d.contacts().PeopleAt(schedule.ChannelSMS, number)
	if len(people) == 0 {
		return nil, false
	}
	for _, open := range d.engine.Incidents() {
		inc, rows, _ := d.engine.Look(open.ID)
		if inc.State == incident.Resolved {
			continue
		}
		for _, row := range rows {
			if asksOne(row) && row.Channel == schedule.ChannelSMS && slices.Contains(people, row.People[0]) {
				all = append(all, sent(inc, row))
			}
		}
	}
	return all, true
}

// asksOne says that a message asks one person to act, who is not asked by PagerDuty.
func asksOne(row incident.Row) bool {
	return row.Kind == incident.MessageTrigger && len(row.People) == 1 && row.Channel != incident.ChannelPagerDuty
}

func sent(inc incident.Incident, row incident.Row) public.Sent {
	return public.Sent{Incident: inc, PageID: row.PageID(), Person: row.People[0], Channel: row.Channel}
}

// Acknowledge implements [public.Desk].
func (d desk) Acknowledge(ctx context.Context, id, by, note string) error {
	return d.engine.AcknowledgeOnce(ctx, id, by, note)
}

// Heed implements [public.Desk].
func (d desk) Heed(ctx context.Context, e pagerduty.Event) error {
	if d.elsewhere == nil {
		return nil
	}
	return d.elsewhere.heed(ctx, e)
}
