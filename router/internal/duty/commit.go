package duty

import (
	"context"
	"slices"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// Committer is the durable side of an engine.
type Committer interface {
	// Prepare says whether a batch can be stored at all; the error is [record.ErrTooLarge] when it cannot, and
	// [record.ErrFull] when it cannot now.
	Prepare(b *record.Batch) error
	// Commit makes batches durable. After an error some of it may be: the same batches are committed again, before others.
	Commit(ctx context.Context, batches ...record.Batch) error
}

// decision is what is stored and taken over as one.
type decision struct {
	batch record.Batch
	step  rule.Step
}

// group is the decisions that were made while the group before was being stored: they are stored together.
type group struct {
	batches []record.Batch
	stored  chan struct{} // closed when err is known
	err     error
}

// wait returns when the group is durable, or may not be. Nil is a group that is.
func (g *group) wait() error {
	if g == nil {
		return nil
	}
	<-g.stored // commitWithin bounds it, twice when the group before is not stored yet
	return g.err
}

// commitWithin bounds one commit: a store that hangs must not hang every sender.
const commitWithin = 5 * time.Second

// decide makes one decision, and returns when it is durable together with all that it was built on. Book and rules take it
// over at once, so that the next decision sees it; they run ahead of the disk by what is being stored, and no answer and no
// message leaves the router before that is done. What changes nothing is answered no earlier than what it was built on.
//
// When the store gives no clear answer the decisions stand, because they may be on disk: others in their place would leave
// the first behind, to page after the next start. They are owed, and stored before anything else is decided.
func (e *Engine) decide(ctx context.Context, decide func(incident.Env) (decision, error)) error {
	if err := e.settle(ctx); err != nil {
		return err
	}
	g, err := e.join(ctx, decide)
	if err != nil {
		return err
	}
	return g.wait()
}

// join makes one decision, and returns the group with which it is stored.
func (e *Engine) join(ctx context.Context, decide func(incident.Env) (decision, error)) (*group, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d, err := decide(e.env())
	if err != nil {
		return nil, err
	}
	changes := !d.batch.Empty()
	if changes {
		if err := e.store.Prepare(&d.batch); err != nil {
			return nil, err
		}
		e.book.Accept(d.batch.Change)
		e.wake()
	}
	e.rules.Accept(d.step)
	switch {
	case changes:
		return e.enlist(ctx, d.batch), nil
	case e.forming != nil:
		return e.forming, nil
	case e.storing != nil:
		return e.storing, nil
	case e.owed != nil: // by now
		return e.enlist(ctx), nil
	}
	return nil, nil
}

// enlist adds to the group that forms, which is stored as soon as the one before is. The caller holds mu.
func (e *Engine) enlist(ctx context.Context, batches ...record.Batch) *group {
	if e.forming == nil {
		e.forming = &group{stored: make(chan struct{})}
		// A sender may hang up: what is decided is stored all the same.
		go e.commit(context.WithoutCancel(ctx), e.forming, e.storing)
	}
	e.forming.batches = append(e.forming.batches, batches...)
	return e.forming
}

// settle stores what is owed, before anything else is decided.
func (e *Engine) settle(ctx context.Context) error {
	e.mu.Lock()
	var g *group
	if e.owed != nil {
		g = e.enlist(ctx)
	}
	e.mu.Unlock()
	return g.wait()
}

// commit stores what is owed and a group, after the group before.
func (e *Engine) commit(ctx context.Context, g, before *group) {
	_ = before.wait() // its error is told to those who wait for it, and what it could not store is owed
	e.mu.Lock()
	e.forming, e.storing = nil, g
	batches := slices.Concat(e.owed, g.batches)
	e.mu.Unlock()

	if len(batches) > 0 {
		ctx, cancel := context.WithTimeout(ctx, commitWithin)
		g.err = e.store.Commit(ctx, batches...)
		cancel()
	}

	e.mu.Lock()
	e.storing, e.owed = nil, nil
	if g.err != nil {
		e.owed = batches
	}
	e.mu.Unlock()
	close(g.stored)
}

// wake lets the deliverer look again.
func (e *Engine) wake() {
	select {
	case e.changed <- struct{}{}:
	default:
	}
}
