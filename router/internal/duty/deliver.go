package duty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/time/rate"

	"nezuban/agent/daemon"
	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
	"nezuban/router/internal/state/record"
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
	Metrics   *metrics.Set // counts attempts by channel and result; nil: nowhere

	// Personal is what a message bears for its receiver alone: where it is acknowledged, and the code of an answer, each ""
	// for none. Nil: nothing.
	Personal func(row incident.Row, pageID string) (link, code string)

	Caps  map[string]int // by channel: how many messages that call somebody go out in a minute, see [incident.Book.Merge]; 0: no bound
	Rates map[string]int // by channel: how many messages of any kind go out in a minute, the others wait; 0: no bound

	attempts sync.WaitGroup
	buckets  map[string]*rate.Limiter // by channel; as slots
	bounded  bool                     // Caps are kept; as slots
	slots    map[string]chan struct{} // by channel; only Run's own goroutine uses the map
}

const (
	attemptWithin  = 30 * time.Second // one try of one message, the channel's own requests included
	stopGrace      = 3 * time.Second  // for an attempt that is under way when the router is told to stop
	maxInFlight    = 32               // attempts of one channel: one that hangs holds up no other
	storeRetryWait = time.Second
	storeTriesLine = 60          // every so many tries of one message are a line in the log
	longestWait    = time.Minute // for rows to become due
	shortestWait   = time.Millisecond
)

// Run delivers until ctx ends, and returns when no attempt is under way any more.
func (d *Deliverer) Run(ctx context.Context) {
	defer d.attempts.Wait()
	d.slots, d.buckets = map[string]chan struct{}{}, d.newBuckets()
	for ctx.Err() == nil {
		d.bounded = d.merge(ctx)
		due, next := d.due()
		taken, later := d.take(due)
		next = sooner(next, later)
		if err := d.start(ctx, taken); err != nil {
			d.Log.Error("cannot store that pages are being sent; trying again", "err", err)
			next = d.Engine.now().Add(storeRetryWait)
		}
		d.await(ctx, next)
	}
}

// take picks the rows whose channels have a slot free and are within their rate, and takes the slots. The end of an attempt
// wakes the deliverer for the others; for what the rate holds back, later is when.
func (d *Deliverer) take(due []incident.Row) (taken []incident.Row, later time.Time) {
	for _, row := range due {
		if d.slots[row.Channel] == nil {
			d.slots[row.Channel] = make(chan struct{}, maxInFlight)
		}
		select {
		case d.slots[row.Channel] <- struct{}{}:
		default:
			continue
		}
		if wait := d.hold(row.Channel); !wait.IsZero() {
			later = sooner(later, wait)
			d.release([]incident.Row{row})
			continue
		}
		taken = append(taken, row)
	}
	return taken, later
}

// begun is a row that is being sent, with what its message is composed from.
type begun struct {
	row      incident.Row
	incident incident.Incident
	rows     []incident.Row      // of the incident
	merged   []incident.Incident // that the message speaks for besides
}

// start marks rows as being sent, and lets their attempts begin once that is durable. Of those that are not to be sent any
// more it gives back the slots.
func (d *Deliverer) start(ctx context.Context, rows []incident.Row) error {
	if len(rows) == 0 {
		return nil
	}
	if err := d.Engine.settle(ctx); err != nil {
		d.release(rows)
		return err
	}
	var marked []begun
	var groups []*group
	for _, row := range rows {
		b, g, ok := d.begin(ctx, row)
		if !ok {
			d.release([]incident.Row{row})
			continue
		}
		marked, groups = append(marked, b), append(groups, g)
	}
	if !d.durable(ctx, groups) {
		return ctx.Err() // they stand as being sent, and go again after the next start
	}
	for _, b := range marked {
		if d.withheld(ctx, b.row.Key()) {
			d.release([]incident.Row{b.row})
			continue
		}
		slots := d.slots[b.row.Channel] // the map is this goroutine's alone
		d.attempts.Go(func() {
			d.attempt(ctx, b)
			<-slots
			d.Engine.wake()
		})
	}
	return nil
}

// free is how many slots of a channel nobody has.
func (d *Deliverer) free(channel string) int { return maxInFlight - len(d.slots[channel]) }

// release gives back the slots of rows.
func (d *Deliverer) release(rows []incident.Row) {
	for _, row := range rows {
		<-d.slots[row.Channel]
	}
}

// begin marks a row as being sent; ok is false when it is not to be sent any more, or is to be merged first: it became
// due just now.
func (d *Deliverer) begin(ctx context.Context, row incident.Row) (b begun, g *group, ok bool) {
	book := d.Engine.book
	g, err := d.Engine.join(ctx, func(env incident.Env) (decision, error) {
		if d.bounded && book.Floods(row, d.Caps, env.Now) {
			d.Engine.wake()
			return decision{}, incident.ErrUnknown
		}
		change, wanted := book.Begin(env, row.Key())
		if !wanted {
			return decision{}, incident.ErrUnknown
		}
		at := slices.IndexFunc(change.Rows, func(r incident.Row) bool { return r.Key() == row.Key() })
		b.row, b.rows = change.Rows[at], book.Rows(row.Incident)
		b.incident, _ = book.Incident(row.Incident)
		b.merged = book.Merged(b.row)
		return decision{batch: record.Batch{Change: change}}, nil
	})
	if err != nil && !errors.Is(err, incident.ErrUnknown) {
		d.Log.Error("cannot store that a page is being sent", "incident", row.Incident, "err", err)
	}
	return b, g, err == nil
}

// withheld takes a row back that was overtaken while it was being stored that it is sent: somebody has the incident by now, or
// it is over. Nobody waits for this to be stored: a start that finds the row as being sent cancels it too.
func (d *Deliverer) withheld(ctx context.Context, key incident.RowKey) bool {
	_, err := d.Engine.join(ctx, func(env incident.Env) (decision, error) {
		change, overtaken := d.Engine.book.Withhold(env, key)
		if !overtaken {
			return decision{}, incident.ErrUnknown
		}
		return decision{batch: record.Batch{Change: change}}, nil
	})
	return err == nil
}

// durable waits until what these groups hold is, and does not give up while the router runs: nobody else would send the
// rows that they mark, or sees to it that an outcome is stored.
func (d *Deliverer) durable(ctx context.Context, groups []*group) bool {
	var err error
	for _, g := range groups {
		err = errors.Join(err, g.wait())
	}
	for tries := 0; err != nil; tries++ {
		if tries%storeTriesLine == 0 {
			d.Log.Error("cannot store what becomes of pages; trying again", "err", err)
		}
		if !pause(ctx, storeRetryWait) {
			return false
		}
		err = d.Engine.settle(ctx)
	}
	return true
}

// pause waits, and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// await returns when rows may have become due. The clock may be put while it waits.
func (d *Deliverer) await(ctx context.Context, next time.Time) {
	wait := longestWait
	if !next.IsZero() {
		wait = min(max(next.Sub(d.Engine.now()), shortestWait), longestWait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.Engine.changed:
	}
}

// due lists the rows that may be sent now, and says when to look again if nothing else happens, by the clock: the time of
// decisions may be ahead of it.
func (d *Deliverer) due() ([]incident.Row, time.Time) {
	d.Engine.mu.Lock()
	defer d.Engine.mu.Unlock()
	now := d.Engine.env().Now
	due, next := d.Engine.book.DueWithin(now, d.free)
	if !next.IsZero() {
		next = d.Engine.now().Add(next.Sub(now))
	}
	return due, next
}

// attempt makes one try and stores its outcome.
//
// Next on a sample's path, and last: [page.Pager.Page] of the row's channel.
func (d *Deliverer) attempt(ctx context.Context, b begun) {
	row := b.row
	var out incident.Outcome
	pager, ok := d.Pagers[row.Channel]
	if !ok {
		out = incident.Outcome{Err: fmt.Errorf("channel %q is not configured on this router", row.Channel), Permanent: true}
	} else {
		out = d.page(ctx, pager, b)
	}
	if out.Err != nil {
		d.Log.Warn("page not delivered", "incident", row.Incident, "channel", row.Channel, "permanent", out.Permanent, "err", out.Err)
	}
	if ctx.Err() != nil && out.Err != nil {
		return // stopping: the row stays as being sent, and goes again after the next start
	}
	d.count(row.Channel, out)
	d.finish(ctx, row.Key(), out)
}

// page composes the message and makes the try itself. One that panics would do so again, at each start anew: it has failed
// for good, so that the person's next channel is taken.
func (d *Deliverer) page(ctx context.Context, pager page.Pager, b begun) incident.Outcome {
	sending, cancel := lastingLonger(ctx)
	defer cancel()
	var id, remark string
	var msg page.Message
	var failed error
	panicked := d.Guard(func() error {
		msg, remark = d.worded(d.compose(b), b.row.Channel)
		id, failed = pager.Page(sending, msg)
		return nil
	})()
	if panicked != nil {
		if p, ok := errors.AsType[*daemon.PanicError](panicked); ok {
			d.Log.Error("a channel panicked", "incident", b.row.Incident, "channel", b.row.Channel, "panic", p.Value, "stack", string(p.Stack))
		}
		return incident.Outcome{Err: panicked, Permanent: true, Remark: remark}
	}
	out := incident.Outcome{ProviderID: id, Err: failed, Permanent: page.IsPermanent(failed), After: page.RetryAfter(failed), Remark: remark}
	if ways, ok := pager.(page.Explainer); ok && failed == nil {
		out.How = ways.Explain(msg, id)
	}
	return out
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

// count counts attempts by what became of them.
func (d *Deliverer) count(channel string, out incident.Outcome) {
	if d.Metrics == nil {
		return
	}
	result := "sent"
	switch {
	case out.Err != nil && out.Permanent:
		result = "refused"
	case out.Err != nil:
		result = "failed"
	}
	d.Metrics.GetOrCreateCounter(fmt.Sprintf("nezuban_messages_total{channel=%q,result=%q}", channel, result)).Inc()
}

// finish stores an outcome, and does not give up while the router runs: a lost outcome would be a repeated page. It is
// decided once: from then on the row may be begun anew, and the same outcome must not count for that attempt too.
func (d *Deliverer) finish(ctx context.Context, key incident.RowKey, out incident.Outcome) {
	for tries := 0; ; tries++ {
		g, err := d.Engine.join(ctx, func(env incident.Env) (decision, error) {
			return decision{batch: record.Batch{Change: d.Engine.book.Finish(env, key, out)}}, nil
		})
		if err == nil {
			d.durable(ctx, []*group{g})
			return
		}
		if tries%storeTriesLine == 0 {
			d.Log.Error("cannot store what became of a page; trying again", "incident", key.Incident, "err", err)
		}
		if !pause(ctx, storeRetryWait) {
			return
		}
	}
}

// compose writes a row's message.
func (d *Deliverer) compose(b begun) composed {
	inc, rows, row := b.incident, b.rows, b.row
	contacts := d.Contacts()
	msg, facts := page.Draft(inc, page.Kind(row.Kind), row.Why, d.Link(inc.ID))
	msg.PageID, msg.Repeat, msg.Failing = row.PageID(), row.Repeat, max(d.Engine.now().Sub(row.FirstTry), 0)
	if d.Personal != nil {
		facts.AckURL, msg.Code = d.Personal(row, msg.PageID)
		msg.AckURL = facts.AckURL
	}
	facts.Summaries = together(facts.Summaries, b.merged)
	if row.Kind == incident.MessageResolve && row.Others > 0 {
		ended(&facts, row.Others)
	}
	msg.Title, msg.Text = page.Words(facts)
	for _, person := range row.People {
		address, _ := contacts.Address(person, row.Channel)
		msg.People = append(msg.People, page.Recipient{Person: person, Address: address})
	}
	msg.ProviderID = incident.KnownAs(rows, row)
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
