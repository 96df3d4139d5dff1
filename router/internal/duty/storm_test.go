package duty

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// many are deaths of as many containers.
func many(n int) (points []influx.Point) {
	for i := range n {
		p := death(time.Now())
		p.Tags[1].Value = fmt.Sprintf("shop%03d", i)
		points = append(points, p)
	}
	return points
}

// deliverWithin is deliverBy with limits.
func deliverWithin(t *testing.T, e *Engine, pagers map[string]page.Pager, caps, rates map[string]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &Deliverer{
		Engine: e, Pagers: pagers, Log: discard, Guard: quietly, Caps: caps, Rates: rates,
		Contacts: func() *escalation.Contacts { return &escalation.Contacts{} }, Link: func(string) string { return "" },
	}
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// Two hundred containers die at once, and PagerDuty takes nothing: alice gets a bounded number of pages on each channel, one
// of which speaks for all the others.
func TestAStormIsNotQueued(t *testing.T) {
	for _, row := range []struct {
		name                string
		fails               error
		pagerDuty, terminal int // messages by each within two minutes
	}{
		{"PagerDuty works", nil, 31, 0},
		{"PagerDuty refuses: the next channel, of as many messages", page.Permanent("answered 401"), 31, 6},
		{"PagerDuty asks to wait", &page.Error{Retry: true, After: 5 * time.Minute, Err: errors.New("answered 429")}, 31, 6},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &disk{}
				e := newEngine(t, store)
				var err error
				if e.rotation, err = schedule.Parse("oncall.toml", []byte(strings.Replace(twoChannels, `"terminal"`, `"20m terminal"`, 1))); err != nil {
					t.Fatal(err)
				}
				reply := func(context.Context, page.Message) error { return row.fails }
				first, second := &channel{make(chan page.Message, 1000), reply}, &channel{make(chan page.Message, 1000), func(context.Context, page.Message) error { return nil }}
				deliverWithin(t, e, map[string]page.Pager{"pagerduty": first, "terminal": second}, map[string]int{"pagerduty": 30, "terminal": 5}, nil)
				if err := e.Ingest(t.Context(), many(200)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if len(first.calls) != row.pagerDuty || len(second.calls) < min(row.terminal, 6) {
					t.Fatalf("within a second PagerDuty got %d messages and the terminal %d", len(first.calls), len(second.calls))
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if got := len(second.calls); got > row.terminal+2 {
					t.Errorf("within two minutes the terminal got %d messages", got)
				}
				if got := speaking(first.calls, row.pagerDuty); !strings.HasPrefix(got, "170 incidents: container shop030 died") || !strings.Contains(got, "(and 169 more)") {
					t.Errorf("the message that speaks for the others is %q", got)
				}
				if got := speaking(second.calls, len(second.calls)); (got != "") != (row.terminal > 0) {
					t.Errorf("the message in the terminal that speaks for the others is %q", got)
				}
				for _, inc := range e.Incidents() {
					if _, rows, _ := e.Look(inc.ID); !paged(rows, row.fails == nil) {
						t.Errorf("incident %s pages nobody: %+v", inc.ID, rows)
					}
				}
			})
		})
	}
}

// speaking is the title of the one of some messages that speaks for others.
func speaking(calls chan page.Message, n int) (title string) {
	for range n {
		if m := <-calls; strings.Contains(m.Title, " incidents: ") {
			title = m.Title
		}
	}
	return title
}

// paged says that an incident's person was paged, by a message of its own or by one that speaks for it.
func paged(rows []incident.Row, byFirst bool) bool {
	for _, row := range rows {
		if arrived := row.Status == incident.RowSent || row.Status == incident.RowMerged; arrived && (byFirst || row.Channel == "terminal") {
			return true
		}
	}
	return false
}

// Four tickets and a page are more than PagerDuty may have in a minute: the page goes out as one.
func TestAPageInAStormOfTicketsIsSentAsAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		var err error
		if e.rotation, err = schedule.Parse("oncall.toml", []byte(strings.Replace(twoChannels, "alice = {", `alice = { ticket = ["pagerduty"],`, 1))); err != nil {
			t.Fatal(err)
		}
		works := func(context.Context, page.Message) error { return nil }
		first, second := &channel{make(chan page.Message, 100), works}, &channel{make(chan page.Message, 100), works}
		deliverWithin(t, e, map[string]page.Pager{"pagerduty": first, "terminal": second}, map[string]int{"pagerduty": 2}, nil)
		var alerts []incident.Alert
		for i, s := range []incident.Severity{"ticket", "ticket", "ticket", "ticket", "page"} {
			alerts = append(alerts, incident.Alert{Key: fmt.Sprint(i), Rule: "r", Kind: incident.KindState, Firing: true, Severity: s, Summary: fmt.Sprint(s), At: time.Now()})
		}
		if err := e.Report(t.Context(), alerts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		var sent []string
		for len(first.calls) > 0 {
			m := <-first.calls
			sent = append(sent, fmt.Sprintf("%s: %s", m.Severity, m.Title))
		}
		slices.Sort(sent)
		if got := strings.Join(sent, "; "); got != "page: page; ticket: 3 incidents: ticket (and 2 more); ticket: ticket" {
			t.Errorf("PagerDuty got %s", got)
		}
	})
}

// A provider's rate is kept by waiting, and what waits is not marked as being sent.
func TestARateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		var mu sync.Mutex
		var times []time.Time
		slow := &channel{make(chan page.Message, 1000), func(_ context.Context, m page.Message) error {
			if m.Repeat {
				t.Errorf("%s is marked as a repeat", m.PageID)
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Now())
			return nil
		}}
		deliverWithin(t, e, map[string]page.Pager{"terminal": slow}, nil, map[string]int{"terminal": 30})
		if err := e.Ingest(t.Context(), many(60)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		inOneMinute := 0
		for _, at := range times {
			if at.Sub(times[0]) < time.Minute {
				inOneMinute++
			}
		}
		if len(times) != 60 || inOneMinute < 30 || inOneMinute > 30+burst {
			t.Errorf("%d messages, %d of them in the first minute", len(times), inOneMinute)
		}
	})
}

// Whoever acknowledges the message has all that it speaks for.
func TestAcknowledgingAMessageTakesAllThatItSpeaksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		if err := e.Ingest(t.Context(), many(4)); err != nil {
			t.Fatal(err)
		}
		works := &channel{make(chan page.Message, 1000), func(context.Context, page.Message) error { return nil }}
		deliverWithin(t, e, map[string]page.Pager{"terminal": works}, map[string]int{"terminal": 1}, nil)
		synctest.Wait()
		_, rows, _ := e.Look("I002")
		if n := len(e.Merged(rows[0])); n != 2 {
			t.Fatalf("it speaks for %d others", n)
		}
		if err := e.Resolve(t.Context(), "I002", "bob", ""); err != nil { // its own is over already
			t.Fatal(err)
		}
		for range 2 {
			if err := e.AcknowledgePage(t.Context(), rows[0], "alice", "by a key"); err != nil && !errors.Is(err, incident.ErrUnknown) {
				t.Fatal(err)
			}
		}
		var states []string
		for _, inc := range e.Incidents() {
			states = append(states, string(inc.State)+inc.AcknowledgedBy)
		}
		if got := strings.Join(states, " "); got != "triggered resolved acknowledgedalice acknowledgedalice" {
			t.Errorf("they are %s", got)
		}
	})
}

// Whoever was told of three incidents in one message is told in one that they are over, and not before all are.
func TestTheEndOfAllThatAMessageSpokeForIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		if err := e.Ingest(t.Context(), many(4)); err != nil {
			t.Fatal(err)
		}
		works := &channel{make(chan page.Message, 1000), func(context.Context, page.Message) error { return nil }}
		deliverWithin(t, e, map[string]page.Pager{"terminal": works}, map[string]int{"terminal": 1}, nil)
		synctest.Wait()
		said := func(ids ...string) string {
			t.Helper()
			for len(works.calls) > 0 {
				<-works.calls
			}
			for _, id := range ids {
				if err := e.Resolve(t.Context(), id, "bob", ""); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			if err := e.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			var all []string
			for len(works.calls) > 0 {
				m := <-works.calls
				all = append(all, fmt.Sprintf("%s %s %s\n%s", m.Kind, m.IncidentID, m.Title, m.Text))
			}
			return strings.Join(all, "\n")
		}
		if got := said("I002", "I003"); got != "" {
			t.Errorf("while one is open found %s", got)
		}
		if over, err := e.Over(t.Context()); err != nil || fmt.Sprint(over) != "[I003]" {
			t.Errorf("filed away are %v, %v", over, err)
		}
		const title = "3 incidents: container shop001 died with exit 7 on web1 (and 2 more)"
		got := said("I004")
		if !strings.HasPrefix(got, "resolve I002 "+title+"\n") || strings.Count(got, "resolve") != 1 || !strings.Contains(got, "and 2 more\n") || strings.Contains(got, "by: ") {
			t.Errorf("found %s\nwant %s", got, title)
		}
	})
}
