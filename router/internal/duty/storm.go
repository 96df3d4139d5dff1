package duty

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/state/record"
)

// merge lets a storm of pages become few messages, before what is due is looked for. It need not wait until that is stored:
// the marks of what is sent then are stored after it. When it cannot be stored it reports false, and each goes out by itself.
func (d *Deliverer) merge(ctx context.Context) bool {
	if len(d.Caps) == 0 {
		return false
	}
	_, err := d.Engine.join(ctx, func(env incident.Env) (decision, error) {
		return decision{batch: record.Batch{Change: d.Engine.book.Merge(env, d.Caps)}}, nil
	})
	if err != nil {
		d.Log.Error("cannot merge pages", "err", err)
	}
	return err == nil
}

// burst is how many messages may go out at once before a rate tells.
const burst = 10

func (d *Deliverer) newBuckets() map[string]*rate.Limiter {
	buckets := map[string]*rate.Limiter{}
	for channel, perMinute := range d.Rates {
		if perMinute > 0 {
			buckets[channel] = rate.NewLimiter(rate.Limit(float64(perMinute)/time.Minute.Seconds()), min(burst, perMinute))
		}
	}
	return buckets
}

// hold takes a message off a channel's rate, or says until when there is none: zero means that it may go.
func (d *Deliverer) hold(channel string) (until time.Time) {
	bucket := d.buckets[channel]
	if bucket == nil {
		return time.Time{}
	}
	now := d.Engine.now()
	reserved := bucket.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay == 0 {
		return time.Time{}
	}
	reserved.CancelAt(now)
	return now.Add(delay)
}

// sooner is the earlier of two times, of which zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// together are the summaries of a message that speaks for other incidents too.
func together(own []string, others []incident.Incident) []string {
	if len(others) == 0 {
		return own
	}
	all := []string{countOf(len(others), own[0])}
	for _, inc := range others {
		all = append(all, inc.Lead().Summary)
	}
	return all
}

// ended makes of the news that an incident is over that of all that a message spoke for. Who ended the one is not who ended
// the others.
func ended(f *page.Facts, others int) {
	f.Summaries, f.More, f.By = []string{countOf(others, f.Summaries[0])}, others, ""
}

func countOf(others int, own string) string { return fmt.Sprintf("%d incidents: %s", 1+others, own) }
