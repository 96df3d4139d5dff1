package duty

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
)

// PagerDuty is down for ten minutes: the person is reached by the next channel within a minute, though its turn would have
// been later, and the timeline says why.
func TestPagerDutyIsDownForTenMinutes(t *testing.T) {
	const outage = 10 * time.Minute
	for _, row := range []struct {
		name string
		fail func(ctx context.Context) error
		says string
	}{
		{"it answers errors", func(context.Context) error { return errors.New("answered 503") }, "trying again: answered 503"},
		{"nothing answers", func(ctx context.Context) error {
			timer := time.NewTimer(5 * time.Second)
			defer timer.Stop()
			<-timer.C
			return errors.New("no answer within 5s")
		}, "trying again: no answer within 5s"},
		{"it hangs for as long as it may", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "trying again: context deadline exceeded"},
		{"it asks to wait for five minutes", func(context.Context) error {
			return &page.Error{Retry: true, After: 5 * time.Minute, Err: errors.New("answered 429")}
		}, "trying again: answered 429"},
		{"it refuses", func(context.Context) error { return page.Permanent("answered 401") }, "failed trigger to alice by pagerduty: answered 401"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &disk{}
				e := newEngine(t, store)
				var err error
				if e.rotation, err = schedule.Parse("oncall.toml", []byte(strings.Replace(twoChannels, `"terminal"`, `"20m terminal"`, 1))); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				down := &channel{make(chan page.Message, 1000), func(ctx context.Context, _ page.Message) error {
					if time.Since(began) < outage {
						return row.fail(ctx)
					}
					return nil
				}}
				arrived := make(chan time.Duration, 1000)
				next := &channel{make(chan page.Message, 1000), func(context.Context, page.Message) error { arrived <- time.Since(began); return nil }}
				deliverBy(t, e, map[string]page.Pager{"pagerduty": down, "terminal": next})
				if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(next.calls) != 1 {
					t.Fatalf("a minute later alice has been reached %d times:\n%s", len(next.calls), strings.Join(store.timeline(), "\n"))
				}
				if m := <-next.calls; m.People[0].Person != "alice" {
					t.Errorf("reached %+v", m.People)
				}
				for _, want := range []string{row.says, "trigger to alice by pagerduty does not get through: trigger to alice by terminal goes out at once"} {
					if !strings.Contains(strings.Join(store.timeline(), "\n"), want) {
						t.Errorf("not said: %s\nsaid:\n%s", want, strings.Join(store.timeline(), "\n"))
					}
				}
				t.Logf("reached after %s", <-arrived)
				time.Sleep(outage)
				synctest.Wait()
			})
		})
	}
}
