package incident

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAPageWhoseAnswerWasLostIsFollowedByItsResolve(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(Outcome{Err: errors.New("timeout")})
	w.apply(started(start.Add(time.Second)))
	w.after(time.Minute)
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

func TestARefusedPageThatLeftSomethingBehindIsFollowedByItsResolve(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(Outcome{Err: errors.New("came back acknowledged"), Permanent: true, ProviderID: "P1"})
	w.apply(started(start.Add(time.Second)))
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

func TestAPageThatIsRefusedAfterAnAnswerWasLostIsFollowedByItsResolve(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(Outcome{Err: errors.New("timeout")}) // it may have arrived
	w.after(time.Second).deliver(Outcome{Err: errors.New("401"), Permanent: true})
	w.apply(started(start.Add(time.Second)))
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

func TestAResolveNeverOvertakesItsTrigger(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	due, _ := w.book.Due(w.env.Now)
	c, _ := w.book.Begin(w.env, due[0].Key())
	w.accept(c) // on its way
	w.apply(started(start.Add(time.Second)))
	want(t, w.deliver(sentOK))
	w.accept(w.book.Finish(w.env, due[0].Key(), sentOK))
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

// TestWithhold takes back what was begun and has not left.
func TestWithhold(t *testing.T) {
	for _, tt := range []struct {
		name      string
		before    func(w *world) // the row is begun
		meanwhile func(w *world)
		withheld  bool
		reason    string
		rest      []string // what goes out afterwards
	}{
		{"nothing happens meanwhile", nil, func(*world) {}, false, "", nil},
		{"it is acknowledged", nil, func(w *world) { w.acknowledge("alice") }, true, "acknowledged before it was sent", nil},
		{"it is over", nil, func(w *world) { w.apply(started(start.Add(time.Second))) }, true, "resolved before it was sent", nil},
		{"it is over, and was tried before", func(w *world) {
			w.deliver(Outcome{Err: errors.New("no answer")})
			w.after(2 * time.Second)
		}, func(w *world) { w.apply(started(start.Add(time.Second))) }, true, "resolved before it was sent", []string{"resolve pagerduty alice"}},
		{"it is suppressed", nil, func(w *world) {
			m, err := ParseMatcher("host=web1")
			if err != nil {
				t.Fatal(err)
			}
			c, _, err := w.book.Silence(w.env, Silence{Matchers: Matchers{m}, From: w.env.Now, Until: w.env.Now.Add(time.Hour), By: "alice", Reason: "r"})
			if err != nil {
				t.Fatal(err)
			}
			w.accept(c)
			w.tick()
		}, true, "suppressed before it was sent", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			if tt.before != nil {
				tt.before(w)
			}
			due, _ := w.book.Due(w.env.Now)
			c, _ := w.book.Begin(w.env, due[0].Key())
			w.accept(c)
			tt.meanwhile(w)
			c, withheld := w.book.Withhold(w.env, due[0].Key())
			w.accept(c)
			row := w.book.Rows(due[0].Incident)[0]
			if withheld != tt.withheld || withheld && (row.Status != RowCancelled || row.Reason != tt.reason || row.Attempt != due[0].Attempt) {
				t.Fatalf("withheld: %v, the row is %s, %q, after %d attempts; want %v, %q, after %d", withheld, row.Status, row.Reason, row.Attempt, tt.withheld, tt.reason, due[0].Attempt)
			}
			if _, again := w.book.Withhold(w.env, due[0].Key()); again && withheld {
				t.Error("withheld twice")
			}
			if c := w.book.Finish(w.env, due[0].Key(), sentOK); withheld && !c.Empty() {
				t.Error("what was withheld is sent")
			}
			if withheld {
				want(t, w.deliver(sentOK), tt.rest...)
			}
		})
	}
	t.Run("its end is begun, and it is opened again", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.book.Use(Settings{ReopenWithin: time.Hour})
		w.apply(died(start))
		w.deliver(sentOK)
		w.apply(started(start.Add(time.Second)))
		due, _ := w.book.Due(w.env.Now)
		c, _ := w.book.Begin(w.env, due[0].Key())
		w.accept(c)
		w.after(2 * time.Second).apply(died(start.Add(2 * time.Second)))
		c, withheld := w.book.Withhold(w.env, due[0].Key())
		w.accept(c)
		if row := w.book.Rows(due[0].Incident)[due[0].Seq]; !withheld || row.Reason != "triggered again before it was sent" {
			t.Errorf("withheld: %v, %q; want that it is triggered again", withheld, row.Reason)
		}
		want(t, w.deliver(sentOK), "trigger pagerduty alice")
	})
	w := newWorld(t, rotationText)
	if _, withheld := w.book.Withhold(w.env, RowKey{"none", 0}); withheld {
		t.Error("a row that is not there is withheld")
	}
}

func TestAFailingChannel(t *testing.T) {
	failing := Outcome{Err: errors.New("503 from the provider")}
	refused := Outcome{Err: errors.New("no such user"), Permanent: true}
	t.Run("is tried again with growing pauses and the provider's own", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		want(t, w.deliver(failing), "trigger pagerduty alice")
		want(t, w.deliver(failing))
		want(t, w.after(time.Second).deliver(Outcome{Err: errors.New("429"), After: 20 * time.Second}), "trigger pagerduty alice")
		want(t, w.after(19*time.Second).deliver(failing))
		want(t, w.after(time.Second).deliver(sentOK), "trigger pagerduty alice")
	})
	t.Run("refused for good takes the person's next channel at once", func(t *testing.T) {
		w := newWorld(t, strings.Replace(rotationText, `page = "api"`, `page = "bob"`, 1))
		w.apply(died(start))
		want(t, w.deliver(refused), "trigger terminal bob")
		want(t, w.deliver(sentOK), "trigger sms bob")
	})
	t.Run("refused for good without another channel takes the next step at once", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		want(t, w.deliver(refused), "trigger pagerduty alice")
		want(t, w.after(time.Second).deliver(sentOK), "trigger terminal bob")
	})
	t.Run("of a step that is over hurries no later one", func(t *testing.T) {
		w := newWorld(t, strings.Replace(rotationText, `{ page = "api", wait = "5m" }, { page = "bob", wait = "10m" }`, `{ page = "bob", wait = "5m" }, { page = "carol", wait = "10m" }, { page = "alice", wait = "5m" }`, 1))
		w.apply(died(start))
		want(t, w.deliver(failing), "trigger terminal bob")
		want(t, w.after(31*time.Second).deliver(failing), "trigger terminal bob")
		want(t, w.deliver(failing), "trigger sms bob")
		w.after(0)
		want(t, w.deliver(sentOK), "trigger sms carol")
		want(t, w.after(2*time.Second).deliver(failing), "trigger sms bob", "trigger terminal bob")
		want(t, w.after(time.Second).deliver(sentOK)) // carol has her ten minutes
	})
	t.Run("of the fallback too tells it again before its half hour", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		for range 5 {
			w.deliver(refused)
			w.after(0)
		}
		if inc := w.only(); !inc.Progress.Fallback {
			t.Fatalf("found %+v, want all steps taken", inc.Progress)
		}
		var times []string
		for range 3600 {
			if said := w.after(time.Second).deliver(refused); len(said) > 0 {
				times = append(times, w.env.Now.Sub(start).Round(time.Minute).String())
			}
		}
		if got := strings.Join(times, " "); got != "1m0s 2m0s 4m0s 8m0s 16m0s 32m0s" {
			t.Errorf("told again after %s", got)
		}
	})
	t.Run("failing for long asks the next step without giving up itself", func(t *testing.T) {
		w := newWorld(t, rotationText)
		w.apply(died(start))
		for range 40 {
			w.after(time.Second).deliver(failing)
		}
		if got := strings.Join(w.log, "\n"); !strings.Contains(got, "paging bob by terminal") {
			t.Errorf("bob was not called within 40 s of failures:\n%s", got)
		}
		rows := w.book.Rows("I001")
		if rows[0].Status != RowPending {
			t.Errorf("the failing row is %s, want it still pending", rows[0].Status)
		}
	})
}

func TestPagerDutyHoldsOneIncidentForOneOfOurs(t *testing.T) {
	both := strings.Replace(rotationText, `page = "bob", wait`, `page = ["carol", "dan"], wait`, 1)
	both = strings.Replace(both, `carol = { page = ["sms"] }`, "carol = { page = [\"pagerduty\"] }\ndan = { page = [\"pagerduty\"] }", 1)
	t.Run("a later step is one message to all its people", func(t *testing.T) {
		w := newWorld(t, both)
		w.apply(died(start))
		want(t, w.deliver(sentOK), "trigger pagerduty alice")
		want(t, w.after(5*time.Minute).deliver(sentOK), "trigger pagerduty carol+dan")
		w.apply(started(w.env.Now))
		want(t, w.deliver(sentOK), "resolve pagerduty carol+dan")
	})
	t.Run("a step that never got through is overtaken, not queued before", func(t *testing.T) {
		w := newWorld(t, both)
		w.apply(died(start))
		want(t, w.deliver(Outcome{Err: errors.New("500"), After: time.Hour}), "trigger pagerduty alice")
		want(t, w.after(5*time.Minute).deliver(sentOK), "trigger pagerduty carol+dan")
		want(t, w.after(2*time.Hour).deliver(sentOK), "trigger pagerduty carol")
	})
}

func TestAfterACrashWhatWasBeingSentGoesAgainAsARepeat(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	due, _ := w.book.Due(w.env.Now)
	c, _ := w.book.Begin(w.env, due[0].Key())
	w.accept(c)
	// The router dies here; another one starts from what was stored.
	w.book = NewBook(w.book.Incidents(), w.book.Rows("I001"), nil)
	w.accept(w.book.Recover(w.env))
	due, _ = w.book.Due(w.env.Now)
	if len(due) != 1 || !due[0].Repeat || due[0].Attempt != 1 {
		t.Fatalf("found %+v, want the row again, marked as a repeat", due)
	}
	if c := w.apply(died(start)); !c.Empty() {
		t.Errorf("the same event sent again changed %+v", c)
	}
}
