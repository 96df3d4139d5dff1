package app

import (
	"context"
	"fmt"
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
	inc, row, ok := d.message(pageID)
	if !ok || !asksOne(row) {
		return public.Sent{}, false
	}
	return d.sent(inc, row), true
}

// message finds a message by its page id.
func (d desk) message(pageID string) (incident.Incident, incident.Row, bool) {
	key, ok := incident.ParsePageID(pageID)
	if !ok {
		return incident.Incident{}, incident.Row{}, false
	}
	inc, rows, _ := d.engine.Look(key.Incident)
	for _, row := range rows {
		if row.Seq == key.Seq {
			return inc, row, true
		}
	}
	return incident.Incident{}, incident.Row{}, false
}

// Texted implements [public.Desk].
func (d desk) Texted(number string) (all []public.Sent, known bool) {
	people := d.contacts().PeopleAt(schedule.ChannelSMS, number)
	if len(people) == 0 {
		return nil, false
	}
	for _, id := range d.engine.IDs() {
		inc, rows, ok := d.engine.Look(id)
		if !ok {
			continue
		}
		for _, row := range rows {
			if !asksOne(row) || row.Channel != schedule.ChannelSMS || !slices.Contains(people, row.People[0]) {
				continue
			}
			if sent := d.sent(inc, row); inc.State != incident.Resolved || len(sent.Others) > 0 {
				all = append(all, sent)
			}
		}
	}
	return all, true
}

// asksOne says that a message asks one person to act, who is not asked by PagerDuty.
func asksOne(row incident.Row) bool {
	return row.Kind == incident.MessageTrigger && len(row.People) == 1 && row.Channel != incident.ChannelPagerDuty
}

func (d desk) sent(inc incident.Incident, row incident.Row) public.Sent {
	return public.Sent{Incident: inc, PageID: row.PageID(), Person: row.People[0], Channel: row.Channel, Others: d.engine.Merged(row)}
}

// Acknowledge implements [public.Desk].
func (d desk) Acknowledge(ctx context.Context, s public.Sent, note string) error {
	_, row, ok := d.message(s.PageID)
	if !ok {
		return fmt.Errorf("acknowledge page %q: %w", s.PageID, incident.ErrUnknown)
	}
	return d.engine.AcknowledgePage(ctx, row, s.Person, note)
}

// Heed implements [public.Desk].
func (d desk) Heed(ctx context.Context, e pagerduty.Event) error {
	if d.elsewhere == nil {
		return nil
	}
	return d.elsewhere.heed(ctx, e)
}
