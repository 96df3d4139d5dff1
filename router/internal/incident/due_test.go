package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainDue is what Due means, by looking at every row.
func plainDue(b *Book, now time.Time) (due []string, next time.Time) {
	for _, id := range b.IDs() {
		first := map[string]Row{} // by destination
		busy := map[string]bool{}
		for _, row := range b.rows[id] {
			dest := row.Destination()
			busy[dest] = busy[dest] || row.Status == RowSending
			if held, ok := first[dest]; row.Status == RowPending && (!ok || row.NotBefore.Before(held.NotBefore)) {
				first[dest] = row
			}
		}
		for dest, row := range first {
			switch {
			case busy[dest]:
			case !row.NotBefore.After(now):
				due = append(due, fmt.Sprint(row.Key()))
			case next.IsZero() || row.NotBefore.Before(next):
				next = row.NotBefore
			}
		}
	}
	slices.Sort(due)
	return due, next
}

// The index must always say what a look at every row would.
func TestDueIsWhatALookAtEveryRowFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
		b := NewBook(nil, nil, nil)
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			id := fmt.Sprintf("I%d", rapid.IntRange(0, 3).Draw(t, "incident"))
			if rapid.IntRange(0, 15).Draw(t, "what") == 0 {
				b.Accept(Change{Closed: []string{id}})
				continue
			}
			c := Change{Incidents: []Incident{{ID: id}}}
			for range rapid.IntRange(1, 3).Draw(t, "rows") {
				row := Row{Incident: id, Seq: rapid.IntRange(0, 7).Draw(t, "seq")}
				row.Kind = []MessageKind{MessageTrigger, MessageResolve, MessageUpdate}[row.Seq%3]
				row.Channel, row.People = []string{"pagerduty", "sms"}[row.Seq%2], []string{[]string{"alice", "bob"}[row.Seq/2%2]}
				row.Status = rapid.SampledFrom([]RowStatus{RowPending, RowPending, RowPending, RowSending, RowSent, RowFailed, RowCancelled}).Draw(t, "status")
				row.NotBefore = base.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Second)
				c.Rows = append(c.Rows, row)
			}
			b.Accept(c)

			now := base.Add(time.Duration(rapid.IntRange(-1, 6).Draw(t, "now")) * time.Second)
			want, wantNext := plainDue(b, now)
			for range 2 { // asking takes nothing away
				due, next := b.Due(now)
				var got []string
				for _, row := range due {
					got = append(got, fmt.Sprint(row.Key()))
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Fatalf("at %s: found %v, want %v", now, got, want)
				}
				if !wantNext.IsZero() && (next.IsZero() || next.After(wantNext)) {
					t.Fatalf("at %s: asks again at %s, want %s or before", now, next, wantNext)
				}
			}
			all, _ := b.Due(now)
			some, _ := b.DueWithin(now, func(string) int { return 1 })
			perChannel := map[string]int{}
			for _, row := range some {
				perChannel[row.Channel]++
				isTrigger := func(other Row) bool { return other.Channel == row.Channel && other.Kind == MessageTrigger }
				if row.Kind != MessageTrigger && slices.ContainsFunc(all, isTrigger) {
					t.Fatalf("found %v before a trigger of %v", row, all)
				}
				if !slices.Contains(want, fmt.Sprint(row.Key())) || perChannel[row.Channel] > 1 {
					t.Fatalf("at most one a channel: found %v of %v", some, want)
				}
			}
			if len(want) > 0 && len(some) == 0 {
				t.Fatalf("at most one a channel: found none of %v", want)
			}
		}
	})
}

// Many are told that it is over; a page that comes then goes out first.
func TestAPageWaitsForNoNewsOfAnother(t *testing.T) {
	w := newWorld(t, strings.Replace(rotationText, `alice = { page = ["pagerduty"]`, `alice = { page = ["sms"]`, 1))
	const many = 50
	for n := range many {
		a := died(start)
		a.Key, a.Event = fmt.Sprint("k", n), fmt.Sprint("e", n)
		w.apply(a)
	}
	want(t, w.deliver(sentOK)[:1], "trigger sms alice")
	for n := range many {
		a := started(w.at(time.Minute))
		a.Key = fmt.Sprint("k", n)
		w.apply(a)
	}
	w.env.Now = w.at(2 * time.Minute)
	late := died(w.env.Now)
	late.Key, late.Event = "late", "late"
	w.apply(late)
	due, _ := w.book.DueWithin(w.env.Now, func(string) int { return 2 })
	if len(due) != 2 || due[0].Kind != MessageTrigger || due[1].Kind != MessageResolve {
		t.Errorf("found %+v, want the trigger, then a resolve", due)
	}
}
