package duty

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// A clock that is put back while the router runs halves the pace of what is to come, and stops nothing.
func TestAClockThatIsPutBackDoesNotStopTheEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		var back atomic.Int64
		e.now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		var works atomic.Bool
		calls, stop := deliver(t, e, func(context.Context, page.Message) error {
			if !works.Load() {
				return errors.New("503")
			}
			return nil
		})
		defer stop()
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		back.Store(int64(time.Hour))
		works.Store(true)
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

// What somebody did by PagerDuty's clock, which is right, counts also while the router's is being caught up with.
func TestAnAcknowledgementInPagerDutyCountsAfterTheClockIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		ahead := 10 * time.Minute
		e.now = func() time.Time { return time.Now().Add(ahead) }
		if err := e.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		ahead = 0
		time.Sleep(time.Second)
		if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r := incident.Report{Incident: e.IDs()[0], Kind: incident.ReportAcknowledged, Channel: incident.ChannelPagerDuty, Event: "e", At: time.Now(), By: "alice", Person: true}
		if err := e.Heed(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if inc, _ := e.Incident(r.Incident); inc.State != incident.Acknowledged {
			t.Errorf("it is %s, want it acknowledged", inc.State)
		}
	})
}
