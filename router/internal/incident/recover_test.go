package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// crash ends the router, and starts another one from what was stored.
func (w *world) crash() *world {
	var rows []Row
	for _, inc := range w.book.Incidents() {
		rows = append(rows, w.book.Rows(inc.ID)...)
	}
	silences, settings := w.book.Silences(), w.book.settings
	w.book = NewBook(w.book.Incidents(), rows, nil)
	w.book.Restore(silences)
	w.use(settings)
	w.env.Now = w.env.Now.Add(5 * time.Second)
	w.accept(w.book.Recover(w.env))
	return w
}

// begin starts sending what is due, and leaves it under way.
func (w *world) begin() {
	w.t.Helper()
	due, _ := w.book.Due(w.env.Now)
	for _, row := range due {
		c, ok := w.book.Begin(w.env, row.Key())
		if !ok {
			w.t.Fatalf("due row %v cannot begin", row.Key())
		}
		w.accept(c)
	}
}

func (w *world) acknowledge(by string) {
	w.t.Helper()
	c, err := w.book.Acknowledge(w.env, w.only().ID, by, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.accept(c)
}

// A page that was on its way when the router died must not follow the news that the incident is over: it would open
// an incident at PagerDuty that nothing ever resolves.
func TestAfterACrashAnOvertakenMessageIsNotSentAgain(t *testing.T) {
	t.Run("the page of a resolved incident", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		w.begin()
		w.apply(started(start.Add(time.Second)))
		w.crash()
		want(t, w.after(time.Second).deliver(sentOK), "resolve pagerduty alice")
		want(t, w.after(time.Second).deliver(sentOK))
	})
	t.Run("the page of an acknowledged incident", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		w.begin()
		w.acknowledge("bob")
		w.crash()
		want(t, w.after(time.Second).deliver(sentOK), "acknowledge pagerduty bob")
		want(t, w.after(time.Second).deliver(sentOK))
	})
	t.Run("the acknowledgement of a resolved incident", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		w.deliver(sentOK)
		w.acknowledge("bob")
		w.begin()
		w.apply(started(start.Add(time.Second)))
		w.crash()
		want(t, w.after(time.Second).deliver(sentOK), "resolve pagerduty alice")
		want(t, w.after(time.Second).deliver(sentOK))
	})
}

// An acknowledgement that arrives late would silence at PagerDuty what has been triggered again here.
func TestAnAcknowledgementIsWithdrawnWhenItHoldsNoMore(t *testing.T) {
	failing := Outcome{Err: errors.New("503"), After: 5 * time.Minute}
	graver := down(start.Add(time.Minute), true)
	low := down(start, true)
	low.Severity = SeverityTicket
	rotation := strings.Replace(rotationText, `ticket = ["terminal"]`, `ticket = ["pagerduty"]`, 1)
	t.Run("waiting, when the severity rises", func(t *testing.T) {
		w := newWorld(t, rotation)
		w.apply(low)
		w.deliver(sentOK)
		w.acknowledge("bob")
		want(t, w.deliver(failing), "acknowledge pagerduty bob")
		w.apply(graver)
		want(t, w.deliver(sentOK), "trigger pagerduty alice")
		want(t, w.after(6*time.Minute).deliver(sentOK), "trigger terminal bob")
	})
	t.Run("under way, when the severity rises", func(t *testing.T) {
		w := newWorld(t, rotation)
		w.apply(low)
		w.deliver(sentOK)
		w.acknowledge("bob")
		w.begin()
		w.apply(graver)
		w.accept(w.book.Finish(w.env, RowKey{"I001", 1}, failing))
		want(t, w.deliver(sentOK), "trigger pagerduty alice")
		if got := w.book.Rows("I001")[1].Status; got != RowCancelled {
			t.Errorf("the acknowledgement is %s, want it cancelled", got)
		}
	})
	t.Run("waiting, when the incident is over", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		w.deliver(sentOK)
		w.acknowledge("bob")
		w.deliver(failing)
		w.apply(started(start.Add(time.Second)))
		want(t, w.deliver(sentOK), "resolve pagerduty alice")
		want(t, w.after(6*time.Minute).deliver(sentOK))
	})
}

// A step that calls two people is not over when the one cannot be reached while the other's page is on its way.
func TestTheNextStepWaitsForAPageThatIsOnItsWay(t *testing.T) {
	refused := Outcome{Err: errors.New("no such user"), Permanent: true}
	w := newWorld(t, strings.Replace(rotationText, `page = "api"`, `page = ["alice", "carol"]`, 1))
	w.apply(died(start))
	w.begin()
	w.accept(w.book.Finish(w.env, RowKey{"I001", 0}, refused))
	want(t, w.after(time.Second).deliver(sentOK))
	w.accept(w.book.Finish(w.env, RowKey{"I001", 1}, refused))
	want(t, w.after(time.Second).deliver(sentOK), "trigger terminal bob")
}

// What was stored by another hand must not keep the router from starting.
func TestARowForNobodyHasAPlaceInLine(t *testing.T) {
	b := NewBook([]Incident{{ID: "I001", State: Triggered}}, []Row{{Incident: "I001", Kind: MessageTrigger, Channel: "sms", Status: RowPending}}, nil)
	if due, _ := b.Due(start); len(due) != 1 {
		t.Errorf("found %d rows, want 1", len(due))
	}
}

// A machine whose clock was a day ahead, and is right after its next start, must not wait a day.
func TestAfterACrashAClockThatWasAheadDelaysNothing(t *testing.T) {
	w := newWorld(t, rotationText)
	w.env.Now = start.Add(24 * time.Hour)
	w.apply(died(w.env.Now))
	w.env.Now = start
	w.crash()
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	want(t, w.after(5*time.Minute).deliver(sentOK), "trigger terminal bob")
	want(t, w.after(2*time.Minute).deliver(sentOK), "trigger sms bob")
}

// The clock was an hour ahead, and is right again when the router starts: what flaps is over after as long a quiet as ever.
func TestAClockThatWasAheadDoesNotProlongTheQuiet(t *testing.T) {
	w, _ := flapped(t, false)
	w.acknowledge("alice")
	w.env.Now = w.env.Now.Add(time.Hour)
	w.apply(down(w.env.Now, false))
	w.env.Now = w.env.Now.Add(-time.Hour)
	incidents, rows := w.book.Incidents(), w.book.Rows(w.only().ID)
	w.book = NewBook(incidents, rows, nil)
	w.use(lasting)
	w.accept(w.book.Recover(w.env))
	if got := w.only().QuietAt.Sub(w.env.Now); got != lasting.Flapping.Quiet {
		t.Errorf("it is over after %s of quiet, want %s", got, lasting.Flapping.Quiet)
	}
}

// What waits to be tried again was decided at its latest attempt: a clock that was ahead then holds it up no longer than that.
func TestAClockThatWasAheadHoldsUpNoRetry(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	failing := Outcome{Err: errors.New("503")}
	w.deliver(failing)
	for range 3 {
		w.after(time.Minute).deliver(failing)
	}
	w.env.Now = start.Add(-time.Hour)
	w.crash()
	if row := w.book.Rows("I001")[0]; row.NotBefore.Sub(w.env.Now) > time.Minute {
		t.Errorf("it is tried again in %s", row.NotBefore.Sub(w.env.Now))
	}
}

// What goes again after a restart was due before: a router whose clock is ahead, and that dies at once, puts it off for nobody.
func TestAClockThatWasAheadAtAStartHoldsUpNothing(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.begin()
	w.env.Now = start.Add(time.Hour)
	w.crash()
	w.env.Now = start.Add(time.Minute)
	w.crash()
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
}

// A held ticket has no message yet that would say when it was decided: a clock that was days ahead at one tick holds it no
// longer than its policy does.
func TestAClockThatWasAheadHoldsNoTicket(t *testing.T) {
	for _, row := range []struct {
		name        string
		at          time.Duration // of the ticket, after 10:00
		ahead       time.Duration // of the clock, at one tick
		crash, sent time.Duration // after 10:00
	}{
		{"ten days", 90 * time.Minute, 240 * time.Hour, 2 * time.Hour, 4 * time.Hour},
		{"till the next day's hold, found after today's", 90 * time.Minute, 24 * time.Hour, 5 * time.Hour, 5 * time.Hour},
		{"not at all", 90 * time.Minute, 0, 2 * time.Hour, 4 * time.Hour},
		{"ten days, opened then", 90*time.Minute + 240*time.Hour, 0, 90 * time.Minute, 4 * time.Hour},
		{"ten days, and nobody could be told", 0, 240 * time.Hour, 20 * time.Minute, 20 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := newWorld(t, sleepers).env.Rotation
			w := newWorld(t, sleepers)
			if row.at == 0 {
				w = newWorld(t, strings.NewReplacer(`page = ["sms"], ticket = ["email", "90m slack"]`, "", `page = ["sms"], ticket = ["email"]`, "").Replace(sleepers))
			}
			w.env.Now = w.at(row.at)
			w.apply(ticket("disk", w.env.Now))
			if row.ahead > 0 {
				w.env.Now = w.at(row.at + row.ahead)
				w.tick()
			}
			w.env.Rotation = file
			w.env.Now = w.at(row.crash).Add(-5 * time.Second)
			w.crash()
			for w.env.Now.Before(w.at(row.sent)) {
				want(t, w.deliver(sentOK))
				w.after(time.Minute)
			}
			w.tick()
			want(t, w.deliver(sentOK), "trigger email alice")
			if again := strings.Count(strings.Join(w.log, "\n"), "the clock was put back"); (again > 0) != w.at(row.at+row.ahead).After(w.at(row.crash)) {
				t.Errorf("the timeline says so %d times", again)
			}
		})
	}
}

func TestASilenceOfAClockThatWasAheadHoldsFromNow(t *testing.T) {
	for _, row := range []struct {
		name     string
		from     time.Duration // after 10:00; the clock says 10:10 when it is made, and 10:00 after the restart
		end      bool          // it is ended at 10:10
		silenced string        // at 10:00, and in the second hour
	}{
		{"made for an hour from now", 10 * time.Minute, false, "true, false"},
		{"made for an hour to come", time.Hour, false, "false, true"},
		{"ended", -30 * time.Minute, true, "false, false"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.env.Now = w.at(min(row.from, 10*time.Minute))
			id := w.silence(row.from-min(row.from, 10*time.Minute), "check=shop")
			w.env.Now = w.at(10 * time.Minute)
			if row.end {
				w.acted(w.book.EndSilence(w.env, id, "alice"))
			}
			w.env.Now = w.at(-5 * time.Second)
			w.crash()
			now := w.book.Silences()[0].InForce(w.env.Now)
			if got := fmt.Sprintf("%t, %t", now, w.book.Silences()[0].InForce(w.at(90*time.Minute))); got != row.silenced {
				t.Errorf("silenced: %s, want %s", got, row.silenced)
			}
			w.apply(down(w.env.Now, true))
			if silent := len(w.deliver(sentOK)) == 0; silent != now {
				t.Errorf("nothing is sent: %t, want %t", silent, now)
			}
			if again := w.book.Recover(w.env); len(again.Silences) > 0 {
				t.Errorf("a second restart changes %+v", again.Silences)
			}
		})
	}
}
