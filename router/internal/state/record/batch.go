package record

import (
	"errors"
	"fmt"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// Bounds of one transaction: etcd refuses more than 128 operations and 1.5 MiB.
const (
	MaxOps   = 100
	MaxBytes = 1 << 20
)

// ErrTooLarge is returned for a batch that no store takes, whatever happens: nothing of it is stored.
var ErrTooLarge = errors.New("what belongs to one incident or one rule's series is too large to store")

// ErrFull is returned for a batch that there is no room for: nothing of it is stored, and trying again later makes sense.
var ErrFull = errors.New("the state is full")

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
// it. The error is [ErrTooLarge] for one that cannot. [Transactions] does it for batches that were not prepared.
func (b *Batch) Prepare() error {
	parts, err := b.encode()
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.bytes > MaxBytes {
			return fmt.Errorf("commit %.200q: found %d bytes, expected at most %d: %w", p.name, p.bytes, MaxBytes, ErrTooLarge)
		}
	}
	b.parts = parts
	return nil
}

// Transactions are as few as hold the batches, in the order in which they must happen; of what several batches write the
// last is kept. Whatever belongs to one incident goes in one transaction; several incidents share one while they fit. Whose
// turn comes next in a step that takes turns follows: should a crash come between, somebody has two turns running. Rule
// records go last: a crash in between leaves an event unapplied, and when it is sent again the incident knows it by its
// identity. Running all of them again after a part is safe. The error is [ErrTooLarge] when one of the batches is.
func Transactions(batches []Batch) ([][]Op, error) {
	for i := range batches {
		if batches[i].parts == nil {
			if err := batches[i].Prepare(); err != nil {
				return nil, err
			}
		}
	}
	var all [][]Op
	merged := newMerge()
	for _, b := range batches {
		if !merged.fits(b) {
			all = append(all, transactions(merged.parts())...)
			merged = newMerge()
		}
		merged.add(b)
	}
	return append(all, transactions(merged.parts())...), nil
}
