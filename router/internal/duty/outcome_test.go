package duty

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// An outcome that could not be stored at once is decided all the same, and the row begun anew. Told a second time, it would
// be taken for the outcome of the attempt that is under way, and a third one would begin beside it.
func TestAnOutcomeThatIsStoredLateCountsForItsOwnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{}
		e := newEngine(t, store)
		underWay := 0
		calls, stop := deliver(t, e, func(context.Context, page.Message) error {
			if underWay++; underWay > 1 {
				t.Error("two attempts of one message are under way")
			}
			defer func() { underWay-- }()
			time.Sleep(10 * time.Second)
			if store.row().Attempt == 1 {
				store.set(errFull)
				return &page.Error{Retry: true, After: 1300 * time.Millisecond, Err: errors.New("429")}
			}
			return nil
		})
		defer stop()
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12*time.Second + 100*time.Millisecond) // the outcome, and the next mark, wait for the disk
		store.set(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if row := store.row(); len(calls) != 2 || row.Status != incident.RowSent {
			t.Errorf("found %d attempts and the row %s, want 2 and sent", len(calls), row.Status)
		}
	})
}

// explaining is a channel with several ways.
type explaining struct{ channel }

func (*explaining) Explain(m page.Message, providerID string) string {
	return "by another way, as " + providerID + " of " + m.PageID
}

func TestTheTimelineSaysByWhichWayAPageWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{}
		e := newEngine(t, store)
		deliverBy(t, e, map[string]page.Pager{"terminal": &explaining{channel{make(chan page.Message, 10), accepted}}})
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if said := strings.Join(store.timeline(), "\n"); !strings.Contains(said, "sent trigger to alice by terminal: by another way, as provider-1 of I001-0") {
			t.Errorf("the timeline does not say how it went:\n%s", said)
		}
	})
}
