package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/state"
	"nezuban/router/internal/state/record"
)

// standAgain is how long a router that could not lead leaves it to the others.
const standAgain = 5 * time.Second

// lead leads whenever it is this router's turn. With the embedded etcd that is at once and until the end; what goes wrong
// then ends the router. In a cluster another router may do better: this one resigns and stands again later.
func (n *node) lead(ctx context.Context) error {
	for ctx.Err() == nil {
		term, err := n.conn.Campaign(ctx, n.candidate())
		if err != nil {
			return ctxOr(ctx, err)
		}
		noMore := func(why error) {
			if !n.conn.Embedded() {
				n.d.Log.Warn("this router leads no more", "err", why)
			}
		}
		unsaid := context.AfterFunc(term.Context(), func() { noMore(context.Cause(term.Context())) })
		err = n.preside(term)
		if unsaid() {
			noMore(err)
		}
		term.Resign()
		_, crashed := errors.AsType[*daemon.PanicError](err)
		if n.conn.Embedded() || crashed {
			return ctxOr(ctx, err)
		}
		if errors.Is(err, state.ErrLeadLost) {
			n.emergency.failed(err)
		}
		if !errors.Is(err, state.ErrLeadLost) && !errors.Is(err, record.ErrFenced) {
			pause(ctx, standAgain)
		}
	}
	return nil
}

// ctxOr is an error, unless ctx has ended: that is nobody's fault.
func ctxOr(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// candidate is this router as a possible leader.
func (n *node) candidate() state.Candidate {
	name, err := os.Hostname()
	if err != nil {
		name = n.cfg.Listen
	}
	trouble := daemon.NewCondition(n.d.Log, "leadership")
	return state.Candidate{
		Name: name, URL: n.cfg.Advertise, Tokens: fingerprint(n.tokens), Now: time.Now,
		Trouble: func(err error) {
			n.d.Health.Set("leadership", err)
			if err != nil {
				trouble.Failed(err)
				return
			}
			trouble.OK()
		},
	}
}

// preside decides and delivers for one term, and returns why it is over. All that the last leader knew comes from the
// store; what it was sending is sent again, as a possible repeat.
func (n *node) preside(term *state.Term) error {
	ctx := term.Context()
	r := &router{
		node: n, cfg: n.cfg, d: n.d, out: n.out, archive: n.archive, store: term.Store,
		trouble: daemon.NewCondition(n.d.Log, "state"), roomTrouble: daemon.NewCondition(n.d.Log, "room in the state"),
	}
	r.deadMan = r.newDeadMan()
	for _, step := range []func(context.Context) error{r.resume, r.letIn, r.greet} {
		if err := step(ctx); err != nil {
			return whyOver(ctx, err)
		}
	}
	n.d.Log.Info("this router leads", "incidents", len(r.engine.IDs()))
	n.current.Store(r)
	n.settled()
	go debug.FreeOSMemory() // what reading the state has left behind, half as much as is kept
	err := r.loop(ctx)
	n.current.Store(nil)
	for _, component := range []string{"state", "rotation"} {
		n.d.Health.Set(component, nil) // from now on somebody else's
	}
	return whyOver(ctx, err)
}

// whyOver is why a term is over that ended with an error, or with nil: what ended its context comes first, of which such an
// error is only what came of it.
func whyOver(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	if err == nil {
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// follow says who leads, and whether this router can pass on to it what it is sent, until ctx ends.
func (n *node) follow(ctx context.Context) {
	tokens := daemon.NewCondition(n.d.Log, "tokens")
	advertise := daemon.NewCondition(n.d.Log, "advertise")
	said := ""
	for ctx.Err() == nil {
		leader, ok := n.conn.Leader()
		n.look(ctx)
		n.d.Health.Set("leader", n.noLeader())
		n.d.Health.Set(followedRotation, n.noRotation(ctx, n.conn.RotationKnown))
		if ok {
			n.settled()
		}
		same := twin(leader, n.cfg.Advertise)
		if ok && !leader.Own && (same != nil || leader.URL != n.cfg.Advertise) {
			n.emergency.ok()
			if leader.URL != said {
				n.d.Log.Info("another router leads", "name", leader.Name, "url", leader.URL)
			}
		}
		said = leader.URL
		if same != nil {
			advertise.Failed(same)
		} else if ok {
			advertise.OK()
		}
		err := foreignTokens(leader, fingerprint(n.tokens))
		n.d.Health.Set("tokens", err)
		if err != nil {
			tokens.Failed(err)
		} else {
			tokens.OK()
		}
		pause(ctx, time.Second)
	}
}

// noLeader says that nobody can take in what this router is sent now; nil when somebody can.
func (n *node) noLeader() error {
	if n.current.Load() != nil {
		return nil
	}
	leader, ok := n.conn.Leader()
	switch {
	case !ok:
		return errors.New("no router leads")
	case leader.Own:
		return errors.New("this router begins to lead")
	case leader.URL == n.cfg.Advertise && !leader.Lives():
		return errors.New("no router leads: what this router was before its restart did, and that is still running out")
	}
	if err := twin(leader, n.cfg.Advertise); err != nil {
		return err
	}
	return n.forward.way.closed(time.Now())
}

// twin says that another router leads under this one's URL, so that nothing can be passed on to it; nil when that is not so.
func twin(leader state.Leader, advertise string) error {
	if leader.URL != advertise || !leader.Lives() {
		return nil
	}
	return fmt.Errorf("advertise: found %q, which the router that leads, on %q, has too, expected a URL for each router at which the others reach it alone",
		advertise, leader.Name)
}

// followedRotation is, in /readyz, that the cluster has a rotation file. The leader says "rotation" of its own.
const followedRotation = "rotation of the cluster"

// noRotation says, of a router that does not lead, that the leader takes nothing in because it has no rotation file; nil when
// it has. Once there was one there always is.
func (n *node) noRotation(ctx context.Context, known func(context.Context) (bool, error)) error {
	if r := n.current.Load(); r != nil {
		n.applied.Store(r.engine.File() != nil)
		return nil
	}
	if n.applied.Load() {
		return nil
	}
	found, err := known(ctx)
	n.applied.Store(found)
	switch {
	case err != nil:
		return fmt.Errorf("whether a rotation file is in force is not known: %w", err)
	case !found:
		return errNeverApplied
	}
	return nil
}

// foreignTokens says that the leader would refuse who bears a token of this router.
func foreignTokens(leader state.Leader, own string) error {
	if leader.Tokens == "" || leader.Tokens == own {
		return nil
	}
	return fmt.Errorf("the tokens of this router are not those of the leader at %s: copy the files below tokens/ of its state folder here, and restart", leader.URL)
}
