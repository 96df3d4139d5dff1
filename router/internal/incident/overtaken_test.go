package incident

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is called for again is not called for by the older message afterwards.
func TestALaterPageOvertakesTheOlderOne(t *testing.T) {
	fails := Outcome{Err: errors.New("busy"), After: 20 * time.Second}
	for _, row := range []struct {
		name, channels string
		first          Outcome
		later          []string // statuses, and whether they are repeats, after the second pass
	}{
		{"that fails", `"sms"`, fails, []string{"cancelled", "sent repeat"}},
		{"that has not been tried", `"sms"`, Outcome{}, []string{"cancelled", "sent"}},
		{"that arrived", `"sms"`, sentOK, []string{"sent", "sent"}},
		{"that fails after its delay", `"10s sms"`, fails, []string{"cancelled", "sent repeat"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, `
zone = "UTC"
[people]
alice = { page = [`+row.channels+`] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.api]
steps = [{ page = "alice", wait = "5m" }]
repeat = 1
fallback = "alice"
[[route]]
policy = "api"
`)
			w.apply(died(start))
			w.after(10 * time.Second) // a channel's delay
			if row.first != (Outcome{}) {
				w.deliver(row.first)
			}
			w.after(5*time.Minute - 10*time.Second) // the second pass
			if row.first.Err != nil && row.channels != `"sms"` {
				w.deliver(fails)
			}
			w.after(10 * time.Second)
			var repeats []bool
			for range 3 { // whatever is due
				due, _ := w.book.Due(w.env.Now)
				for _, r := range due {
					c, ok := w.book.Begin(w.env, r.Key())
					if !ok {
						continue
					}
					for _, r := range c.Rows {
						if r.Status == RowSending {
							repeats = append(repeats, r.Repeat)
						}
					}
					w.accept(c)
					w.accept(w.book.Finish(w.env, r.Key(), sentOK))
				}
				w.env.Now = w.env.Now.Add(time.Minute)
			}
			var got []string
			rows := w.book.Rows("I001")
			for _, r := range rows {
				got = append(got, string(r.Status))
			}
			if n := len(repeats); n != 1 {
				t.Fatalf("%d messages go out in the end, want one: %q", n, w.log)
			}
			if repeats[0] {
				got[len(got)-1] += " repeat"
			}
			want(t, got, row.later...)
			if said := slices.ContainsFunc(w.log, func(text string) bool { return strings.HasSuffix(text, ": overtaken by a later step") }); said != (got[0] == "cancelled") {
				t.Errorf("found %q", w.log)
			}
		})
	}
}

// A message that speaks for other incidents is the only one that tells of them.
func TestWhatSpeaksForOthersIsNotOvertaken(t *testing.T) {
	w := newWorld(t, strings.Replace(stormRotation, `{ page = "bob", wait = "10m" }`, `{ page = "alice", wait = "10m" }`, 1))
	w.storm(0, 10, "", map[string]int{"sms": 3})
	w.finish(w.beginAll(), Outcome{Err: errors.New("busy"), After: time.Hour})
	w.after(30 * time.Minute) // the next step, to the same
	if host := w.book.Rows("I004")[0]; host.Status != RowPending || len(w.book.Merged(host)) != 6 {
		t.Errorf("the message that speaks for others is %+v", host)
	}
	if alone := w.book.Rows("I001")[0]; alone.Status != RowCancelled {
		t.Errorf("the other one is %+v", alone)
	}
}
