package record

import (
	"context"
	"errors"
)

// ErrFenced is returned when another router has taken over since: this one must not write any more.
var ErrFenced = errors.New("another router has taken over")

// KV is the database: etcd, or what plays it in the simulation.
type KV interface {
	// Txn runs the operations as one transaction and returns true, or runs none of them and returns false because the
	// guard does not hold. After an error it is not known whether they were run.
	Txn(ctx context.Context, guard Guard, ops []Op) (bool, error)
}

// Guard is the condition of a transaction: the leader key is still the one that this router has written.
type Guard struct {
	Key   string
	Fence int64 // revision at which it was made; 0: nothing may be written
}

// LeaderKey is who leads.
const LeaderKey = Prefix + "leader"

// Writer stores batches for one router, as long as it leads.
type Writer struct {
	KV    KV
	Fence int64 // revision at which this router made [LeaderKey]; 0: nothing may be written
}

// Prepare says whether a batch can be stored at all; the error is [ErrTooLarge] when it cannot. Commit does it for batches
// that were not prepared.
func (Writer) Prepare(b *Batch) error { return b.Prepare() }

// Commit makes batches durable, in the [Transactions] that hold them. On an error other than [ErrTooLarge], which refuses
// all of them, a part, or all, may be stored; committing the same batches again is safe.
//
// Next on a sample's path: duty's Deliverer.attempt, woken by the commit.
func (w Writer) Commit(ctx context.Context, batches ...Batch) error {
	transactions, err := Transactions(batches)
	if err != nil {
		return err
	}
	for _, ops := range transactions {
		if err := w.Txn(ctx, ops); err != nil {
			return err
		}
	}
	return nil
}

// Txn runs one transaction. The error is [ErrFenced] when this router does not lead any more: nothing of it is stored then.
func (w Writer) Txn(ctx context.Context, ops []Op) error {
	if len(ops) == 0 {
		return nil
	}
	led, err := w.KV.Txn(ctx, Guard{LeaderKey, w.Fence}, ops)
	if err != nil {
		return err
	}
	if !led {
		return ErrFenced
	}
	return nil
}
