package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/escalation"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/pagerduty"
)

// elsewhere follows what people do in PagerDuty's own app: by its webhooks at once, and by asking from time to time for
// what a webhook may have missed.
type elsewhere struct {
	engine   *duty.Engine
	pager    *pagerduty.Pager
	contacts func() *escalation.Contacts
	trouble  *daemon.Condition
	soon     chan struct{} // holds one token when PagerDuty is to be asked at once
}

func newElsewhere(e *duty.Engine, p *pagerduty.Pager, contacts func() *escalation.Contacts, trouble *daemon.Condition) *elsewhere {
	return &elsewhere{engine: e, pager: p, contacts: contacts, trouble: trouble, soon: make(chan struct{}, 1)}
}

// The pause between two looks, and how long one may take.
const (
	reconcileEvery  = time.Minute
	reconcileWithin = 45 * time.Second
)

// run asks PagerDuty again and again until ctx ends. While no open incident is there, it asks nothing.
func (w *elsewhere) run(ctx context.Context) {
	ticker := time.NewTicker(reconcileEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.soon:
		}
		looking, cancel := context.WithTimeout(ctx, reconcileWithin)
		err := w.reconcile(looking)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.trouble.Failed(err)
		default:
			w.trouble.OK()
		}
	}
}

// kinds are the events that matter here.
func kinds() map[string]incident.ReportKind {
	return map[string]incident.ReportKind{
		pagerduty.EventAcknowledged: incident.ReportAcknowledged,
		pagerduty.EventResolved:     incident.ReportResolved,
		pagerduty.EventReassigned:   incident.ReportReassigned,
		pagerduty.EventDelegated:    incident.ReportReassigned,
		pagerduty.EventEscalated:    incident.ReportReassigned,
	}
}

// heed takes in a webhook. Who is in no contacts may be somebody, or the user in whose name this router writes: PagerDuty
// is asked about that one, which must not make it wait.
func (w *elsewhere) heed(ctx context.Context, e pagerduty.Event) error {
	kind, ok := kinds()[e.Type]
	if !ok || !e.By.User {
		return nil
	}
	id := w.incidentOf(e.Key)
	if id == "" {
		return nil
	}
	by, known := w.person(e.By.ID)
	if !known {
		select {
		case w.soon <- struct{}{}:
		default:
		}
		return nil
	}
	to, _ := w.people(e.Assignees)
	return w.engine.Heed(ctx, incident.Report{
		Incident: id, Kind: kind, Channel: incident.ChannelPagerDuty, Event: e.ID, At: e.At, By: by, Person: true, To: to,
	})
}

// incidentOf is our incident with that key, which is its id, or a page id of it; "" for none.
func (w *elsewhere) incidentOf(key string) string {
	if w.open(key) {
		return key
	}
	if row, ok := incident.ParsePageID(key); ok && w.open(row.Incident) {
		return row.Incident
	}
	return ""
}

// person is whose user id it is. Where several share it the first one stands for all.
func (w *elsewhere) person(userID string) (string, bool) {
	people := w.contacts().PeopleAt(incident.ChannelPagerDuty, userID)
	if len(people) == 0 {
		return "", false
	}
	return people[0], true
}

// people are those of some user ids whom the contacts have; all says that nobody is missing.
func (w *elsewhere) people(userIDs []string) (people []string, all bool) {
	all = true
	for _, id := range userIDs {
		person, ok := w.person(id)
		if all = all && ok; ok {
			people = append(people, person)
		}
	}
	return people, all
}

// reconcile compares PagerDuty's open incidents with ours.
func (w *elsewhere) reconcile(ctx context.Context) error {
	held := w.held()
	if len(held) == 0 {
		return nil
	}
	standings, err := w.pager.Standings(ctx)
	if err != nil {
		return err
	}
	for _, h := range held {
		standing, ok := standings[h.id]
		if !ok {
			if standing, ok, err = w.pager.Standing(ctx, h.providerID); err != nil {
				return err
			}
		}
		if !ok {
			continue
		}
		report, says, err := w.compare(ctx, h, standing)
		if err != nil {
			return err
		}
		if says {
			if err := w.engine.Heed(ctx, report); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare says what somebody must have done, if anything.
func (w *elsewhere) compare(ctx context.Context, h held, s pagerduty.Standing) (incident.Report, bool, error) {
	r := incident.Report{Incident: h.id, Channel: incident.ChannelPagerDuty, At: s.At, Rows: h.rows}
	if s.Status == pagerduty.Triggered {
		to, all := w.people(s.Assignees)
		r.Kind, r.At, r.By, r.To = incident.ReportReassigned, h.asked, "somebody", to
		acknowledger := h.state != incident.Triggered && slices.Equal(to, []string{h.by}) // whoever acknowledges is assigned
		return r, all && len(to) > 0 && !acknowledger, nil
	}
	r.Kind = incident.ReportAcknowledged
	if s.Status == pagerduty.Resolved {
		r.Kind = incident.ReportResolved
	}
	if !s.By.User {
		return r, false, nil
	}
	if r.By, r.Person = w.person(s.By.ID); r.Person {
		return r, true, nil
	}
	own, err := w.pager.Own(ctx, s.By.ID)
	if err != nil || own {
		return r, false, err
	}
	r.By = strings.TrimSpace(s.By.Name + " (in no contacts)")
	return r, true, nil
}

// held is an unresolved incident that PagerDuty has too, as it stood when it was asked about.
type held struct {
	id, providerID string
	state          incident.State
	by             string
	rows           int
	asked          time.Time
}

// held lists what PagerDuty can be asked about.
func (w *elsewhere) held() []held {
	var all []held
	for _, id := range w.engine.IDs() {
		inc, rows, ok := w.engine.Look(id)
		if !ok || inc.State == incident.Resolved {
			continue
		}
		h := held{id: inc.ID, state: inc.State, by: inc.AcknowledgedBy, rows: inc.Rows, asked: w.engine.Now()}
		for _, row := range rows {
			if id := pagerduty.IncidentID(row.ProviderID); row.Channel == incident.ChannelPagerDuty && id != "" {
				h.providerID = id
			}
		}
		if h.providerID != "" {
			all = append(all, h)
		}
	}
	return all
}

// open says that an incident is unresolved.
func (w *elsewhere) open(id string) bool {
	inc, _, ok := w.engine.Look(id)
	return ok && inc.State != incident.Resolved
}
