package duty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"nezuban/agent/daemon"
	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
	"nezuban/router/internal/state"
)

// Deliverer sends what stands in the outbox. Each row is marked as being sent, durably, before its attempt starts, and
// its outcome is stored after: a crash in between sends it again, marked as a possible repeat, and never loses it.
type Deliverer struct {
	Engine    *Engine
	Pagers    map[string]page.Pager // by channel
	Contacts  func() *escalation.Contacts
	Link      func(id string) string          // where an incident is shown
	Guard     func(func() error) func() error // turns a panic into an error
	Templates *wording.Set                    // the words of messages; nil: the built-in ones
	Log       *slog.Logger

	attempts sync.WaitGroup
	slots    map[string]chan struct{} // by channel; only Run's own goroutine uses the map
}

const (
	attemptWithin  = 30 * time.Second // one try of one message, the channel's own requests included
	stopGrace      = 3 * time.Second  // for an attempt that is under way when the router is told to stop
	maxInFlight    = 32               // attempts of one channel: one that hangs holds up no other
	storeRetryWait = time.Second
)

// Run delivers until ctx ends, and returns when no attempt is under way any more.
func (d *Deliverer) Run(ctx context.Context) {
	defer d.attempts.Wait()
	d.slots = map[string]chan struct{}{}
	for ctx.Err() == nil {
		due, next := d.due()
		for _, row := range due {
			if ctx.Err() != nil {
				return
			}
			if err := d.start(ctx, row); err != nil {
				d.Log.Error("cannot store that a page is being sent; trying again", "incident", row.Incident, "err", err)
				next = d.Engine.now().Add(storeRetryWait)
				break
			}
		}
		d.await(ctx, next)
	}
}

// start lets an attempt begin, unless its channel is busy: the end of another attempt wakes the deliverer then.
func (d *Deliverer) start(ctx context.Context, row incident.Row) error {
	if d.slots[row.Channel] == nil {
		d.slots[row.Channel] = make(chan struct{}, maxInFlight)
	}
	slots := d.slots[row.Channel]
	select {
	case slots <- struct{}{}:
	default:
		return nil
	}
	msg, ok, err := d.begin(ctx, row)
	if !ok || err != nil {
		<-slots
		return err
	}
	d.attempts.Go(func() {
		d.attempt(ctx, row, msg)
		<-slots
		d.Engine.wake()
	})
	return nil
}

// await returns when rows may have become due.
func (d *Deliverer) await(ctx context.Context, next time.Time) {
	wait := time.Minute
	if !next.IsZero() {
		wait = max(next.Sub(d.Engine.now()), 0)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.Engine.changed:
	}
}

func (d *Deliverer) due() ([]incident.Row, time.Time) {
	d.Engine.mu.Lock()
	defer d.Engine.mu.Unlock()
	return d.Engine.book.Due(d.Engine.env().Now)
}

// begin makes the attempt durable and composes its message; ok is false when the row is not to be sent any more.
func (d *Deliverer) begin(ctx context.Context, row incident.Row) (msg composed, ok bool, err error) {
	e := d.Engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.settle(ctx); err != nil {
		return composed{}, false, err
	}
	change, ok := e.book.Begin(e.env(), row.Key())
	if !ok {
		return composed{}, false, nil
	}
	// A mark without an answer is not owed: it would be taken over without an attempt. The row is begun anew.
	if err := e.commit(ctx, state.Batch{Change: change}); err != nil {
		return composed{}, false, err
	}
	inc, _ := e.book.Incident(row.Incident)
	return d.compose(inc, e.book.Rows(row.Incident), change.Rows[0]), true, nil
}

// attempt makes one try and stores its outcome.
//
// Next on a sample's path, and last: [page.Pager.Page] of the row's channel.
func (d *Deliverer) attempt(ctx context.Context, row incident.Row, c composed) {
	var out incident.Outcome
	pager, ok := d.Pagers[row.Channel]
	if !ok {
		out = incident.Outcome{Err: fmt.Errorf("channel %q is not configured on this router", row.Channel), Permanent: true}
	} else {
		msg, remark := d.worded(c, row.Channel)
		out = d.page(ctx, pager, msg)
		out.Remark = remark
	}
	if out.Err != nil {
		d.Log.Warn("page not delivered", "incident", row.Incident, "channel", row.Channel, "permanent", out.Permanent, "err", out.Err)
	}
	if ctx.Err() != nil && out.Err != nil {
		return // stopping: the row stays as being sent, and goes again after the next start
	}
	d.finish(ctx, row.Key(), out)
}

// page makes the try itself. One that panics would do so again, at each start anew: it has failed for good, so that the
// person's next channel is taken.
func (d *Deliverer) page(ctx context.Context, pager page.Pager, msg page.Message) incident.Outcome {
	sending, cancel := lastingLonger(ctx)
	defer cancel()
	var id string
	var failed error
	panicked := d.Guard(func() error {
		id, failed = pager.Page(sending, msg)
		return nil
	})()
	if panicked != nil {
		if p, ok := errors.AsType[*daemon.PanicError](panicked); ok {
			d.Log.Error("a channel panicked", "page", msg.PageID, "panic", p.Value, "stack", string(p.Stack))
		}
		return incident.Outcome{Err: panicked, Permanent: true}
	}
	return incident.Outcome{ProviderID: id, Err: failed, Permanent: page.IsPermanent(failed), After: page.RetryAfter(failed)}
}

// lastingLonger bounds one attempt, and lets it go on for a while when the router is told to stop: cut off, it would
// have to be repeated.
func lastingLonger(ctx context.Context) (context.Context, context.CancelFunc) {
	attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptWithin)
	stop := context.AfterFunc(ctx, func() {
		grace := time.AfterFunc(stopGrace, cancel)
		context.AfterFunc(attempt, func() { grace.Stop() })
	})
	return attempt, func() { stop(); cancel() }
}

// finish stores an outcome, and does not give up while the router runs: a lost outcome would be a repeated page.
func (d *Deliverer) finish(ctx context.Context, key incident.RowKey, out incident.Outcome) {
	for {
		err := d.Engine.act(ctx, func(env incident.Env) (incident.Change, error) {
			return d.Engine.book.Finish(env, key, out), nil
		})
		if err == nil {
			return
		}
		d.Log.Error("cannot store what became of a page; trying again", "incident", key.Incident, "err", err)
		timer := time.NewTimer(storeRetryWait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// compose writes a row's message.
func (d *Deliverer) compose(inc incident.Incident, rows []incident.Row, row incident.Row) composed {
	contacts := d.Contacts()
	msg, facts := page.Draft(inc, page.Kind(row.Kind), row.Why, d.Link(inc.ID))
	msg.PageID, msg.Repeat = fmt.Sprintf("%s-%d", inc.ID, row.Seq), row.Repeat
	for _, person := range row.People {
		address, _ := contacts.Address(person, row.Channel)
		msg.People = append(msg.People, page.Recipient{Person: person, Address: address})
	}
	for _, other := range rows {
		if other.Destination() == row.Destination() && other.ProviderID != "" {
			msg.ProviderID = other.ProviderID
		}
	}
	return composed{msg, facts}
}

// composed is a message with its built-in words, and the facts behind them for templates.
type composed struct {
	page.Message
	facts page.Facts
}

// worded is the message in the words of the templates. Where they fail the built-in words stay, and remark says why.
func (d *Deliverer) worded(c composed, channel string) (msg page.Message, remark string) {
	msg, err := d.Templates.Apply(c.Message, wording.ViewOf(c.Message, c.facts, channel))
	if err != nil {
		d.Log.Error("a template failed: the built-in words are sent", "page", c.PageID, "channel", channel, "err", err)
		remark = fmt.Sprintf("the built-in words are sent by %s, because a template failed: %v", channel, err)
	}
	return msg, remark
}
