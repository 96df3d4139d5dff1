package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lasting is what the router does with what comes back when its configuration does not say.
var lasting = Settings{
	Groups: deaths.Groups, ReopenWithin: 5 * time.Minute,
	Flapping: Flapping{Reopenings: 2, Within: time.Hour, Quiet: 10 * time.Minute},
}

// during lets time pass second by second, and lists what is sent.
func (w *world) during(d time.Duration) []string {
	var sent []string
	for range d / time.Second {
		sent = append(sent, w.after(time.Second).deliver(sentOK)...)
	}
	return sent
}

func TestWhatFiresAgainSoonIsTheSameIncident(t *testing.T) {
	tests := []struct {
		name   string
		before func(w *world) // between the page and the end
		after  time.Duration  // it fires again, after the end
		alert  func(a *Alert)
		state  State
		opened int      // incidents in all
		sends  []string // within two seconds
	}{
		{"it pages again at once", nil, time.Minute, nil, Triggered, 1, []string{"trigger pagerduty alice"}},
		{"also at the end of the window", nil, 5*time.Minute - time.Second, nil, Triggered, 1, []string{"trigger pagerduty alice"}},
		{"after the window it is another one", nil, 5 * time.Minute, nil, Triggered, 2, []string{"trigger pagerduty alice"}},
		{"the event of before, re-sent, is none", nil, time.Minute, func(a *Alert) { a.Event = died(start).Event }, Resolved, 1, nil},
		{"whoever had it has it again", func(w *world) { w.acknowledge("alice") }, time.Minute, nil, Acknowledged, 1, nil},
		{
			"whoever resolved it by hand is told that it is not over",
			func(w *world) { w.acknowledge("alice"); w.acted(w.book.Resolve(w.env, "I001", "alice", "")) },
			time.Minute, nil, Triggered, 1,
			[]string{"trigger pagerduty alice"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.apply(died(start))
			w.deliver(sentOK)
			if tt.before != nil {
				tt.before(w)
			}
			w.apply(started(w.env.Now.Add(time.Millisecond)))
			w.deliver(sentOK)
			w.after(tt.after)
			w.deliver(sentOK)
			a := died(w.env.Now)
			if tt.alert != nil {
				tt.alert(&a)
			}
			w.apply(a)
			want(t, w.during(2*time.Second), tt.sends...)
			all := w.book.Incidents()
			if last := all[len(all)-1]; w.ids != tt.opened || last.State != tt.state {
				t.Errorf("%d incidents were opened, the last is %s", w.ids, last.State)
			}
		})
	}
}

// The news that it is over may be long on its way: meanwhile the window closes all the same.
func TestTheWindowClosesBeforeAllIsTold(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	w.apply(died(start))
	w.deliver(sentOK)
	w.apply(started(w.env.Now.Add(time.Millisecond)))
	w.after(lasting.ReopenWithin)
	if inc := w.only(); inc.State != Resolved {
		t.Fatalf("it is %s", inc.State)
	}
	w.apply(died(w.env.Now))
	if inc, ok := w.book.Incident("I002"); !ok || inc.State != Triggered {
		t.Error("no incident was opened after the window")
	}
}

func TestWhatComesBackHasTheSeverityOfWhatFires(t *testing.T) {
	for _, row := range []struct {
		name          string
		before, after Severity
		had           bool
		state         State
		sends         []string
	}{
		{"a page as a ticket", SeverityPage, SeverityTicket, false, Triggered, []string{"trigger terminal alice"}},
		{"a ticket as a page", SeverityTicket, SeverityPage, false, Triggered, []string{"trigger pagerduty alice"}},
		{"a ticket that somebody had, as a page: it is graver than what they took", SeverityTicket, SeverityPage, true, Triggered, []string{"trigger pagerduty alice"}},
		{"a page that somebody had, as a ticket", SeverityPage, SeverityTicket, true, Acknowledged, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			a := died(start)
			a.Severity = row.before
			w.apply(a)
			w.deliver(sentOK)
			if row.had {
				w.acknowledge("alice")
			}
			w.apply(started(w.env.Now.Add(time.Millisecond)))
			w.during(time.Minute)
			a = died(w.env.Now)
			a.Severity = row.after
			w.apply(a)
			want(t, w.deliver(sentOK), row.sends...)
			if inc := w.only(); inc.Severity != row.after || inc.State != row.state {
				t.Errorf("it is a %s, %s", inc.Severity, inc.State)
			}
		})
	}
}

// Two reopenings make an incident flap when they come within the hour, and not within a day.
func TestWhatComesBackSeldomDoesNotFlap(t *testing.T) {
	for gap, flaps := range map[time.Duration]bool{30 * time.Minute: true, 2 * time.Hour: false} {
		w := newWorld(t, rotationText).use(lasting)
		w.apply(down(start, true))
		for range 2 {
			w.during(gap)
			w.apply(down(w.env.Now, false))
			w.during(time.Minute)
			w.apply(down(w.env.Now, true))
			w.during(time.Second)
		}
		if inc := w.only(); inc.Flapping != flaps || len(inc.Reopenings) == 0 {
			t.Errorf("every %s: flapping: %t", gap, inc.Flapping)
		}
	}
}

func TestAPageByHandCountsEachTime(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	alert, err := Manual("k", "bob", "the shop is slow", SeverityPage, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	w.apply(alert)
	w.deliver(sentOK)
	w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
	w.during(time.Minute)
	w.apply(alert)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	if inc := w.only(); inc.State != Triggered {
		t.Errorf("it is %s", inc.State)
	}
}

func TestWhatSomebodyHadPagesWhenItGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		stays bool
		sends []string
	}{
		"it goes on": {true, []string{"trigger pagerduty alice"}},
		"it ends":    {false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.apply(down(start, true))
			w.deliver(sentOK)
			w.acknowledge("alice")
			w.after(time.Minute)
			w.apply(down(w.env.Now, false))
			w.deliver(sentOK)
			w.after(time.Minute)
			w.apply(down(w.env.Now, true))
			want(t, w.during(Settle-time.Second))
			if !tt.stays {
				w.apply(down(w.env.Now, false))
			}
			want(t, w.during(time.Minute), tt.sends...)
		})
	}
}

func TestWhatIsOverIsFiledAwayWhenItCannotBeOpenedAgain(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	w.apply(died(start))
	w.deliver(sentOK)
	w.apply(started(start.Add(time.Second)))
	w.deliver(sentOK)
	w.after(5*time.Minute - time.Second)
	if inc := w.only(); inc.State != Resolved {
		t.Errorf("it is %s", inc.State)
	}
	w.after(time.Second)
	if left := w.book.Incidents(); len(left) != 0 {
		t.Errorf("found %d incidents left", len(left))
	}
}

// A resolve that PagerDuty has not taken must not follow the news that it fires again.
func TestAResolveThatWaitsIsWithdrawnWhenItFiresAgain(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	w.apply(died(start))
	w.deliver(sentOK)
	w.apply(started(start.Add(time.Second)))
	w.deliver(Outcome{Err: errors.New("503"), After: time.Minute})
	w.after(10 * time.Second)
	w.apply(died(w.env.Now))
	for _, sent := range w.during(2 * time.Minute) {
		if strings.HasPrefix(sent, "resolve") {
			t.Errorf("sent %q", sent)
		}
	}
}

func TestKnownAs(t *testing.T) {
	row := func(seq int, kind MessageKind, id string) Row {
		return Row{Incident: "I", Seq: seq, Kind: kind, Channel: ChannelPagerDuty, Status: RowSent, Attempt: 1, ProviderID: id}
	}
	first, over := row(0, MessageTrigger, "P1"), row(1, MessageResolve, "P1")
	again, step := row(2, MessageTrigger, ""), row(3, MessageTrigger, "")
	second := again
	second.ProviderID = "P2"
	waiting := over
	waiting.Status, waiting.Attempt, waiting.ProviderID = RowCancelled, 0, ""
	for _, tt := range []struct {
		name string
		rows []Row
		row  Row
		want string
	}{
		{"the first", []Row{first}, first, "P1"},
		{"its end", []Row{first, over}, over, "P1"},
		{"opened again: another one", []Row{first, over, again}, again, ""},
		{"a later step of that", []Row{first, over, second, step}, step, "P2"},
		{"opened again before the end was told", []Row{first, waiting, again}, again, "P1"},
		{"of another destination", []Row{{Incident: "I", Channel: "slack", People: []string{"bob"}, ProviderID: "S1"}}, first, ""},
	} {
		if got := KnownAs(tt.rows, tt.row); got != tt.want {
			t.Errorf("%s: found %q, want %q", tt.name, got, tt.want)
		}
	}
}

// flapped is a check that was down and up three times, a minute each, and is down again: it flaps.
func flapped(t *testing.T, acknowledge bool) (w *world, sent []string) {
	w = newWorld(t, rotationText).use(lasting)
	for i := range 3 {
		w.apply(down(w.env.Now, true))
		sent = append(sent, w.during(10*time.Second)...)
		if acknowledge && i == 0 {
			w.acknowledge("alice")
		}
		sent = append(sent, w.during(50*time.Second)...)
		if i < 2 {
			w.apply(down(w.env.Now, false))
			sent = append(sent, w.during(time.Minute)...)
		}
	}
	return w, sent
}

func TestFlapping(t *testing.T) {
	for name, acknowledged := range map[string]bool{"nobody has it": false, "alice had it": true} {
		t.Run(name, func(t *testing.T) {
			w, sent := flapped(t, acknowledged)
			pages := 0
			for _, s := range sent {
				if s == "trigger pagerduty alice" {
					pages++
				}
			}
			if inc := w.only(); !inc.Flapping || pages > 3 || (acknowledged && pages != 2) {
				t.Errorf("flapping: %t, after %d pages: %v", inc.Flapping, pages, sent)
			}
			w.acknowledge("alice")
			w.during(time.Second)
			for range 30 { // an hour of it
				w.apply(down(w.env.Now, false))
				want(t, w.during(time.Minute))
				w.apply(down(w.env.Now, true))
				want(t, w.during(time.Minute))
			}
			inc := w.only()
			if inc.State != Acknowledged || inc.Flaps != 32 || inc.Entries > 60 {
				t.Errorf("it is %s after %d flaps in %d lines", inc.State, inc.Flaps, inc.Entries)
			}
			w.apply(down(w.env.Now, false))
			want(t, w.during(10*time.Minute-time.Second))
			want(t, w.during(time.Minute), "resolve pagerduty alice")
			if inc := w.only(); inc.State != Resolved {
				t.Errorf("it is %s", inc.State)
			}
		})
	}
}

func TestWhatFlapsAndNobodyHasEscalatesWhileItFires(t *testing.T) {
	w, _ := flapped(t, false)
	w.apply(down(w.env.Now, false))
	want(t, w.during(9*time.Minute)) // bob's turn comes, but nothing fires
	w.apply(down(w.env.Now, true))
	want(t, w.during(2*time.Second), "trigger terminal bob")
}

func TestWhatFlapsPagesAgainWhenTheAcknowledgementRunsOut(t *testing.T) {
	w, _ := flapped(t, false)
	w.acknowledge("alice")
	w.during(time.Second)
	want(t, w.during(4*time.Hour), "trigger pagerduty alice")
}

func TestWhoResolvesWhatFlapsEndsIt(t *testing.T) {
	w, _ := flapped(t, false)
	w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
	want(t, w.during(time.Second), "resolve pagerduty alice")
}

// An alert that comes and goes by day, at any pace: nobody is paged more than four times an hour, and when it stays away
// there is an end to it.
func TestFlapsPageFewAndEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, strings.Replace(rotationText, `wait = "5m"`, `wait = "24h"`, 1)).use(lasting)
		var pages []time.Time
		pass := func(seconds int) {
			for range seconds {
				for _, s := range w.after(time.Second).deliver(sentOK) {
					if strings.HasPrefix(s, "trigger") {
						pages = append(pages, w.env.Now)
					}
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(rt, "flaps") {
			w.apply(down(w.env.Now, true))
			pass(rapid.IntRange(1, 200).Draw(rt, "on"))
			w.apply(down(w.env.Now, false))
			pass(rapid.IntRange(1, 200).Draw(rt, "off"))
		}
		for i := 4; i < len(pages); i++ {
			if pages[i].Sub(pages[i-4]) < time.Hour {
				rt.Fatalf("five pages within %s", pages[i].Sub(pages[i-4]))
			}
		}
		pass(int((15*time.Minute + time.Second) / time.Second))
		if left := w.book.Incidents(); len(left) > 0 {
			rt.Fatalf("incident %s is still %s", left[0].ID, left[0].State)
		}
	})
}

func TestAPartThatFiresAgainOpensItsIncidentAgain(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	var all []Alert
	for i := range maxAlerts + 2 {
		all = append(all, w.dies("web1", fmt.Sprintf("c%02d", i)))
	}
	w.apply(all...)
	w.deliver(sentOK)
	w.after(time.Second)
	for _, a := range all {
		w.apply(over(a, w.env.Now))
	}
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
	w.after(time.Minute)
	w.apply(w.dies("web1", fmt.Sprintf("c%02d", maxAlerts+1)))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	if head, _ := w.book.Incident("I001"); head.State != Triggered || head.OpenParts != 1 {
		t.Errorf("it is %s with %d open parts", head.State, head.OpenParts)
	}
	again := w.dies("web1", fmt.Sprintf("c%02d", maxAlerts+1))
	w.apply(over(again, w.env.Now.Add(time.Second)))
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

func TestWhoeverTakesAnewWhatWasTheirsIsNotPaged(t *testing.T) {
	for _, by := range []string{"alice", "bob"} {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.apply(down(start, true))
			w.deliver(sentOK)
			w.acknowledge("alice")
			w.after(time.Minute)
			w.apply(down(w.env.Now, false))
			w.deliver(sentOK)
			w.after(time.Minute)
			w.apply(down(w.env.Now, true))
			w.after(time.Minute)
			w.acknowledge(by)
			want(t, w.during(10*time.Minute))
			if inc := w.only(); inc.State != Acknowledged || inc.AcknowledgedBy != by {
				t.Errorf("it is %s, by %q", inc.State, inc.AcknowledgedBy)
			}
		})
	}
}
