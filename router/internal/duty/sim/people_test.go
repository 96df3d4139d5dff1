package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// deed is what somebody does about an incident.
type deed string

const (
	acks      deed = "acknowledge"
	acksPage  deed = "acknowledge the message, and what it speaks for,"
	snoozes   deed = "snooze"
	resolves  deed = "resolve"
	reassigns deed = "reassign"
	notes     deed = "note"
)

// rung is what people do when they are told.
func (w *world) rung(d delivery) {
	if d.Kind != page.KindTrigger {
		return
	}
	r := w.rand("person", d.PageID, names(d.Message), d.Repeat)
	if one(r, 4) {
		return // asleep
	}
	what := []deed{acks, acks, acks, acksPage, acksPage, snoozes, resolves, reassigns, notes, notes}[r.IntN(10)]
	w.at(between(r, 20*time.Second, 7*time.Minute), fmt.Sprint("deed ", d.PageID, d.channel), func() {
		w.do(what, d.IncidentID, d.PageID, d.People[0].Person, r)
	})
}

// do does it, again and again until there is an answer.
func (w *world) do(what deed, id, pageID, by string, r *rand.Rand) {
	if time.Since(w.began) > stormEnd+5*time.Minute {
		return // the end of the run is for what follows by itself
	}
	token := fmt.Sprintf("token%d", r.Uint64())
	until := w.clock().Add(between(r, 5*time.Minute, 40*time.Minute))
	to := []string{"alice", "bob", "carol", "dave"}[r.IntN(4)]
	key := fmt.Sprint("doing ", token)
	w.oracle.asked(what, id, token)
	if what == acksPage {
		w.oracle.askedPage(pageID)
	}
	w.say("%s: %s %s (%s)", by, what, id, token)
	w.call(key, r, func(ctx context.Context, n *node) error {
		switch what {
		case acks:
			return n.engine.Acknowledge(ctx, id, by, token)
		case acksPage:
			return acknowledgePage(ctx, n, id, pageID, by)
		case snoozes:
			return n.engine.Snooze(ctx, id, by, token, until)
		case resolves:
			return n.engine.Resolve(ctx, id, by, token)
		case reassigns:
			return n.engine.Reassign(ctx, id, by, to, token)
		case notes:
		}
		return n.engine.Note(ctx, id, by, token)
	}, func(err error) {
		w.say("%s %s (%s): %v", what, id, token, err)
		switch {
		case err == nil:
			w.oracle.done(what, id, token, until)
			if what == acks && one(r, 2) {
				w.at(between(r, 3*time.Minute, 30*time.Minute), key, func() { w.do(resolves, id, pageID, by, r) })
			}
		case errors.Is(err, incident.ErrUnknown), errors.Is(err, incident.ErrInvalid):
			w.oracle.refused(id, token)
		default:
			w.at(between(r, 2*time.Second, 15*time.Second), key, func() { w.do(what, id, pageID, by, r) })
		}
	})
}

// acknowledgePage does what the page behind a message's link does.
func acknowledgePage(ctx context.Context, n *node, id, pageID, by string) error {
	_, rows, ok := n.engine.Look(id)
	if !ok {
		return incident.ErrUnknown
	}
	for _, row := range rows {
		if row.PageID() == pageID {
			return n.engine.AcknowledgePage(ctx, row, by, "by the link")
		}
	}
	return incident.ErrUnknown
}
