package duty

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

const twoChannels = `zone = "UTC"
[people]
alice = { page = ["pagerduty", "terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "1999-01-04 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "alice", wait = "5m" }]
fallback = "alice"
[[route]]
policy = "standard"
`

// deliverBy runs a deliverer with these channels in the bubble until the test ends.
func deliverBy(t *testing.T, e *Engine, pagers map[string]page.Pager) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &Deliverer{
		Engine: e, Pagers: pagers, Log: discard, Guard: quietly,
		Contacts: func() *escalation.Contacts { return &escalation.Contacts{} }, Link: func(string) string { return "" },
	}
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// quietly is a guard that reports nothing.
func quietly(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("panic: %v", value)
			}
		}()
		return f()
	}
}

// deaths are of as many containers.
func deaths(n int) []influx.Point {
	var points []influx.Point
	for i := range n {
		p := death(time.Now())
		p.Tags[1].Value = string(rune('a' + i))
		points = append(points, p)
	}
	return points
}

// A provider that answers nobody must not hold up those who are reached another way.
func TestAChannelThatHangsDoesNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		var err error
		if e.rotation, err = schedule.Parse("oncall.toml", []byte(twoChannels)); err != nil {
			t.Fatal(err)
		}
		const n = 2 * maxInFlight
		hanging := &channel{make(chan page.Message, 1000), func(ctx context.Context, _ page.Message) error { <-ctx.Done(); return ctx.Err() }}
		working := &channel{make(chan page.Message, 1000), func(context.Context, page.Message) error { return nil }}
		deliverBy(t, e, map[string]page.Pager{"pagerduty": hanging, "terminal": working})
		if err := e.Ingest(t.Context(), deaths(n)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(working.calls); got != n {
			t.Errorf("a second later %d of %d pages went out by the channel that works", got, n)
		}
		if got := len(hanging.calls); got != maxInFlight {
			t.Errorf("%d attempts are under way by the channel that hangs, want %d", got, maxInFlight)
		}
		time.Sleep(attemptWithin + time.Second)
		synctest.Wait()
		if got := len(hanging.calls); got < n {
			t.Errorf("the channel that hangs was asked %d times once the first attempts were over, want at least %d", got, n)
		}
	})
}

// A pager that panics fails its page, and the others go on.
func TestAPagerThatPanicsFailsItsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{}
		e := newEngine(t, store)
		broken := &channel{make(chan page.Message, 1000), func(context.Context, page.Message) error { panic("no such message") }}
		deliverBy(t, e, map[string]page.Pager{"terminal": broken})
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if row := store.row(); row.Status != incident.RowFailed {
			t.Errorf("the row is %s: %s", row.Status, row.Reason)
		}
	})
}
