package incident

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// many reaches bob by every channel, in the second step.
var many = strings.Replace(rotationText, `bob   = { page = ["terminal", "2m sms"] }`, `bob   = { page = ["email", "slack", "sms", "call", "terminal", "webhook"] }`, 1)

func TestOthersHearWhoHasIt(t *testing.T) {
	others := []string{"acknowledge email bob", "acknowledge slack bob", "acknowledge terminal bob", "acknowledge webhook bob", "acknowledge call bob"}
	for _, row := range []struct {
		name string
		act  func(w *world) (Change, error)
		want []string
	}{
		{"acknowledged by somebody else", func(w *world) (Change, error) { return w.book.Acknowledge(w.env, "I001", "alice", "") }, append([]string{"acknowledge pagerduty alice"}, others...)},
		{"acknowledged by who was told", func(w *world) (Change, error) { return w.book.Acknowledge(w.env, "I001", "bob", "") }, []string{"acknowledge pagerduty bob", "acknowledge call bob"}},
		{"snoozed", func(w *world) (Change, error) {
			return w.book.Snooze(w.env, "I001", "carol", "", w.env.Now.Add(time.Hour))
		}, append([]string{"acknowledge pagerduty carol"}, others...)},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, many)
			w.apply(died(start))
			w.deliver(sentOK)
			w.after(5 * time.Minute).deliver(sentOK)
			w.acted(row.act(w))
			got := map[string]bool{}
			for _, s := range w.deliver(sentOK) {
				got[s] = true
			}
			for _, s := range row.want {
				if !got[s] {
					t.Errorf("%q was not sent", s)
				}
				delete(got, s)
			}
			if len(got) > 0 {
				t.Errorf("sent besides: %v", got)
			}
		})
	}
}

// What says that somebody has it must not arrive when that is not so any more.
func TestNewsOfAnAcknowledgementThatIsOvertakenIsWithdrawn(t *testing.T) {
	failing := Outcome{Err: errors.New("503"), After: time.Minute}
	for name, act := range map[string]func(w *world){
		"it is over":        func(w *world) { w.apply(started(w.env.Now)) },
		"it is reassigned":  func(w *world) { w.acted(w.book.Reassign(w.env, "I001", "alice", "carol", "")) },
		"it is not held on": func(w *world) { w.after(4 * time.Hour) },
	} {
		for _, underWay := range []bool{false, true} {
			w := newWorld(t, many)
			w.apply(died(start))
			w.deliver(sentOK)
			w.after(5 * time.Minute).deliver(sentOK)
			w.acknowledge("alice")
			if underWay {
				w.begin()
			} else {
				w.deliver(failing)
			}
			w.env.Now = w.env.Now.Add(time.Second)
			act(w)
			for _, row := range w.book.Rows("I001") {
				if row.Status == RowSending {
					w.accept(w.book.Finish(w.env, row.Key(), failing))
				}
			}
			for _, sent := range w.during(5 * time.Minute) {
				if strings.HasPrefix(sent, "acknowledge") {
					t.Errorf("%s, on its way %t: sent %q", name, underWay, sent)
				}
			}
		}
	}
}

// A telephone that rings for other incidents as well is not stopped by whoever takes one of them.
func TestWhoTakesAnIncidentStopsTheTelephonesThatRingForItAlone(t *testing.T) {
	for _, row := range []struct {
		id   string
		want []string
	}{
		{"I001", []string{"acknowledge call alice"}},
		{"I002", nil}, // its call speaks for I003 too
		{"I003", nil},
	} {
		t.Run(row.id, func(t *testing.T) {
			w := newWorld(t, strings.Replace(stormRotation, `["sms", "10m call"]`, `["call"]`, 1))
			w.storm(0, 3, "", map[string]int{"call": 1})
			w.finish(w.beginAll(), sentOK)
			w.acted(w.book.Acknowledge(w.env, row.id, "bob", ""))
			want(t, w.deliver(sentOK), row.want...)
		})
	}
}
