package duty

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// lossy is a disk that stores what it is given and loses the answers, while err is set.
type lossy struct {
	disk
	err error
}

func (l *lossy) Commit(ctx context.Context, batches ...record.Batch) error {
	return errors.Join(l.disk.Commit(ctx, batches...), l.err)
}

// stored is what a router would find that started now.
func (d *disk) stored() *incident.Book {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := incident.NewBook(nil, nil, nil)
	for _, batch := range d.batches {
		b.Accept(batch.Change)
	}
	return b
}

var errNoAnswer = errors.New("no answer from the store")

// A commit whose answer is lost may be stored. An incident that is on disk and not in memory would page after the next
// start, beside the one that the re-sent event opened, and nothing would ever resolve it.
func TestWhatMayHaveBeenStoredIsSettledBeforeAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lossy{err: errNoAnswer}
		e := newEngine(t, store)
		points := []influx.Point{death(time.Now())}
		if err := e.Ingest(t.Context(), points); !errors.Is(err, errNoAnswer) {
			t.Fatalf("found %v, want the store's error", err)
		}
		if err := e.Tick(t.Context()); !errors.Is(err, errNoAnswer) {
			t.Fatalf("tick: found %v, want the store's error", err)
		}
		store.err = nil
		if err := e.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if open := e.Incidents(); len(open) != 1 {
			t.Fatalf("found %d incidents though nobody sent the event again, want 1", len(open))
		}
		if err := e.Ingest(t.Context(), points); err != nil {
			t.Fatal(err)
		}
		if open := store.stored().Incidents(); len(open) != 1 {
			t.Errorf("found %d incidents on disk, want 1: %v", len(open), open)
		}
	})
}

// What no store can take must not be owed for ever.
func TestABatchThatIsRefusedForItsSizeIsNotOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &picky{refuses: func(b *record.Batch) bool { return len(b.Change.Incidents) > 0 }}
		e := newEngine(t, store)
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); !errors.Is(err, record.ErrTooLarge) {
			t.Fatalf("found %v, want the store's error", err)
		}
		if err := e.Tick(t.Context()); err != nil || len(e.Incidents()) != 0 {
			t.Errorf("found %d incidents, %v", len(e.Incidents()), err)
		}
	})
}

// picky takes some batches for too large.
type picky struct {
	disk
	refuses func(*record.Batch) bool
}

func (p *picky) Prepare(b *record.Batch) error {
	if p.refuses(b) {
		return record.ErrTooLarge
	}
	return nil
}

// A series whose state cannot be stored must not keep the people of another incident from being called.
func TestEscalationGoesOnWhenWhatTheRulesSayCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &picky{refuses: func(b *record.Batch) bool { return slices.Contains(b.Delete, "series/huge") }}
		e := newEngine(t, store)
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		rows := len(e.book.Rows("I001"))
		e.rules = alwaysFailing(t)
		time.Sleep(6 * time.Minute)
		if err := e.Tick(t.Context()); !errors.Is(err, record.ErrTooLarge) {
			t.Fatalf("tick: found %v, want the store's error", err)
		}
		if got := len(e.book.Rows("I001")); got <= rows {
			t.Errorf("found %d rows after the step's wait of 5 min, want more than %d", got, rows)
		}
	})
}

// alwaysFailing are rules that want to store at each tick what the disk refuses.
func alwaysFailing(t *testing.T) *rule.Engine {
	t.Helper()
	set, problems := rule.Compile(rule.Config{Rules: []rule.RuleConfig{{ID: "container-died", Kind: "container_died"}}}, nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return rule.NewEngine(set, []rule.Record{{Key: "series/huge", Value: []byte(`{"version":1,"rule":"gone"}`)}}, nil, time.Now())
}
