package state

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// Prepare says whether a batch can be stored at all; the error is [record.ErrTooLarge] when it cannot. Commit does it for
// batches that were not prepared.
func (*Store) Prepare(b *record.Batch) error { return b.Prepare() }

// Commit makes batches durable, in the [record.Transactions] that hold them. On an error other than [record.ErrTooLarge],
// which refuses all of them, a part, or all, may be stored; committing the same batches again is safe.
//
// Next on a sample's path: duty's Deliverer.attempt, woken by the commit.
func (s *Store) Commit(ctx context.Context, batches ...record.Batch) error {
	transactions, err := record.Transactions(batches)
	if err != nil {
		return err
	}
	for _, ops := range transactions {
		if err := s.transact(ctx, etcdOps(ops)); err != nil {
			return err
		}
	}
	return nil
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

// transact runs one fenced transaction, of no more operations than etcd takes.
func (s *Store) transact(ctx context.Context, ops []clientv3.Op) error {
	if len(ops) == 0 {
		return nil
	}
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(leaderKey), "=", s.fence)).
		Then(ops...).Commit()
	if err != nil {
		return fmt.Errorf("commit to etcd: %w", err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("commit to etcd: %w", ErrFenced)
	}
	return nil
}
