package state

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// etcd is the database as package record asks for it.
type etcd struct {
	client *clientv3.Client
	full   chan<- struct{} // gets a token when there is no room
	led    context.Context // ends when the lead is lost: what is under way then is given up
}

// whileLed is ctx that ends too when the lead is lost; its cause is why. What release gives back is the caller's to call.
func whileLed(ctx, led context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(led, func() { cancel(context.Cause(led)) })
	return ctx, func() { stop(); cancel(nil) }
}

// because is err, with why the lead is lost if that is what it comes from.
func because(led context.Context, err error) error {
	if why := context.Cause(led); why != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	return err
}

// Txn runs one fenced transaction, of no more operations than etcd takes.
func (e etcd) Txn(ctx context.Context, guard record.Guard, ops []record.Op) (bool, error) {
	return e.run(ctx, guard, etcdOps(ops))
}

func (e etcd) run(ctx context.Context, guard record.Guard, ops []clientv3.Op) (bool, error) {
	if guard.Fence == 0 {
		return false, nil // etcd would take it for a key that nobody has made
	}
	ctx, release := whileLed(ctx, e.led)
	defer release()
	resp, err := e.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(guard.Key), "=", guard.Fence)).
		Then(ops...).Commit()
	if errors.Is(err, rpctypes.ErrNoSpace) {
		select {
		case e.full <- struct{}{}:
		default: // it has one
		}
	}
	if err != nil {
		return false, fmt.Errorf("commit to etcd: %w", because(e.led, err))
	}
	return resp.Succeeded, nil
}

// etcdOps says the same in etcd's words.
func etcdOps(ops []record.Op) []clientv3.Op {
	said := make([]clientv3.Op, 0, len(ops))
	for _, op := range ops {
		switch op.Kind {
		case record.Put:
			said = append(said, clientv3.OpPut(op.Key, op.Value))
		case record.Delete:
			said = append(said, clientv3.OpDelete(op.Key))
		case record.DeleteBelow:
			said = append(said, clientv3.OpDelete(op.Key, clientv3.WithPrefix()))
		}
	}
	return said
}

// transact runs one fenced transaction in etcd's words, for what package record does not know, such as leases.
func (s *Store) transact(ctx context.Context, ops []clientv3.Op) error {
	led, err := s.conn.kv(s.led).run(ctx, record.Guard{Key: record.LeaderKey, Fence: s.Fence}, ops)
	if err == nil && !led {
		err = record.ErrFenced
	}
	return err
}
