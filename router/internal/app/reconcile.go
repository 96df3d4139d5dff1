package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/pagerduty"
)

// held is an incident that PagerDuty has too, as it stood when it was asked about.
type held struct {
	incident.Incident

	providerID string   // of the incident on the router's service; "" when there is none
	keys       []string // of the events that raised it on the service for events
	moves      int      // see [incident.Moves]
}

// held lists what PagerDuty can be asked about: what is open, and what is resolved here and there and not filed away yet.
func (w *elsewhere) held() []held {
	var all []held
	for _, id := range w.engine.IDs() {
		inc, rows, ok := w.engine.Look(id)
		if !ok {
			continue
		}
		h := held{Incident: inc, moves: incident.Moves(inc, rows, incident.ChannelPagerDuty)}
		over := false
		for _, row := range rows {
			if row.Channel != incident.ChannelPagerDuty {
				continue
			}
			over = row.Kind == incident.MessageResolve && row.Status == incident.RowSent
			there, keys := pagerduty.Ways(row.ProviderID)
			if there != "" {
				h.providerID = there
			}
			for _, key := range keys {
				if !slices.Contains(h.keys, key) {
					h.keys = append(h.keys, key)
				}
			}
		}
		if (h.providerID != "" || len(h.keys) > 0) && (inc.State != incident.Resolved || over) {
			all = append(all, h)
		}
	}
	return all
}

// raises says that events have raised something there that is held here.
func (w *elsewhere) raises() bool {
	return slices.ContainsFunc(w.held(), func(h held) bool { return len(h.keys) > 0 })
}

// sending says that a message is on its way there, or was and will be again: PagerDuty may have taken it already, and somebody have
// it, while the answer, which names what it has raised, is still to come.
func (w *elsewhere) sending() bool {
	return slices.ContainsFunc(w.engine.IDs(), func(id string) bool {
		inc, rows, _ := w.engine.Look(id)
		return incident.Moves(inc, rows, incident.ChannelPagerDuty) < 0
	})
}

// raisedAtOnce bounds how many alerts of the service for events one look asks about, each by a request of its own: pages share
// the limit of requests.
const raisedAtOnce = 100

// alert is what an event has raised.
type alert struct {
	held

	key string
}

// reconcile compares PagerDuty's incidents with ours.
func (w *elsewhere) reconcile(ctx context.Context) error { return w.compare(ctx, w.held()) }

func (w *elsewhere) compare(ctx context.Context, all []held) error {
	open, err := w.standings(ctx, all)
	if err != nil {
		return err
	}
	var alerts []alert
	for _, h := range all {
		if err := w.look(ctx, h, open); err != nil {
			return err
		}
		for _, key := range h.keys {
			alerts = append(alerts, alert{h, key})
		}
	}
	w.forget(all)
	for range min(len(alerts), w.atOnce) {
		w.turn++
		if err := w.lookAtAlert(ctx, alerts[w.turn%len(alerts)]); err != nil {
			return err
		}
	}
	return nil
}

// lookAtAlert compares one incident with what an event has raised, and learns PagerDuty's id of it.
func (w *elsewhere) lookAtAlert(ctx context.Context, a alert) error {
	s, ok, err := w.pager.Raised(ctx, a.key)
	if err != nil || !ok { // it comes about some time after its event is taken
		return err
	}
	w.mu.Lock()
	w.raised[s.ID] = a.ID
	w.mu.Unlock()
	return w.say(ctx, a.held, s, false)
}

// forget drops PagerDuty's ids of what is held no more.
func (w *elsewhere) forget(all []held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.raised, func(_, ours string) bool {
		return !slices.ContainsFunc(all, func(h held) bool { return h.ID == ours })
	})
}

// standings are the open incidents of the router's service, if any of these is there.
func (w *elsewhere) standings(ctx context.Context, all []held) (map[string]pagerduty.Standing, error) {
	if !slices.ContainsFunc(all, func(h held) bool { return h.providerID != "" }) {
		return nil, nil
	}
	return w.pager.Standings(ctx)
}

// look compares one incident with that of the router's service.
func (w *elsewhere) look(ctx context.Context, h held, open map[string]pagerduty.Standing) error {
	if h.providerID == "" {
		return nil
	}
	s, ok := open[h.ID]
	if !ok && h.State != incident.Resolved {
		var err error
		if s, ok, err = w.pager.Standing(ctx, h.providerID); err != nil {
			return err
		}
	}
	if !ok {
		return nil
	}
	return w.say(ctx, h, s, true)
}

// say tells what somebody, or time, must have done there, if anything. Of what an event raised, PagerDuty and its own
// escalation policy decide who is assigned.
func (w *elsewhere) say(ctx context.Context, h held, s pagerduty.Standing, assigned bool) error {
	if assigned {
		if r, says := w.reassigned(h, s); says {
			if err := w.engine.Heed(ctx, r); err != nil {
				return err
			}
		}
	}
	r, says := changed(h, s)
	if !says {
		return nil
	}
	r.Keyed = assigned && len(h.keys) == 0 // an event leaves the incident of the one before as it is
	if s.By.User {
		own, err := w.who(ctx, s.By, &r)
		if err != nil || own {
			return err
		}
	} else if r.Kind != incident.ReportUnacknowledged {
		return nil
	}
	return w.engine.Heed(ctx, r)
}

// who fills in who did something; own is true when it was the router itself.
func (w *elsewhere) who(ctx context.Context, by pagerduty.Agent, r *incident.Report) (own bool, err error) {
	if r.By, r.Person = w.person(by.ID); r.Person {
		return false, nil
	}
	r.By = strings.TrimSpace(by.Name + " (in no contacts)")
	return w.pager.Own(ctx, by.ID)
}

// reassigned says that others are assigned there. Whoever acknowledges is, by that alone.
func (w *elsewhere) reassigned(h held, s pagerduty.Standing) (incident.Report, bool) {
	to, all := w.people(s.Assignees)
	r := h.report(incident.ReportReassigned, s.At)
	r.By, r.To = "somebody", to
	acknowledger := h.State != incident.Triggered && slices.Equal(to, []string{h.AcknowledgedBy})
	return r, s.Status == pagerduty.Triggered && h.State != incident.Resolved && all && len(to) > 0 && !acknowledger
}

// changed says what the status there means here, if anything. A status that an incident has had since it was made says
// nothing about what was done to it.
func changed(h held, s pagerduty.Standing) (incident.Report, bool) {
	altered := s.At.After(s.Created)
	switch {
	case h.State == incident.Resolved:
		r := h.report(incident.ReportReopened, s.At)
		r.Taken = s.Status == pagerduty.Acknowledged
		return r, altered && s.Status != pagerduty.Resolved && s.At.After(h.ResolvedAt)
	case s.Status == pagerduty.Triggered:
		return h.report(incident.ReportUnacknowledged, s.At), altered && h.State != incident.Triggered
	case s.Status == pagerduty.Acknowledged:
		return h.report(incident.ReportAcknowledged, s.At), true
	}
	return h.report(incident.ReportResolved, s.At), true
}

// report is one of what was looked up.
func (h held) report(kind incident.ReportKind, at time.Time) incident.Report {
	return incident.Report{Incident: h.ID, Kind: kind, Channel: incident.ChannelPagerDuty, At: at, Moves: h.moves}
}
