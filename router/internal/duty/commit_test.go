package duty

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/state/record"
)

// gated is a disk whose commits wait, one at a time, until the test lets them go with an answer.
type gated struct {
	disk
	sizes chan int // batches of the commit that waits
	let   chan error
}

func newGated() *gated { return &gated{sizes: make(chan int, 100), let: make(chan error)} }

func (g *gated) Commit(ctx context.Context, batches ...record.Batch) error {
	g.sizes <- len(batches)
	if err := <-g.let; err != nil {
		return err
	}
	return g.disk.Commit(ctx, batches...)
}

// letGo lets all commits go that wait, and those that follow from them.
func (g *gated) letGo() {
	for {
		select {
		case g.let <- nil:
			synctest.Wait()
		default:
			return
		}
	}
}

// report tells the engine of a problem, in the background; its answer comes through the channel.
func report(t *testing.T, e *Engine, key string) <-chan error {
	answer := make(chan error, 1)
	go func() {
		answer <- e.Report(t.Context(), []incident.Alert{{
			Key: key, Rule: "r", Kind: incident.KindOccurrence, Firing: true, Severity: incident.SeverityPage, Summary: key, At: time.Now(), Event: key,
		}})
	}()
	synctest.Wait()
	return answer
}

// answered counts those that have an answer, and demands that it is want.
func answered(t *testing.T, answers []<-chan error, want error) int {
	t.Helper()
	synctest.Wait()
	n := 0
	for _, answer := range answers {
		select {
		case err := <-answer:
			if !errors.Is(err, want) {
				t.Errorf("answered %v, want %v", err, want)
			}
			n++
		default:
		}
	}
	return n
}

func TestWhatComesWhileSomethingIsStoredIsStoredTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGated()
		e := newEngine(t, store)
		first := report(t, e, "first")
		var rest []<-chan error
		for i := range 9 {
			rest = append(rest, report(t, e, fmt.Sprint(i)))
		}
		if n := <-store.sizes; n != 1 {
			t.Errorf("the first commit holds %d decisions, want 1", n)
		}
		if n := answered(t, append(rest, first), nil); n != 0 {
			t.Fatalf("%d were answered before anything was stored", n)
		}
		store.let <- nil
		if err := <-first; err != nil {
			t.Error(err)
		}
		if n := <-store.sizes; n != 9 {
			t.Errorf("the second commit holds %d decisions, want 9", n)
		}
		if n := answered(t, rest, nil); n != 0 {
			t.Fatalf("%d were answered before they were stored", n)
		}
		store.let <- nil
		if n := answered(t, rest, nil); n != 9 {
			t.Errorf("%d were answered, want 9", n)
		}
		if n := len(store.stored().Incidents()); n != 10 {
			t.Errorf("found %d incidents on disk, want 10", n)
		}
	})
}

// Whoever sends again what is being stored must not hear that it is safe before it is.
func TestARepeatOfWhatIsBeingStoredIsAnsweredWithIt(t *testing.T) {
	for _, end := range []error{nil, errFull} {
		t.Run(fmt.Sprint("which ends with ", end), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newGated()
				e := newEngine(t, store)
				both := []<-chan error{report(t, e, "k"), report(t, e, "k")}
				if n := answered(t, both, nil); n != 0 {
					t.Fatalf("%d were answered before anything was stored", n)
				}
				store.let <- end
				if n := answered(t, both, end); n != 2 {
					t.Errorf("%d were answered, want 2", n)
				}
				if len(store.sizes) != 1 {
					t.Errorf("found %d commits, want 1: the repeat changes nothing", len(store.sizes))
				}
			})
		})
	}
}

func TestAFailedCommitIsAnsweredToAllAndStoredBeforeAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGated()
		e := newEngine(t, store)
		first := []<-chan error{report(t, e, "a")}
		second := []<-chan error{report(t, e, "b"), report(t, e, "c")}
		store.let <- errFull
		if n := answered(t, first, errFull); n != 1 {
			t.Fatal("the first has no answer")
		}
		store.let <- errFull // b and c were decided upon a: a is tried again with them
		if n := answered(t, second, errFull); n != 2 {
			t.Fatalf("%d of those that were built on it were answered, want 2", n)
		}
		later := []<-chan error{report(t, e, "d")}
		store.let <- nil // what is owed
		synctest.Wait()
		store.let <- nil
		if n := answered(t, later, nil); n != 1 {
			t.Error("the later one has no answer")
		}
		var sizes []int
		for len(store.sizes) > 0 {
			sizes = append(sizes, <-store.sizes)
		}
		if fmt.Sprint(sizes) != "[1 3 3 1]" {
			t.Errorf("the commits held %d decisions, want 1, 3, 3 and 1", sizes)
		}
		if n := len(store.stored().Incidents()); n != 4 {
			t.Errorf("found %d incidents on disk, want 4", n)
		}
	})
}

func TestOnlyWhatIsTooLargeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &picky{refuses: func(b *record.Batch) bool {
			return len(b.Change.Incidents) > 0 && b.Change.Incidents[0].Lead().Key == "huge"
		}}
		e := newEngine(t, store)
		good := []<-chan error{report(t, e, "a"), report(t, e, "b")}
		if err := <-report(t, e, "huge"); !errors.Is(err, record.ErrTooLarge) {
			t.Errorf("found %v", err)
		}
		good = append(good, report(t, e, "c"))
		if n := answered(t, good, nil); n != 3 || len(e.Incidents()) != 3 {
			t.Errorf("%d were taken, and there are %d incidents, want 3", n, len(e.Incidents()))
		}
	})
}

// The outbox runs ahead of the disk, its messages must not.
func TestNoPageGoesOutBeforeItsIncidentIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGated()
		e := newEngine(t, store)
		calls, stop := deliver(t, e, func(context.Context, page.Message) error { return nil })
		synctest.Wait() // the deliverer has found nothing, and waits
		answer := make(chan error, 1)
		go func() { answer <- e.Ingest(t.Context(), []influx.Point{death(time.Now())}) }()
		synctest.Wait()
		if len(calls) != 0 {
			t.Fatal("paged for an incident that is not stored")
		}
		store.let <- nil // the incident
		if err := <-answer; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(calls) == 0 { // the mark was not stored together with the incident
			store.let <- nil
			synctest.Wait()
		}
		if row := store.row(); row.Status != incident.RowSending {
			t.Fatalf("sent %d messages while the row is stored as %s, want it as being sent", len(calls), row.Status)
		}
		if len(calls) != 1 {
			t.Fatalf("sent %d messages, want 1", len(calls))
		}
		store.let <- nil // the outcome
		stop()
	})
}

// TestWhatIsOvertakenWhileItIsBeingStoredIsNotSent: the store is slow to take that a page is being sent. Whoever acknowledges or
// resolves the incident meanwhile is not called any more.
func TestWhatIsOvertakenWhileItIsBeingStoredIsNotSent(t *testing.T) {
	for name, act := range map[string]func(ctx context.Context, e *Engine, id string) error{
		"acknowledged before it was sent": func(ctx context.Context, e *Engine, id string) error { return e.Acknowledge(ctx, id, "alice", "") },
		"resolved before it was sent":     func(ctx context.Context, e *Engine, id string) error { return e.Resolve(ctx, id, "alice", "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newGated()
				e := newEngine(t, store)
				calls, stop := deliver(t, e, func(context.Context, page.Message) error { return nil })
				synctest.Wait()
				reported := report(t, e, "slow") // and the deliverer has begun to send
				acted := make(chan error, 1)
				id := e.IDs()[0]
				go func() { acted <- act(t.Context(), e, id) }()
				synctest.Wait()
				store.letGo()
				if n := answered(t, []<-chan error{reported, acted}, nil); n != 2 {
					t.Fatalf("%d answers, want both", n)
				}
				if len(calls) != 0 {
					t.Errorf("%+v is sent, and nobody is to be called any more", <-calls)
				}
				if row := store.stored().Rows(id)[0]; row.Status != incident.RowCancelled || row.Reason != name || row.Attempt != 0 {
					t.Errorf("the row is %s after %d attempts, because of %q; want it cancelled after none, because of %q", row.Status, row.Attempt, row.Reason, name)
				}
				stop()
			})
		})
	}
}

// An incident is filed away from the disk: its end must have arrived there.
func TestNothingIsFiledAwayBeforeItsEndIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGated()
		e := newEngine(t, store)
		opened := report(t, e, "k")
		store.let <- nil
		if err := <-opened; err != nil {
			t.Error(err)
		}
		resolved := make(chan error, 1)
		go func() { resolved <- e.Resolve(t.Context(), "I001", "alice", "") }()
		synctest.Wait()
		listed := make(chan []string, 1)
		go func() {
			ids, err := e.Over(t.Context())
			if err != nil {
				t.Error(err)
			}
			listed <- ids
		}()
		synctest.Wait()
		if len(listed) != 0 {
			t.Fatalf("told %v before the end is stored", <-listed)
		}
		store.let <- nil
		if ids := <-listed; fmt.Sprint(ids) != "[I001]" {
			t.Errorf("told %v, want I001", ids)
		}
		if err := <-resolved; err != nil {
			t.Error(err)
		}
	})
}
