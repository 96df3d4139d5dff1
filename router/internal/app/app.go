// Package app puts a router together and runs it: configuration, the loops with their clocks, the listener. The packages
// it calls decide, store and deliver; this one only connects them.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"nezuban/agent/daemon"
	"nezuban/router/internal/access"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/state"
	"nezuban/router/internal/state/record"
)

// Folders under the state folder.
const (
	etcdDir    = "etcd"
	closedDir  = "closed"
	tokenDir   = "tokens"
	lockFile   = "lock"
	tickPeriod = time.Second

	commitWithin = 5 * time.Second // one call of the store for a person or a rotation file
)

// router is what runs while this process leads, built in the order of its fields. See [node] for what it has besides.
type router struct {
	node      *node
	cfg       Config
	d         *daemon.Daemon
	out       io.Writer // the terminal channel, and what the operator sees at start
	store     *state.Store
	archive   *state.Archive
	engine    *duty.Engine
	rotations *rotations
	personal  *personal        // nil: messages bear nothing for their receivers alone
	pagerDuty *pagerduty.Pager // nil: there is no such channel
	elsewhere *elsewhere       // nil: as pagerDuty
	deliverer *duty.Deliverer
	gate      *access.Gate
	served    http.Handler      // all that only the leader answers
	outside   http.Handler      // likewise, of the public listener; nil: there is none
	trouble   *daemon.Condition // with the state

	roomTrouble *daemon.Condition // with the room in it
	deadMan     *deadMan          // nil: nobody outside is told that this router is alive

	keeper    *keeper   // nil: there are no objectives
	keptUntil time.Time // the newest evidence of objectives that was kept; zero: there is none
}

// resume builds the engine from what was stored, and makes what was being sent at the last end due again.
func (r *router) resume(ctx context.Context) error {
	restored, untold, err := r.store.Restored(ctx)
	if err != nil {
		return err
	}
	stored, err := r.store.Load(ctx)
	if err != nil {
		return err
	}
	r.engine = duty.New(duty.Options{Store: r.store, Now: time.Now, NewID: duty.NewID, Log: r.d.Log, Rules: r.cfg.Rules, Incidents: r.cfg.Incidents}, stored)
	r.keeper, r.keptUntil = r.newKeeper()
	r.rotations = &rotations{
		source: r.cfg.OnCallSource, path: r.cfg.OnCall, contactsPath: r.cfg.Contacts, engine: r.engine, store: r.store,
		log: r.d.Log, trouble: daemon.NewCondition(r.d.Log, "contacts"), plight: contactsPlight(r.engine, r.d.Log), health: r.d.Health, unreachable: r.cfg.unreachable, silent: r.cfg.silent,
	}
	if err := r.rotations.start(ctx); err != nil {
		return err
	}
	r.rotations.announce(ctx)
	if r.cfg.outside != nil {
		key, err := r.store.Secret(ctx, "links")
		if err != nil {
			return err
		}
		r.personal = &personal{links: access.NewLinks(key), url: r.cfg.outside.url, replies: r.cfg.replies}
	}
	r.deliverer = &duty.Deliverer{
		Templates: r.cfg.Templates, Personal: r.personal.of, Caps: r.cfg.caps, Rates: r.cfg.rates,
		Engine: r.engine, Pagers: r.pagers(), Contacts: r.rotations.contacts.Load, Guard: r.d.Guard, Log: r.d.Log, Metrics: r.d.Metrics,
		Link: func(id string) string { return r.cfg.PublicURL + "/incidents/" + id },
	}
	r.node.emergency.equip(means{rotation: r.engine.File, contacts: r.rotations.contacts.Load, pagers: r.deliverer.Pagers})
	if err := r.takeUp(ctx); err != nil {
		return err
	}
	if untold && r.engine.File() != nil {
		err := r.engine.Restored(ctx, restored.Restored, restored.Taken, restored.Held)
		if err == nil {
			err = r.store.RestoreTold(ctx)
		}
		if err != nil {
			return fmt.Errorf("tell that the state was restored: %w", err)
		}
	}
	if r.pagerDuty != nil {
		r.elsewhere = newElsewhere(r.engine, r.pagerDuty, r.rotations.contacts.Load, daemon.NewCondition(r.d.Log, "pagerduty"))
	}
	return nil
}

// takeUp makes what was being sent at the last end due again. While the state has no room for that, the router stays and
// whoever is on call is told past the outbox: one that ended would tell nobody.
func (r *router) takeUp(ctx context.Context) error {
	for {
		err := r.engine.Recover(ctx)
		if !errors.Is(err, record.ErrFull) {
			return err
		}
		r.d.Health.Set("state", err)
		r.trouble.Failed(err)
		r.node.emergency.failed(err)
		r.node.settled() // nobody leads, and why is answered
		pause(ctx, tickPeriod)
	}
}

// letIn makes the gate that knows who is signed in, and what is behind it.
func (r *router) letIn(context.Context) error {
	r.gate = r.node.newGate(r.store.Grants())
	if r.cfg.outside != nil {
		r.outside = r.publicHandler()
	}
	r.served = r.handler()
	return nil
}

// greet tells the operator how to get in, and who is on call.
func (r *router) greet(ctx context.Context) error {
	if link, err := r.gate.Invite(ctx, "console"); err != nil {
		r.d.Log.Warn("no sign-in link, which nezuban-router signin makes later", "err", err) // paging needs none
	} else {
		fmt.Fprintf(r.out, "sign in: %s%s\n", r.cfg.PublicURL, link)
	}
	answers := board{r}.OnCall(time.Now())
	for _, answer := range answers {
		fmt.Fprintln(r.out, answer)
	}
	if answers == nil {
		fmt.Fprintf(r.out, "on call: nobody, nothing is taken in before nezuban-oncall apply FILE --router %s\n", r.cfg.PublicURL)
	}
	return nil
}

// loop ticks, watches the rotation file and delivers until ctx ends, one of them fails, or another router leads. What has
// not gone out by then stands in the outbox, and the next leader sends it.
func (r *router) loop(ctx context.Context) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	group, running := errgroup.WithContext(running)
	// At once, not when all that is under way has ended: what is sent meanwhile is for the next leader.
	context.AfterFunc(running, func() { r.node.current.CompareAndSwap(r, nil) })
	guard := func(body func() error) { group.Go(r.d.Guard(body)) }
	if r.elsewhere != nil {
		guard(func() error { r.elsewhere.run(running); return nil })
	}
	guard(func() error { r.rotations.watch(running); return nil })
	guard(func() error { r.tellCertificates(running); return nil })
	guard(func() error { return r.tick(running) })
	guard(func() error { r.tend(running); return nil })
	guard(func() error { r.deliverer.Run(running); return nil })
	if r.keeper != nil {
		guard(func() error { r.keeper.run(running); return nil })
		if r.cfg.history != nil {
			guard(func() error { r.reread(running); return nil })
		}
	}
	if r.deadMan != nil {
		guard(func() error { r.deadMan.run(running); return nil })
	}
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// tick lets time do its work, and files away what is over, until ctx ends: nil, or another router leads.
func (r *router) tick(ctx context.Context) error {
	ticker := time.NewTicker(tickPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := r.engine.Tick(ctx)
		if err == nil {
			err = r.sweep(ctx)
		}
		if err == nil {
			err = r.store.Room()
		}
		if errors.Is(err, record.ErrFenced) {
			return err
		}
		r.d.Health.Set("state", err)
		if err != nil {
			r.trouble.Failed(err)
			if !errors.Is(err, record.ErrTooLarge) {
				r.node.emergency.failed(err)
			}
			continue
		}
		r.trouble.OK()
		r.node.emergency.ok()
		if r.deadMan != nil {
			r.deadMan.alive(time.Now())
		}
	}
}

// sweep files away the incidents that are over: first the file, and what other routers make theirs of, then out of the
// store.
func (r *router) sweep(ctx context.Context) error {
	over, err := r.engine.Over(ctx)
	if len(over) == 0 || err != nil {
		return err
	}
	if err := r.archive.File(ctx, r.store, over); err != nil {
		return err
	}
	if !r.node.conn.Embedded() {
		if err := r.store.Share(ctx, r.archive, over); err != nil {
			return err
		}
	}
	var closed []incident.Incident
	for _, id := range over {
		if inc, ok := r.engine.Incident(id); ok {
			closed = append(closed, inc)
		}
	}
	if err := r.engine.Filed(ctx, over); err != nil {
		return err
	}
	for _, inc := range closed {
		countIncident(r.d.Metrics, inc)
	}
	return nil
}
