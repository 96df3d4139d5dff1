package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// Term is a time for which this router leads.
type Term struct {
	Store *Store

	conn    *Conn
	self    Candidate
	lease   clientv3.LeaseID // 0 with the embedded member, whose term has no end
	ctx     context.Context
	end     context.CancelCauseFunc
	lost    *time.Timer // ends the term before etcd can have ended the lease; nil without one
	keeping sync.WaitGroup
}

func (c *Conn) term(ctx context.Context, fence int64, self Candidate) *Term {
	led, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	t := &Term{conn: c, self: self, Store: c.store(led, fence)}
	t.ctx, t.end = context.WithCancelCause(ctx)
	own := &Leader{Version: 1, Name: self.Name, URL: self.URL, Tokens: self.Tokens, At: self.Now(), Own: true, made: fence}
	c.leader.Store(own)
	context.AfterFunc(t.ctx, func() {
		if cause := context.Cause(t.ctx); errors.Is(cause, ErrLeadLost) || errors.Is(cause, record.ErrFenced) {
			c.leader.CompareAndSwap(own, nil)
			cut(cause)
		}
	})
	return t
}

// Context ends with the term, before another router can lead; its cause wraps [ErrLeadLost] or [record.ErrFenced] then. It also
// ends with the context that Campaign was given. When the lead is lost all that the term's store is asked ends with it; whether
// what was being written is stored is not known then. A term that ends otherwise lets its store finish.
func (t *Term) Context() context.Context { return t.ctx }

// Resign ends the term, so that another router can lead at once. It may be called at any time, and more than once.
func (t *Term) Resign() {
	t.end(context.Canceled)
	if t.lost != nil {
		t.lost.Stop()
	}
	t.keeping.Wait()
	if t.lease != 0 {
		t.conn.revoke(t.ctx, t.lease)
	}
	t.conn.leader.Store(nil)
}

// keep keeps the lease and says this router's time until the term ends. A beat for which etcd had no answer is followed by the next at
// once: there is not much left of the lease.
func (t *Term) keep() {
	for begun := time.Now(); ; {
		pause(t.ctx, time.Until(begun.Add(beatEvery)))
		if t.ctx.Err() != nil {
			return
		}
		begun = time.Now()
		if err := t.beat(); err != nil {
			t.end(err)
			return
		}
	}
}

// beat keeps the lease once. It returns an error only when the term is over: one beat that fails is made up for by the next.
func (t *Term) beat() error {
	ctx, cancel := context.WithTimeout(t.ctx, askWithin)
	defer cancel()
	sent := time.Now()
	if _, err := t.conn.client.KeepAliveOnce(ctx, t.lease); leaseGone(err) {
		return fmt.Errorf("%w: it has ended", ErrLeadLost)
	} else if err != nil {
		return nil // the timer ends the term when no beat succeeds in time
	}
	t.lost.Reset(time.Until(sent.Add(t.conn.lease)))
	value, err := t.self.record()
	if err == nil {
		err = t.Store.transact(ctx, []clientv3.Op{clientv3.OpPut(record.LeaderKey, value, clientv3.WithLease(t.lease))})
	}
	if errors.Is(err, record.ErrFenced) {
		return err
	}
	return nil
}
