package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// Times of leadership.
const (
	leaseTTL   = 5 * time.Second // after which a leader that is not heard of leads no more
	beatEvery  = time.Second     // the leader keeps its lease and says its time
	askWithin  = 2 * time.Second // one request of an election
	askAgain   = 500 * time.Millisecond
	lastResort = 30 * time.Second // nobody has led for so long: then a wrong clock is better than no leader
	tripEvery  = 5                // beats between two measured round trips

	silentAfter = leaseTTL + beatEvery // without a beat etcd is asked whether it is there
)

// ErrLeadLost ends the context of a term whose lease could not be kept.
var ErrLeadLost = errors.New("the lead is lost: the lease in etcd could not be kept")

// Leader is who leads, as the leader key says.
type Leader struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	URL     string    `json:"url,omitempty"`    // where other routers forward requests to
	Tokens  string    `json:"tokens,omitempty"` // fingerprint of the tokens that it accepts
	At      time.Time `json:"at"`               // by its clock, when it wrote this

	Own  bool  `json:"-"` // it is this process, by the term that it has won
	made int64 // revision at which the key was made, which no other term has
	said int   // times that it was heard of since it was first seen
}

// Lives says that it is another process and that it runs: what a router that has just died has left behind is never heard of
// again, but for what may still have been on its way.
func (l Leader) Lives() bool { return !l.Own && l.said > 1 }

// Candidate is a router that would lead.
type Candidate struct {
	Name   string // of this router, in messages
	URL    string // where other routers reach it
	Tokens string // fingerprint of the tokens that it accepts
	Now    func() time.Time
	// Trouble is told why it cannot be known who leads, or why this router must not; nil when all is well. It may be nil.
	Trouble func(error)
}

func (c Candidate) trouble(err error) {
	if c.Trouble != nil {
		c.Trouble(err)
	}
}

func (c Candidate) record() (string, error) {
	value, err := json.Marshal(Leader{Version: 1, Name: c.Name, URL: c.URL, Tokens: c.Tokens, At: c.Now()})
	return string(value), err
}

// Leader is who leads, as last seen; false when nobody does. It is known while this router campaigns or leads.
func (c *Conn) Leader() (Leader, bool) {
	if l := c.leader.Load(); l != nil {
		return *l, true
	}
	return Leader{}, false
}

// Campaign returns when this router leads, or when ctx ends. It never gives up before. With the embedded member it leads at
// once and for good: nobody else can.
func (c *Conn) Campaign(ctx context.Context, self Candidate) (*Term, error) {
	if c.Embedded() {
		return c.alone(ctx, self)
	}
	for {
		term, err := c.attempt(ctx, self)
		if term != nil {
			self.trouble(nil)
			return term, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			self.trouble(fmt.Errorf("find out who leads: %w", err))
			pause(ctx, askAgain)
		}
	}
}

// attempt waits until nobody leads, and tries to be the next; nil without an error when somebody else was faster.
func (c *Conn) attempt(ctx context.Context, self Candidate) (*Term, error) {
	if err := c.awaitVacancy(ctx, self); err != nil {
		return nil, err
	}
	if !c.clock.mayLead() {
		self.trouble(fmt.Errorf("this router must not lead: its clock is %s off that of the last leader, expected at most %s: %w",
			c.clock.offset().Round(time.Millisecond), maxOffset, ErrClock))
		if taken, err := c.awaitLeader(ctx, c.patience); taken || err != nil {
			return nil, err
		}
	}
	return c.stand(ctx, self)
}

// ErrClock is why a router must not lead whose clock is too far from the last leader's.
var ErrClock = errors.New("set the clock")

// awaitVacancy follows the leader key until it is gone.
func (c *Conn) awaitVacancy(ctx context.Context, self Candidate) error {
	resp, err := c.ask(ctx)
	if err != nil {
		return err
	}
	if len(resp.Kvs) == 0 {
		c.leader.Store(nil)
		return nil
	}
	c.clock.forget()
	c.see(resp.Kvs[0])
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	feed := c.client.Watch(watching, record.LeaderKey, clientv3.WithRev(resp.Header.Revision+1))
	silence := time.NewTimer(silentAfter)
	defer silence.Stop()
	for beats := 1; ; beats++ {
		select {
		case news, ok := <-feed:
			if !ok {
				return errors.New("the watch on the leader key has ended")
			}
			silence.Reset(silentAfter)
			if vacant, err := c.heed(news, resp.Kvs[0].CreateRevision, self.Now()); vacant || err != nil {
				return err
			}
		case <-silence.C: // the client goes on trying, and says nothing while etcd is away
			silence.Reset(silentAfter)
			beats = 1
		}
		if beats%tripEvery == 1 {
			if _, err := c.ask(ctx); err != nil {
				return err
			}
		}
		self.trouble(c.ownClock())
	}
}

// heed takes in what has become of the leader key since its leader made it; true when nobody leads any more.
func (c *Conn) heed(news clientv3.WatchResponse, made int64, received time.Time) (vacant bool, err error) {
	if err := news.Err(); err != nil {
		return false, err
	}
	for _, event := range news.Events {
		if event.Type == mvccpb.DELETE || event.Kv.CreateRevision != made {
			c.leader.Store(nil)
			return true, nil
		}
		if l := c.see(event.Kv); l != nil {
			c.clock.beat(l.At, received)
		}
	}
	return false, nil
}

// ownClock says that this router could not take over now.
func (c *Conn) ownClock() error {
	if c.clock.mayLead() {
		return nil
	}
	return fmt.Errorf("this router cannot take over: its clock is %s off the leader's, expected at most %s: %w", c.clock.offset().Round(time.Millisecond), maxOffset, ErrClock)
}

// awaitLeader waits until somebody leads, or for some time: false then.
func (c *Conn) awaitLeader(ctx context.Context, patience time.Duration) (bool, error) {
	resp, err := c.ask(ctx)
	if err != nil || len(resp.Kvs) > 0 {
		return err == nil, err
	}
	watching, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), patience)
	defer cancel()
	for news := range c.client.Watch(watching, record.LeaderKey, clientv3.WithRev(resp.Header.Revision+1)) {
		if err := news.Err(); err != nil && watching.Err() == nil {
			return false, err
		}
		if len(news.Events) > 0 {
			return true, nil
		}
	}
	return false, ctx.Err()
}

// ask reads the leader key, and measures how long that takes.
func (c *Conn) ask(ctx context.Context) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	asked := time.Now()
	resp, err := c.client.Get(ctx, record.LeaderKey)
	if err == nil {
		c.clock.trip(time.Since(asked))
	}
	return resp, err
}

// see takes over what the leader key says; nil when it cannot be read.
func (c *Conn) see(kv *mvccpb.KeyValue) *Leader {
	var l Leader
	if err := json.Unmarshal(kv.Value, &l); err != nil {
		return nil
	}
	l.made = kv.CreateRevision
	if last := c.leader.Load(); last != nil && last.made == l.made {
		l.said = last.said
		if !l.At.Equal(last.At) {
			l.said++
		}
	}
	c.leader.Store(&l)
	return &l
}

// stand makes the leader key, if nobody has.
func (c *Conn) stand(ctx context.Context, self Candidate) (*Term, error) {
	value, err := self.record()
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	asked := time.Now() // the lease may count from here
	lease, err := c.client.Grant(asking, int64(c.lease/time.Second))
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Txn(asking).
		If(clientv3.Compare(clientv3.CreateRevision(record.LeaderKey), "=", 0)).
		Then(clientv3.OpPut(record.LeaderKey, value, clientv3.WithLease(lease.ID))).Commit()
	if err != nil || !resp.Succeeded {
		c.revoke(ctx, lease.ID) // with it goes a key that was made although the answer is lost
		return nil, err
	}
	term := c.term(ctx, resp.Header.Revision, self)
	term.lease = lease.ID
	term.lost = time.AfterFunc(time.Until(asked.Add(c.lease)), func() { term.end(ErrLeadLost) })
	term.keeping.Go(term.keep)
	if err := term.Store.upgrade(term.ctx); err != nil {
		term.Resign()
		return nil, err
	}
	return term, nil
}

func (c *Conn) revoke(ctx context.Context, lease clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	_, _ = c.client.Revoke(ctx, lease) // else it ends by itself
}

// alone takes the lead of an embedded member. Whoever has written the leader key is no more: the state folder is locked.
func (c *Conn) alone(ctx context.Context, self Candidate) (*Term, error) {
	value, err := self.record()
	if err != nil {
		return nil, err
	}
	if _, err := c.client.Delete(ctx, record.LeaderKey); err != nil {
		return nil, fmt.Errorf("take the lead in etcd: %w", err)
	}
	resp, err := c.client.Put(ctx, record.LeaderKey, value)
	if err != nil {
		return nil, fmt.Errorf("take the lead in etcd: %w", err)
	}
	term := c.term(ctx, resp.Header.Revision, self)
	if err := term.Store.upgrade(term.ctx); err != nil {
		term.Resign()
		return nil, err
	}
	return term, nil
}

// leaseGone says that etcd has ended the lease.
func leaseGone(err error) bool { return errors.Is(err, rpctypes.ErrLeaseNotFound) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
