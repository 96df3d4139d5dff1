package incident

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// heed takes in reports, each twice: every webhook may come doubled.
func (w *world) heed(reports ...Report) {
	w.t.Helper()
	for _, r := range reports {
		r.Incident, r.Channel = "I001", ChannelPagerDuty
		w.acted(w.book.Heed(w.env, r))
		again, err := w.book.Heed(w.env, r)
		if err != nil || !again.Empty() {
			w.t.Errorf("the same report again changes %+v, %v", again, err)
		}
	}
}

func (w *world) at(d time.Duration) time.Time { return start.Add(d) }

// reassigning and its like are what a person, or an unknown user, did at a time.
func reassigning(event string, at time.Time, by string, to ...string) Report {
	return Report{Kind: ReportReassigned, Event: event, At: at, By: by, Person: by != "bot", To: to}
}

func TestHeed(t *testing.T) {
	type step = func(w *world)
	ack := func(event string, after time.Duration, by string) step {
		return func(w *world) {
			w.heed(Report{Kind: ReportAcknowledged, Event: event, At: w.at(after), By: by, Person: true})
		}
	}
	over := func(event string, after time.Duration, by string) step {
		return func(w *world) {
			w.heed(Report{Kind: ReportResolved, Event: event, At: w.at(after), By: by, Person: true})
		}
	}
	give := func(event string, after time.Duration, by string, to ...string) step {
		return func(w *world) { w.heed(reassigning(event, w.at(after), by, to...)) }
	}
	console := func(by string) step { return func(w *world) { w.acted(w.book.Acknowledge(w.env, "I001", by, "")) } }
	pass := func(d time.Duration) step { return func(w *world) { w.after(d); w.deliver(sentOK) } }
	for _, row := range []struct {
		name  string
		steps []step
		state State
		by    string   // who has it, or has resolved it
		sent  []string // what then goes out within half an hour, until somebody has it
		noted string
	}{
		{"acknowledged", []step{pass(0), ack("e1", time.Second, "alice")}, Acknowledged, "alice", []string{"acknowledge pagerduty alice"}, "acknowledged by alice: in PagerDuty"},
		{"resolved", []step{pass(0), over("e1", time.Second, "alice")}, Resolved, "alice", []string{"resolve pagerduty alice"}, "resolved by alice: in PagerDuty"},
		{
			"reassigned: told there, and on the other channels",
			[]step{pass(0), give("e1", time.Second, "alice", "bob")},
			Triggered, "",
			[]string{"trigger terminal bob", "trigger sms bob"},
			"reassigned to bob by alice in PagerDuty",
		},
		{"reassigned to several", []step{pass(0), give("e1", time.Second, "alice", "bob", "carol")}, Triggered, "", []string{"trigger sms carol", "trigger terminal bob", "trigger sms bob"}, "reassigned to bob, carol"},
		{"reassigned to nobody known", []step{pass(0), give("e1", time.Second, "alice")}, Triggered, "", []string{"trigger terminal bob"}, "nobody whom the contacts have"},
		{"reassigned to whoever has it", []step{pass(0), give("e1", time.Second, "bob", "alice")}, Triggered, "", []string{"trigger terminal bob"}, ""},
		{"an echo of our own assignment", []step{pass(0), pass(time.Second), give("e1", time.Second, "bot", "alice")}, Triggered, "", []string{"trigger terminal bob"}, ""},
		{"an acknowledgement before it was reassigned comes after", []step{pass(0), give("e2", 2*time.Second, "alice", "bob"), ack("e1", time.Second, "alice")}, Triggered, "", []string{"trigger terminal bob", "trigger sms bob"}, ""},
		{"reassigned twice, in the wrong order", []step{pass(0), give("e2", 2*time.Second, "alice", "carol"), give("e1", time.Second, "alice", "bob")}, Triggered, "", []string{"trigger sms carol"}, "reassigned to carol"},
		{"an acknowledgement after it is over", []step{pass(0), over("e2", 2*time.Second, "alice"), ack("e1", time.Second, "alice")}, Resolved, "alice", []string{"resolve pagerduty alice"}, ""},
		{
			"an echo of what alice did here, after bob took it over",
			[]step{pass(0), console("alice"), pass(0), console("bob"), ack("e1", time.Second, "alice")},
			Acknowledged, "bob", nil, "",
		},
		{"taken over there", []step{pass(0), console("alice"), pass(0), ack("e1", time.Second, "bob")}, Acknowledged, "bob", nil, "acknowledged by bob, after alice"},
		{
			"an acknowledgement of an earlier life of the escalation",
			[]step{pass(0), func(w *world) {
				w.acted(w.book.Snooze(w.env, "I001", "alice", "", w.at(time.Hour)))
			}, pass(0), pass(time.Hour), ack("e1", time.Minute, "alice")},
			Triggered, "",
			[]string{"trigger terminal bob"},
			"",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			for _, do := range row.steps {
				do(w)
			}
			inc := w.only()
			if by := inc.AcknowledgedBy + inc.ResolvedBy; inc.State != row.state || (by != row.by && inc.ResolvedBy != row.by) {
				t.Errorf("it is %s by %q, want %s by %q", inc.State, by, row.state, row.by)
			}
			if !strings.Contains(strings.Join(w.log, "\n"), row.noted) {
				t.Errorf("no %q in\n%s", row.noted, strings.Join(w.log, "\n"))
			}
			sent := w.deliver(sentOK)
			w.env.Now = w.env.Now.Add(4 * time.Minute)
			sent = append(sent, w.deliver(sentOK)...)
			if len(row.sent) > 0 && len(sent) == 0 {
				w.after(time.Minute)
				sent = append(sent, w.deliver(sentOK)...)
			}
			slices.Sort(sent)
			want := slices.Sorted(slices.Values(row.sent))
			if !slices.Equal(sent, want) {
				t.Errorf("went out %q, want %q", sent, want)
			}
		})
	}
}

// What was looked up may be behind what the router is doing at PagerDuty.
func TestHeedWhatWasLookedUp(t *testing.T) {
	for _, row := range []struct {
		name    string
		meant   Report
		asked   func(w *world) int // when it was looked up: how many rows there were
		heeded  bool
		between func(w *world)
	}{
		{"as it stands", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, rows, true, nil},
		{"resolved", Report{Kind: ReportResolved, By: "alice", Person: true}, rows, true, nil},
		{"reassigned", Report{Kind: ReportReassigned, By: "somebody", To: []string{"bob"}}, rows, true, nil},
		{"assigned as we know", Report{Kind: ReportReassigned, By: "somebody", To: []string{"alice"}}, rows, false, nil},
		{"a message was added meanwhile", Report{Kind: ReportReassigned, By: "somebody", To: []string{"bob"}}, func(w *world) int { return rows(w) - 1 }, false, nil},
		{"a message is on its way", Report{Kind: ReportReassigned, By: "somebody", To: []string{"carol"}}, rows, false, func(w *world) {
			w.acted(w.book.Reassign(w.env, "I001", "bob", "alice", ""))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			w.deliver(sentOK)
			if row.between != nil {
				row.between(w)
			}
			r := row.meant
			r.Incident, r.Channel, r.At, r.Rows = "I001", ChannelPagerDuty, start.Add(time.Second), row.asked(w)
			c, err := w.book.Heed(w.env, r)
			if err != nil || c.Empty() == row.heeded {
				t.Errorf("changes %+v, %v, want heeded %v", c, err, row.heeded)
			}
		})
	}
}

func rows(w *world) int { return w.only().Rows }

// An incident that has been silenced since is still open at the provider: whoever gets it there is told there, and nowhere else.
func TestWhatIsSuppressedAndReassignedElsewherePagesNobody(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(down(start, true))
	w.deliver(sentOK)
	w.silence(0, "check=shop")
	w.after(time.Second)
	w.heed(reassigning("e1", w.env.Now, "alice", "bob"))
	want(t, w.during(30*time.Minute))
	if !w.said("reassigned to bob by alice in PagerDuty") {
		t.Errorf("the timeline does not say so:\n%s", strings.Join(w.log, "\n"))
	}
}
