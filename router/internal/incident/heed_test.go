package incident

import (
	"errors"
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
	back := func(event string, after time.Duration) step {
		return func(w *world) { w.heed(Report{Kind: ReportUnacknowledged, Event: event, At: w.at(after)}) }
	}
	to := func(by, person string) step {
		return func(w *world) { w.acted(w.book.Reassign(w.env, "I001", by, person, "")) }
	}
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
		{
			"an echo of what alice did here, after it was given to bob",
			[]step{pass(0), console("alice"), pass(0), pass(3 * time.Second), to("alice", "bob"), ack("e1", time.Second, "alice")},
			Triggered, "",
			[]string{"trigger terminal bob", "trigger sms bob"},
			"",
		},
		{
			"an echo of what alice did here, after PagerDuty was told that it is given to her again",
			[]step{pass(0), console("alice"), pass(0), pass(3 * time.Second), to("alice", "alice"), pass(0), ack("e1", time.Second, "alice")},
			Triggered, "",
			[]string{"trigger terminal bob"},
			"",
		},
		{
			"acknowledged after PagerDuty was told that it is given to her again",
			[]step{pass(0), console("alice"), pass(0), pass(3 * time.Second), to("alice", "alice"), pass(0), ack("e1", 3*time.Second, "alice")},
			Acknowledged, "alice",
			[]string{"acknowledge pagerduty alice"},
			"acknowledged by alice: in PagerDuty",
		},
		{
			"acknowledged there anew by alice, of whom PagerDuty had taken it: told after the router has called her again",
			[]step{pass(0), console("alice"), pass(0), pass(15 * time.Minute), back("e1", 15*time.Minute), pass(0), ack("e2", 15*time.Minute-time.Second, "alice"), ack("e3", 15*time.Minute+time.Second, "alice")},
			Acknowledged, "alice",
			[]string{"acknowledge pagerduty alice"},
			"acknowledged by alice: in PagerDuty",
		},
		{
			"acknowledged there anew by alice, before the router has called her again",
			[]step{pass(0), console("alice"), pass(0), pass(15 * time.Minute), back("e1", 15*time.Minute-2*time.Second), ack("e2", 15*time.Minute-time.Second, "alice")},
			Acknowledged, "alice",
			[]string{"acknowledge pagerduty alice"},
			"acknowledged by alice: in PagerDuty",
		},
		{
			"acknowledged there by bob, to whom alice has given it here",
			[]step{pass(0), console("alice"), pass(0), pass(3 * time.Second), to("alice", "bob"), ack("e1", 2*time.Second, "bob")},
			Acknowledged, "bob",
			[]string{"acknowledge pagerduty bob"},
			"acknowledged by bob: in PagerDuty",
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

// What was looked up may be behind what the router is doing at PagerDuty, but not behind what it will only do later.
func TestHeedWhatWasLookedUp(t *testing.T) {
	given := func(w *world) { w.acted(w.book.Reassign(w.env, "I001", "bob", "alice", "")) }
	later := func(w *world) {
		given(w)
		row := w.book.Rows("I001")[1]
		row.NotBefore = w.env.Now.Add(5 * time.Minute)
		w.accept(Change{Rows: []Row{row}})
	}
	before := func(do func(w *world)) func(w *world) int {
		return func(w *world) int {
			n := moves(w)
			do(w)
			return n
		}
	}
	givenAway := func(w *world) {
		w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
		w.deliver(sentOK)
		w.acted(w.book.Reassign(w.env, "I001", "alice", "bob", ""))
		row := w.book.Rows("I001")[2]
		row.NotBefore = w.env.Now.Add(5 * time.Minute)
		w.accept(Change{Rows: []Row{row}})
	}
	fails := func(w *world) { given(w); w.deliver(Outcome{Err: errors.New("no answer")}) }
	for _, row := range []struct {
		name    string
		meant   Report
		asked   func(w *world) int // when it was looked up: what [Moves] said
		heeded  bool
		between func(w *world)
	}{
		{"as it stands", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, moves, true, nil},
		{"resolved", Report{Kind: ReportResolved, By: "alice", Person: true}, moves, true, nil},
		{"reassigned", Report{Kind: ReportReassigned, By: "somebody", To: []string{"bob"}}, moves, true, nil},
		{"assigned as we know", Report{Kind: ReportReassigned, By: "somebody", To: []string{"alice"}}, moves, false, nil},
		{"a message was added meanwhile", Report{Kind: ReportReassigned, By: "somebody", To: []string{"bob"}}, func(w *world) int { return moves(w) - 1 }, false, nil},
		{"a message is on its way", Report{Kind: ReportReassigned, By: "somebody", To: []string{"carol"}}, moves, false, given},
		{"acknowledged, and a message is on its way", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, moves, false, given},
		{"acknowledged, and a message was tried meanwhile", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, before(func(w *world) { w.deliver(sentOK) }), false, given},
		{"acknowledged, and a message is to be tried again", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, moves, false, fails},
		{"acknowledged, and a message waits for its time", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, moves, true, later},
		{"acknowledged, and the time of a message has come", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, before(func(w *world) { w.env.Now = w.env.Now.Add(5 * time.Minute) }), false, later},
		{"acknowledged by who has given it away since, and who has it is to be told later", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, moves, false, givenAway},
		{"acknowledged by who has given it away, of which PagerDuty has been told since", Report{Kind: ReportAcknowledged, By: "alice", Person: true}, moves, true, func(w *world) {
			w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
			w.deliver(sentOK)
			w.after(5 * time.Second)
			w.acted(w.book.Reassign(w.env, "I001", "alice", "alice", ""))
			w.deliver(sentOK)
		}},
		{"assigned to another, and a message waits for its time", Report{Kind: ReportReassigned, By: "somebody", To: []string{"carol"}}, moves, false, later},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			w.deliver(sentOK)
			if row.between != nil {
				row.between(w)
			}
			r := row.meant
			r.Incident, r.Channel, r.At, r.Moves = "I001", ChannelPagerDuty, start.Add(time.Second), row.asked(w)
			c, err := w.book.Heed(w.env, r)
			if err != nil || c.Empty() == row.heeded {
				t.Errorf("changes %+v, %v, want heeded %v", c, err, row.heeded)
			}
		})
	}
}

func moves(w *world) int { return Moves(w.only(), w.book.rowsOf("I001"), ChannelPagerDuty) }

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

// PagerDuty's clock and the router's may differ. What somebody does there counts all the same, but for what was done before the
// router called anew.
func TestHeedWhenTheClocksDiffer(t *testing.T) {
	ack := func(event string, at time.Time, by string) Report {
		r := Report{Incident: "I001", Channel: ChannelPagerDuty, Kind: ReportAcknowledged, Event: event, At: at, By: by, Person: true}
		r.Keyed = event == ""
		return r
	}
	type step = func(w *world)
	page := func(w *world) { w.apply(down(w.env.Now, true)); w.deliver(sentOK); w.after(15 * time.Second) }
	again := func(deliver bool) step {
		return func(w *world) {
			w.acted(w.book.Snooze(w.env, "I001", "alice", "", w.env.Now.Add(time.Minute)))
			w.deliver(sentOK)
			w.after(time.Minute)
			if deliver {
				w.deliver(sentOK)
				w.after(15 * time.Second)
			}
		}
	}
	look := func(kind ReportKind, at time.Duration, to ...string) step {
		return func(w *world) {
			w.acted(w.book.Heed(w.env, Report{Incident: "I001", Channel: ChannelPagerDuty, Kind: kind, At: w.at(at), By: "somebody", To: to, Moves: moves(w)}))
			w.deliver(sentOK)
		}
	}
	for _, row := range []struct {
		name  string
		steps []step
		meant func(w *world) Report
		state State
	}{
		{
			"the clock was ahead until the router died",
			[]step{func(w *world) { w.env.Now = start.Add(time.Hour) }, page, func(w *world) { w.env.Now = start; w.crash() }},
			func(w *world) Report { return ack("e", w.env.Now, "alice") }, Acknowledged,
		},
		{
			"the clock was ahead, and is put back",
			[]step{page, func(w *world) { w.env.Ahead = 10 * time.Minute }},
			func(w *world) Report { return ack("e", w.env.Now.Add(-w.env.Ahead), "alice") }, Acknowledged,
		},
		{
			"the clock is put back: before it called anew",
			[]step{page, again(true), func(w *world) { w.env.Ahead = 10 * time.Minute }},
			func(w *world) Report { return ack("e", w.env.Now.Add(-w.env.Ahead-time.Minute), "alice") }, Triggered,
		},
		{
			"looked up: the clock is ahead",
			[]step{page},
			func(w *world) Report { return ack("", w.at(-10*time.Minute), "alice") }, Acknowledged,
		},
		{
			"looked up just after the page, which may be newer",
			[]step{func(w *world) { w.apply(down(w.env.Now, true)); w.deliver(sentOK); w.after(time.Second) }},
			func(w *world) Report { return ack("", w.at(-10*time.Minute), "alice") }, Triggered,
		},
		{
			"looked up: it was acknowledged before it called anew, by another channel",
			[]step{func(w *world) {
				page(w)
				w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
				w.deliver(sentOK)
				w.acted(w.book.Reassign(w.env, "I001", "alice", "carol", ""))
				w.deliver(sentOK)
				w.after(time.Minute)
			}},
			func(w *world) Report { return ack("", w.at(-time.Second*10), "alice") }, Triggered,
		},
		{
			"looked up: of an incident which the page has left as it is",
			[]step{page, again(true)},
			func(w *world) Report { r := ack("", w.at(10*time.Second), "alice"); r.Keyed = false; return r }, Triggered,
		},
		{
			"looked up, right after a look that found it reassigned",
			[]step{page, look(ReportReassigned, 0, "bob"), func(w *world) { w.after(time.Minute) }},
			func(w *world) Report { return ack("", w.at(15*time.Second+900*time.Millisecond), "bob") }, Acknowledged,
		},
		{
			"its webhook, right after a look that found it reassigned, by a clock that is behind",
			[]step{page, look(ReportReassigned, 0, "bob")},
			func(w *world) Report { return ack("e", w.env.Now.Add(-3*time.Second), "bob") }, Acknowledged,
		},
		{
			"its webhook, late: it was reassigned since, which a look has found",
			[]step{page, look(ReportReassigned, 10*time.Second, "bob")},
			func(w *world) Report { return ack("e", w.at(5*time.Second), "alice") }, Triggered,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			for _, do := range row.steps {
				do(w)
			}
			r := row.meant(w)
			r.Moves = moves(w)
			w.acted(w.book.Heed(w.env, r))
			if got := w.only(); got.State != row.state {
				t.Errorf("it is %s since %s, want %s: %+v", got.State, got.Progress.Started, row.state, r)
			}
		})
	}
}

// Whom the contacts have may be missing in the rotation file: nobody is called sooner for that, and nothing stands still.
func TestReassignedInPagerDutyToSomebodyWhomTheRotationFileLacks(t *testing.T) {
	acknowledged := func(w *world) {
		w.apply(down(start, true))
		w.deliver(sentOK)
		w.after(time.Second)
		w.acknowledge("alice")
		w.deliver(sentOK)
	}
	for _, row := range []struct {
		name   string
		before func(w *world)
		next   string // after the wait of the step taken last
	}{
		{"acknowledged long ago", func(w *world) { acknowledged(w); w.after(20 * time.Minute) }, "trigger terminal bob"},
		{"nobody was called since it was opened again", func(w *world) {
			w.use(Settings{ReopenWithin: 5 * time.Minute})
			acknowledged(w)
			w.after(time.Minute)
			w.apply(down(w.env.Now, false))
			w.deliver(sentOK)
			w.after(time.Minute)
			w.apply(down(w.env.Now, true))
			w.after(30 * time.Second)
			w.acknowledge("alice")
			w.after(10 * time.Minute)
			w.deliver(sentOK)
		}, "trigger pagerduty alice"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			row.before(w)
			w.heed(reassigning("e", w.env.Now, "alice", "dave"))
			want(t, w.during(5*time.Minute-time.Second))
			want(t, w.during(time.Second), row.next)
			if !w.said("dave is not in the rotation file: told in PagerDuty alone") {
				t.Errorf("not said in\n%s", strings.Join(w.log, "\n"))
			}
		})
	}
}
