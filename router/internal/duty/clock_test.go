package duty

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/page"
)

// A clock that is put back while the router runs halves the pace of what is to come, and stops nothing.
func TestAClockThatIsPutBackDoesNotStopTheEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		back := time.Duration(0)
		e.now = func() time.Time { return time.Now().Add(-back) }
		fails := true
		calls, stop := deliver(t, e, func(context.Context, page.Message) error {
			if fails {
				return errors.New("503")
			}
			return nil
		})
		defer stop()
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		back, fails = time.Hour, false
		for _, step := range []struct {
			within time.Duration
			what   string
		}{{3 * time.Second, "the page tried again"}, {11 * time.Minute, "the fallback, after the step's five minutes"}} {
			before := len(calls)
			for range int(step.within / time.Second) {
				time.Sleep(time.Second)
				if err := e.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if len(calls) != before+1 {
				t.Errorf("found %d messages within %s, want one: %s", len(calls)-before, step.within, step.what)
			}
		}
	})
}
