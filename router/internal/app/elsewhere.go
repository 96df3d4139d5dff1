package app

import (
	"context"
	"sync"
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
	every    time.Duration // between two looks
	apart    time.Duration // between two at least
	soon     chan struct{} // holds one token when PagerDuty is to be asked at once

	atOnce int // see raisedAtOnce
	turn   int // which alert was asked about last

	mu     sync.Mutex
	raised map[string]string // our incident by PagerDuty's id, for those that events have raised, as last looked up
}

func newElsewhere(e *duty.Engine, p *pagerduty.Pager, contacts func() *escalation.Contacts, trouble *daemon.Condition) *elsewhere {
	return &elsewhere{engine: e, pager: p, contacts: contacts, trouble: trouble, every: reconcileEvery, apart: reconcileApart, soon: make(chan struct{}, 1), atOnce: raisedAtOnce, raised: map[string]string{}}
}

// The pause between two looks, also when webhooks ask for one, and how long one may take.
const (
	reconcileEvery  = time.Minute
	reconcileApart  = 5 * time.Second
	reconcileWithin = 45 * time.Second
)

// run asks PagerDuty again and again until ctx ends. While it has nothing of ours, it is asked nothing. What was to be asked
// about while a message was on its way may be about what that message has made, and is asked again until that is known, for as long as lies between two looks.
func (w *elsewhere) run(ctx context.Context) {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	var asked chase
	for {
		again := false
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.soon:
			again = asked.again(w.sending(), time.Now(), w.every)
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
		if again {
			w.askSoon()
		}
		pause(ctx, w.apart)
	}
}

// chase is looks that follow each other soon, while a message is on its way. The zero value has not begun.
type chase struct{ since time.Time }

// again says whether there is to be another one, until for long it has been in vain: a message may be put off for hours.
func (c *chase) again(sending bool, now time.Time, long time.Duration) bool {
	switch {
	case !sending:
		c.since = time.Time{}
	case c.since.IsZero():
		c.since = now
	}
	return sending && now.Sub(c.since) < long
}

// kinds are the events that matter here.
func kinds() map[string]incident.ReportKind {
	return map[string]incident.ReportKind{
		pagerduty.EventAcknowledged:   incident.ReportAcknowledged,
		pagerduty.EventUnacknowledged: incident.ReportUnacknowledged,
		pagerduty.EventResolved:       incident.ReportResolved,
		pagerduty.EventReopened:       incident.ReportReopened,
		pagerduty.EventReassigned:     incident.ReportReassigned,
		pagerduty.EventDelegated:      incident.ReportReassigned,
		pagerduty.EventEscalated:      incident.ReportReassigned,
	}
}

// heed takes in a webhook. What time has done says nothing, but that nobody has the incident any more. Who is in no contacts
// may be somebody, or the user in whose name this router writes, and what has a key of PagerDuty's own may be an incident that
// an event of ours has raised: PagerDuty is asked about those, which must not make it wait.
func (w *elsewhere) heed(ctx context.Context, e pagerduty.Event) error {
	kind, ok := kinds()[e.Type]
	if !ok || (!e.By.User && kind != incident.ReportUnacknowledged) {
		return nil
	}
	id, known := w.incidentOf(e)
	if !known {
		if w.sending() || w.raises() { // in this order: what is sent meanwhile raises
			w.askSoon()
		}
		return nil
	}
	r := incident.Report{Incident: id, Kind: kind, Channel: incident.ChannelPagerDuty, Event: e.ID, At: e.At}
	if e.By.User {
		if r.By, r.Person = w.person(e.By.ID); !r.Person {
			w.askSoon()
			return nil
		}
	}
	r.To, _ = w.people(e.Assignees)
	return w.engine.Heed(ctx, r)
}

// askSoon lets PagerDuty be asked without waiting for the next time.
func (w *elsewhere) askSoon() {
	select {
	case w.soon <- struct{}{}:
	default:
	}
}

// incidentOf is our incident that an event is about, by its key, which is our id or a page id, or by PagerDuty's id of what an
// event has raised; false when it is none of ours.
func (w *elsewhere) incidentOf(e pagerduty.Event) (string, bool) {
	w.mu.Lock()
	raised := w.raised[e.IncidentID]
	w.mu.Unlock()
	ids := []string{e.Key, raised}
	if row, ok := incident.ParsePageID(e.Key); ok {
		ids = append(ids, row.Incident)
	}
	for _, id := range ids {
		if _, ok := w.engine.Incident(id); ok {
			return id, true
		}
	}
	return "", false
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
