package state

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// Bounds of one transaction: etcd refuses more than 128 operations and 1.5 MiB.
const (
	maxOps   = 100
	maxBytes = 1 << 20
)

// ErrTooLarge is returned for a batch that no store takes, whatever happens: nothing of it is stored.
var ErrTooLarge = errors.New("what belongs to one incident or one rule's series is too large to store")

// Batch is what one decision wants to be durable.
type Batch struct {
	Change incident.Change
	Put    []rule.Record
	Delete []string // keys of rule records

	parts []part // what Prepare has made of it
}

// Empty says that there is nothing to store.
func (b Batch) Empty() bool { return b.Change.Empty() && len(b.Put)+len(b.Delete) == 0 }

// Prepare brings a batch into its stored form, so that whoever decided knows that it can be stored before anybody builds on
// it. The error is [ErrTooLarge] for one that cannot. Commit does it for batches that were not prepared.
func (*Store) Prepare(b *Batch) error {
	parts, err := b.encode()
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.bytes > maxBytes {
			return fmt.Errorf("commit %.200q: found %d bytes, expected at most %d: %w", p.name, p.bytes, maxBytes, ErrTooLarge)
		}
	}
	b.parts = parts
	return nil
}

// Commit makes batches durable, in as few transactions as hold them; of what several of them write the last is kept.
// Whatever belongs to one incident goes in one transaction; several incidents share one while they fit. Whose turn comes
// next in a step that takes turns follows: should a crash come between, somebody has two turns running. Rule records go
// last: a crash in between leaves an event unapplied, and when it is sent again the incident knows it by its identity. On
// an error other than [ErrTooLarge], which refuses all of them, a part, or all, may be stored; committing the same batches
// again is safe.
//
// Next on a sample's path: duty's Deliverer.attempt, woken by the commit.
func (s *Store) Commit(ctx context.Context, batches ...Batch) error {
	for i := range batches {
		if batches[i].parts == nil {
			if err := s.Prepare(&batches[i]); err != nil {
				return err
			}
		}
	}
	merged := newMerge()
	for _, b := range batches {
		if !merged.fits(b) {
			if err := s.store(ctx, merged.parts()); err != nil {
				return err
			}
			merged = newMerge()
		}
		merged.add(b)
	}
	return s.store(ctx, merged.parts())
}

// store writes parts in their order, as many in one transaction as it holds.
func (s *Store) store(ctx context.Context, parts []part) error {
	var ops []clientv3.Op
	size := 0
	for _, p := range parts {
		if len(ops) > 0 && (len(ops)+len(p.ops) > maxOps || size+p.bytes > maxBytes) {
			if err := s.transact(ctx, ops); err != nil {
				return err
			}
			ops, size = nil, 0
		}
		ops, size = append(ops, p.ops...), size+p.bytes
	}
	return s.transact(ctx, ops)
}

// transact runs one fenced transaction; operations beyond the bound, which only a step that calls very many people can
// bring, follow in further ones.
func (s *Store) transact(ctx context.Context, ops []clientv3.Op) error {
	for len(ops) > 0 {
		n := min(len(ops), maxOps)
		resp, err := s.client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(leaderKey), "=", s.fence)).
			Then(ops[:n]...).Commit()
		if err != nil {
			return fmt.Errorf("commit to etcd: %w", err)
		}
		if !resp.Succeeded {
			return fmt.Errorf("commit to etcd: %w", ErrFenced)
		}
		ops = ops[n:]
	}
	return nil
}
