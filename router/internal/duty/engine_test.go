package duty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

const rotationText = `zone = "UTC"
[people]
alice = { page = ["terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "1999-01-04 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "5m" }]
fallback = "alice"
[[route]]
policy = "standard"
`

// disk is a Committer in memory that can be told to refuse.
type disk struct {
	mu      sync.Mutex
	broken  error
	batches []record.Batch
}

func (d *disk) Prepare(*record.Batch) error { return nil }

func (d *disk) Commit(_ context.Context, batches ...record.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.batches = append(d.batches, batches...)
	return nil
}

func (d *disk) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

// row is the last stored form of the only row.
func (d *disk) row() incident.Row {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range slices.Backward(d.batches) {
		if n := len(b.Change.Rows); n > 0 {
			return b.Change.Rows[n-1]
		}
	}
	return incident.Row{}
}

// channel is a pager that does what the test says.
type channel struct {
	calls chan page.Message
	reply func(ctx context.Context, m page.Message) error
}

func (c *channel) Page(ctx context.Context, m page.Message) (string, error) {
	c.calls <- m
	return "provider-1", c.reply(ctx, m)
}

// tickFor lets time pass with a tick each second, as the app does.
func tickFor(t *testing.T, e *Engine, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Second)
		if err := e.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func newEngine(t *testing.T, store Committer, more ...rule.RuleConfig) *Engine {
	t.Helper()
	rotation, err := schedule.Parse("oncall.toml", []byte(rotationText))
	if err != nil {
		t.Fatal(err)
	}
	set, problems := rule.Compile(rule.Config{Rules: append(more, rule.RuleConfig{ID: "container-died", Kind: "container_died"})}, nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	ids := 0
	e := New(Options{
		Store: store, Now: time.Now, Log: discard, Rules: set,
		NewID: func(time.Time) string { ids++; return fmt.Sprintf("I%03d", ids) },
	}, record.Stored{})
	e.SetRotation(rotation, "")
	return e
}

func death(at time.Time) influx.Point {
	return influx.Point{
		Measurement: "container_event", Time: at,
		Tags:   []influx.Tag{{Key: "host", Value: "web1"}, {Key: "container_name", Value: "shop"}, {Key: "action", Value: "die"}},
		Fields: []influx.Field{influx.String("container_id", "c1"), influx.Int("exit_code", 7), influx.Bool("requested", false), influx.String("restart_policy", "no")},
	}
}

var errFull = errors.New("the disk is full")

func TestABatchThatCannotBeStoredIsNotAnsweredAsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{broken: errFull}
		e := newEngine(t, store)
		points := []influx.Point{death(time.Now())}
		if err := e.Ingest(t.Context(), points); !errors.Is(err, errFull) {
			t.Fatalf("found %v, want the store's error", err)
		}
		store.set(nil)
		if err := e.Ingest(t.Context(), points); err != nil {
			t.Fatal(err)
		}
		if open := e.Incidents(); len(open) != 1 {
			t.Fatalf("sent again: found %d incidents, want 1", len(open))
		}
		stored := len(store.batches)
		if err := e.Ingest(t.Context(), points); err != nil || len(store.batches) != stored {
			t.Errorf("sent a third time: stored %d batches more, %v", len(store.batches)-stored, err)
		}
	})
}

func TestAConditionThatHoldsOnAfterItWasResolvedByHandOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{}, rule.RuleConfig{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: after(time.Minute)})
		heartbeat := func() influx.Point {
			return influx.Point{
				Measurement: "nezuban_agent", Time: time.Now(), Tags: []influx.Tag{{Key: "host", Value: "web1"}},
				Fields: []influx.Field{influx.String("state", "up")},
			}
		}
		if err := e.Ingest(t.Context(), []influx.Point{heartbeat()}); err != nil {
			t.Fatal(err)
		}
		wait := func(d time.Duration) []incident.Incident {
			t.Helper()
			tickFor(t, e, d)
			var open []incident.Incident
			for _, inc := range e.Incidents() {
				if inc.State != incident.Resolved {
					open = append(open, inc)
				}
			}
			return open
		}
		open := wait(10 * time.Minute)
		if len(open) != 1 {
			t.Fatalf("found %d incidents, want the absence", len(open))
		}
		if err := e.Resolve(t.Context(), open[0].ID, "alice", ""); err != nil {
			t.Fatal(err)
		}
		again := wait(time.Second)
		if len(again) != 1 || again[0].ID == open[0].ID {
			t.Fatalf("found %v, want a new incident: the host is still absent", again)
		}
		if err := e.Forget(t.Context(), "web1"); err != nil {
			t.Fatal(err)
		}
		if left := wait(time.Hour); len(left) != 0 {
			t.Errorf("found %v after the host was forgotten", left)
		}
		for _, host := range []string{"web1", "web9"} {
			if err := e.Forget(t.Context(), host); !errors.Is(err, incident.ErrUnknown) {
				t.Errorf("forget %s: found %v, want that nobody knows it", host, err)
			}
		}
	})
}

func after(d time.Duration) *tomlfile.Duration { return (*tomlfile.Duration)(&d) }

// deliver runs a deliverer in the bubble until the test ends.
func deliver(t *testing.T, e *Engine, reply func(ctx context.Context, m page.Message) error) (calls chan page.Message, stop func()) {
	t.Helper()
	calls = make(chan page.Message, 100)
	ctx, cancel := context.WithCancel(t.Context())
	d := &Deliverer{
		Engine: e, Pagers: map[string]page.Pager{"terminal": &channel{calls, reply}}, Guard: quietly, Log: discard,
		Contacts: func() *escalation.Contacts { return &escalation.Contacts{} }, Link: func(id string) string { return "http://router/incidents/" + id },
	}
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return calls, stop
}

func TestDelivery(t *testing.T) {
	accepts := func(context.Context, page.Message) error { return nil }
	t.Run("a page goes out at once and its outcome is stored", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &disk{}
			e := newEngine(t, store)
			calls, stop := deliver(t, e, accepts)
			if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if m := <-calls; m.Rule != "container-died" || m.People[0].Person != "alice" || m.URL != "http://router/incidents/I001" || m.Repeat {
				t.Errorf("found %+v", m)
			}
			if row := store.row(); row.Status != incident.RowSent || row.ProviderID != "provider-1" {
				t.Errorf("stored %+v", row)
			}
			stop()
		})
	})
	t.Run("nothing is sent before it is stored that it will be", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &disk{}
			e := newEngine(t, store)
			if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
				t.Fatal(err)
			}
			store.set(errFull)
			calls, stop := deliver(t, e, accepts)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if len(calls) != 0 {
				t.Fatalf("sent %d messages without a durable mark", len(calls))
			}
			store.set(nil)
			time.Sleep(storeRetryWait)
			synctest.Wait()
			if len(calls) != 1 {
				t.Errorf("sent %d messages once it could be stored, want 1", len(calls))
			}
			stop()
		})
	})
	t.Run("an outcome that cannot be stored is not forgotten, and not sent twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &disk{}
			e := newEngine(t, store)
			calls, stop := deliver(t, e, func(context.Context, page.Message) error { store.set(errFull); return nil })
			if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			store.set(nil)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if len(calls) != 1 || store.row().Status != incident.RowSent {
				t.Errorf("sent %d messages, row %s", len(calls), store.row().Status)
			}
			stop()
		})
	})
	t.Run("a provider that hangs is tried again, marked as a repeat", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &disk{}
			e := newEngine(t, store)
			first := true
			calls, stop := deliver(t, e, func(ctx context.Context, _ page.Message) error {
				if first {
					first = false
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			})
			if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(attemptWithin + 2*firstRetry)
			synctest.Wait()
			if len(calls) != 2 {
				t.Fatalf("tried %d times, want 2", len(calls))
			}
			if a, b := <-calls, <-calls; a.Repeat || !b.Repeat || a.PageID != b.PageID {
				t.Errorf("found %+v\nthen %+v", a, b)
			}
			stop()
		})
	})
	t.Run("stopping in the middle leaves the row as being sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &disk{}
			e := newEngine(t, store)
			_, stop := deliver(t, e, func(ctx context.Context, _ page.Message) error { <-ctx.Done(); return ctx.Err() })
			if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			stop()
			if got := store.row().Status; got != incident.RowSending {
				t.Errorf("row is %s, want sending: the next start sends it again", got)
			}
		})
	})
	t.Run("a channel that this router does not have fails for good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &disk{}
			e := newEngine(t, store)
			if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
				t.Fatal(err)
			}
			d := &Deliverer{Engine: e, Guard: quietly, Log: discard, Contacts: func() *escalation.Contacts { return &escalation.Contacts{} }, Link: func(string) string { return "" }}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); d.Run(ctx) }()
			synctest.Wait()
			cancel()
			<-done
			if row := store.row(); row.Status != incident.RowFailed {
				t.Errorf("row is %s: %s", row.Status, row.Reason)
			}
		})
	})
}

// firstRetry is the pause before the second attempt of a row.
const firstRetry = time.Second
