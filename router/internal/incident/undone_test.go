package incident

import (
	"strings"
	"testing"
	"time"
)

// undo is a report of what was undone in PagerDuty at a time; by is "" for time itself.
func undo(kind ReportKind, event string, at time.Time, by string) Report {
	return Report{Kind: kind, Event: event, At: at, By: by, Person: by == "alice" || by == "bob"}
}

func TestAnAcknowledgementThatIsTakenBack(t *testing.T) {
	ack := func(event string, after time.Duration) func(w *world) {
		return func(w *world) {
			w.heed(Report{Kind: ReportAcknowledged, Event: event, At: w.at(after), By: "alice", Person: true})
		}
	}
	back := func(event string, after time.Duration, by string) func(w *world) {
		return func(w *world) { w.heed(undo(ReportUnacknowledged, event, w.at(after), by)) }
	}
	here := func(w *world) { w.after(10 * time.Second); w.acknowledge("alice") }
	again := []string{"trigger pagerduty alice"}
	for _, row := range []struct {
		name  string
		steps []func(w *world)
		state State
		sent  []string // after the last step
		noted string
	}{
		{"by a person", []func(w *world){ack("e1", time.Second), back("e2", 2*time.Second, "alice")}, Triggered, again, "taken back by alice in PagerDuty: triggered again"},
		{"by somebody in no contacts", []func(w *world){ack("e1", time.Second), back("e2", 2*time.Second, "PCHIEF")}, Triggered, again, "taken back by PCHIEF in PagerDuty"},
		{"by time: a snooze of PagerDuty's is over", []func(w *world){ack("e1", time.Second), back("e2", 2*time.Second, "")}, Triggered, again, "the acknowledgement is over in PagerDuty: triggered again"},
		{"told before the acknowledgement: nobody has it", []func(w *world){back("e2", 2*time.Second, ""), ack("e1", time.Second)}, Triggered, nil, ""},
		{"of one that nobody has", []func(w *world){back("e1", time.Second, "alice")}, Triggered, nil, ""},
		{"of an earlier acknowledgement", []func(w *world){here, back("e1", time.Second, "alice")}, Acknowledged, nil, ""},
		{"of one that was made here", []func(w *world){here, back("e1", 11*time.Second, "")}, Triggered, again, "is over in PagerDuty"},
		{"by time, of a snooze that was made here", []func(w *world){func(w *world) { w.acted(w.book.Snooze(w.env, "I001", "alice", "", w.at(time.Hour))) }, back("e1", time.Second, "")}, Snoozed, nil, ""},
		{"by a person, of a snooze that was made here", []func(w *world){func(w *world) { w.acted(w.book.Snooze(w.env, "I001", "alice", "", w.at(time.Hour))) }, back("e1", time.Second, "bob")}, Triggered, again, "taken back by bob"},
		{"of one that is over", []func(w *world){ack("e1", time.Second), func(w *world) { w.apply(started(w.at(2 * time.Second))) }, back("e2", 3*time.Second, "alice")}, Resolved, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.apply(died(start))
			w.deliver(sentOK)
			var sent []string
			for _, do := range row.steps {
				do(w)
				sent = w.deliver(sentOK)
			}
			want(t, sent, row.sent...)
			if inc := w.only(); inc.State != row.state || (row.state == Triggered && inc.AcknowledgedBy != "") {
				t.Errorf("it is %s by %q, want %s", inc.State, inc.AcknowledgedBy, row.state)
			}
			if !strings.Contains(strings.Join(w.log, "\n"), row.noted) {
				t.Errorf("no %q in\n%s", row.noted, strings.Join(w.log, "\n"))
			}
		})
	}
}

func TestAResolvedIncidentThatIsOpenedAgainInPagerDuty(t *testing.T) {
	resolved := func(w *world) { w.after(time.Minute); w.apply(started(w.env.Now)) }
	byHand := func(w *world) {
		w.heed(Report{Kind: ReportResolved, Event: "e1", At: w.at(time.Second), By: "alice", Person: true})
	}
	again := func(at time.Duration) func(w *world) {
		return func(w *world) { w.heed(undo(ReportReopened, "e2", w.at(at), "alice")) }
	}
	for _, row := range []struct {
		name  string
		steps []func(w *world)
		state State
		sent  []string // after the last step
		noted string
	}{
		{"it pages again", []func(w *world){resolved, again(2 * time.Minute)}, Triggered, []string{"trigger pagerduty alice"}, "opened again by alice in PagerDuty"},
		{"also when a person resolved it", []func(w *world){byHand, again(time.Minute)}, Triggered, []string{"trigger pagerduty alice"}, "opened again by alice in PagerDuty"},
		{"told before the resolve: it was never over", []func(w *world){again(2 * time.Second), byHand}, Triggered, nil, ""},
		{"before the resolve was sent: it is not sent", []func(w *world){func(w *world) { resolved(w); again(2 * time.Minute)(w) }}, Triggered, []string{"trigger pagerduty alice"}, "opened again before it was sent"},
		{"of an earlier resolve", []func(w *world){resolved, again(30 * time.Second)}, Resolved, nil, ""},
		{"the resolve that came before, delivered again", []func(w *world){byHand, again(time.Minute), byHand}, Triggered, nil, ""},
		{"and acknowledged since: nobody is paged", []func(w *world){resolved, func(w *world) {
			r := undo(ReportReopened, "", w.at(2*time.Minute), "alice")
			r.Incident, r.Channel, r.Taken, r.Moves = "I001", ChannelPagerDuty, true, moves(w)
			w.acted(w.book.Heed(w.env, r))
		}}, Acknowledged, nil, "acknowledged by alice in PagerDuty"},
		{"once more over, when it fires and ends", []func(w *world){resolved, again(2 * time.Minute), func(w *world) {
			w.apply(died(w.at(3 * time.Minute)))
			w.deliver(sentOK)
			w.apply(started(w.at(4 * time.Minute)))
		}}, Resolved, []string{"resolve pagerduty alice"}, ""},
		{"once more over, when a person says so", []func(w *world){resolved, again(2 * time.Minute), func(w *world) {
			w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
		}}, Resolved, []string{"resolve pagerduty alice"}, ""},
		{"nobody answers: the next step is taken", []func(w *world){resolved, again(2 * time.Minute), func(w *world) {
			w.deliver(sentOK)
			w.after(5 * time.Minute)
		}}, Triggered, []string{"trigger terminal bob"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.apply(died(start))
			w.deliver(sentOK)
			var sent []string
			for _, do := range row.steps {
				do(w)
				sent = w.deliver(sentOK)
			}
			want(t, sent, row.sent...)
			if inc := w.only(); inc.State != row.state {
				t.Errorf("it is %s, want %s:\n%s", inc.State, row.state, strings.Join(w.log, "\n"))
			}
			if !strings.Contains(strings.Join(w.log, "\n"), row.noted) {
				t.Errorf("no %q in\n%s", row.noted, strings.Join(w.log, "\n"))
			}
		})
	}
}

// What fired meanwhile is an incident of its own: two open ones about the same would be one too many.
func TestOneThatIsOpenedAgainBesideANewerOneStaysResolved(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	w.apply(died(start))
	w.deliver(sentOK)
	w.apply(started(w.at(time.Second)))
	w.env.Now = w.at(10 * time.Minute) // before its time to be filed away is seen to
	w.apply(died(w.env.Now))
	w.heed(undo(ReportReopened, "e1", w.env.Now, "alice"))
	if all := w.book.Incidents(); len(all) != 2 || all[0].State != Resolved || all[1].State != Triggered || !w.said("incident I002, which is open, is about the same") {
		t.Errorf("found %+v\n%s", all, strings.Join(w.log, "\n"))
	}
}
