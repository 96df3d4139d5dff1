package incident

import (
	"strings"
	"testing"
	"time"
)

func TestTheAuditBringsOnWhatStandsStill(t *testing.T) {
	later := start.Add(365 * 24 * time.Hour)
	for _, row := range []struct {
		name  string
		spoil func(inc *Incident)
		sends string // of the incident itself
		says  string
	}{
		{name: "triggered, with no next step", spoil: func(inc *Incident) { inc.Progress.Next = time.Time{} }, sends: "trigger pagerduty alice", says: "its next step is at no time"},
		{name: "triggered, with one in a year", spoil: func(inc *Incident) { inc.Progress.Next = later }, sends: "trigger pagerduty alice", says: "its next step is at 2027-03-04"},
		{name: "snoozed until no time", spoil: func(inc *Incident) { inc.State = Snoozed }, sends: "trigger pagerduty alice", says: "snoozed until no time"},
		{name: "snoozed for a year", spoil: func(inc *Incident) { inc.State, inc.SnoozedUntil = Snoozed, later }, sends: "trigger pagerduty alice", says: "snoozed until 2027"},
		{name: "acknowledged at no time", spoil: func(inc *Incident) { inc.State, inc.AcknowledgedBy = Acknowledged, "bob" }, sends: "trigger pagerduty alice", says: "acknowledged at no time"},
		{
			name:  "acknowledged in a year",
			spoil: func(inc *Incident) { inc.State, inc.AcknowledgedBy, inc.AcknowledgedAt = Acknowledged, "bob", later },
			sends: "trigger pagerduty alice", says: "acknowledged at 2027",
		},
		{
			name: "to trigger again in a year", spoil: func(inc *Incident) {
				inc.State, inc.AcknowledgedBy, inc.AcknowledgedAt, inc.RetriggerAt = Acknowledged, "bob", start, later
			},
			sends: "trigger pagerduty alice", says: "it triggers again at 2027",
		},
		{name: "suppressed for no reason", spoil: func(inc *Incident) { inc.Suppressed = "silence S9" }, sends: "trigger pagerduty alice", says: "a reason that is over: silence S9"},
		{
			name: "to be released in a year", spoil: func(inc *Incident) { inc.Suppressed, inc.SuppressedBy, inc.ReleaseAt = "x", "I9", later },
			sends: "trigger pagerduty alice", says: "it waits for what hid it until 2027",
		},
		{name: "waiting to be quiet while it fires", spoil: func(inc *Incident) { inc.Flapping, inc.QuietAt = true, start.Add(time.Hour) }, sends: "trigger pagerduty alice", says: "waits to be quiet, and fires"},
		{name: "waiting to be quiet for a year", spoil: func(inc *Incident) {
			inc.Flapping, inc.QuietAt = true, later
			inc.quieten() // of what fires, nothing does
		}, says: "waits to be quiet until 2027"},
		{name: "a part of nothing", spoil: func(inc *Incident) { inc.PartOf = "I9" }, sends: "trigger pagerduty alice", says: "a part of incident I9, which is over"},
		{name: "in a state that there is not", spoil: func(inc *Incident) { inc.State = "sleeping" }, sends: "trigger pagerduty alice", says: `its state is "sleeping"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.apply(down(start, true))
			w.deliver(sentOK)
			w.after(time.Second)
			inc := w.only()
			row.spoil(&inc)
			w.broken = true
			w.accept(Change{Incidents: []Incident{inc}})
			var sent []string
			for range 2 * 60 {
				for _, r := range w.step() {
					sent = append(sent, r.Incident+" "+describe(r))
				}
			}
			expected := []string{"I001 " + row.sends, "I002 trigger pagerduty alice"}
			if row.sends == "" {
				expected = expected[1:] // it waits as long as it should have
			}
			want(t, sent, expected...)
			stalled, _ := w.book.Incident("I002")
			if stalled.Lead().Rule != RuleStalled || stalled.Severity != SeverityPage || !strings.Contains(stalled.Lead().Summary, "I001 stood still, and goes on now: ") || !strings.Contains(stalled.Lead().Summary, row.says) {
				t.Errorf("it says %q, want %q", stalled.Lead().Summary, row.says)
			}
			if !w.said("it stood still, its next step is taken now: ") {
				t.Errorf("the timeline does not say so:\n%s", strings.Join(w.log, "\n"))
			}
		})
	}
}

// step lets a second pass and delivers what is due.
func (w *world) step() []Row {
	w.after(time.Second)
	var sent []Row
	due, _ := w.book.Due(w.env.Now)
	for _, row := range due {
		c, ok := w.book.Begin(w.env, row.Key())
		if ok {
			w.accept(c)
			w.accept(w.book.Finish(w.env, row.Key(), sentOK))
			sent = append(sent, c.Rows[0])
		}
	}
	return sent
}

func TestTheAuditSendsAnewWhatIsStuck(t *testing.T) {
	w := newWorld(t, rotationText)
	w.broken = true
	w.apply(down(start, true))
	w.begin() // and its attempt never ends
	var first []string
	for len(first) == 0 && w.env.Now.Before(start.Add(time.Hour)) {
		for _, r := range w.step() {
			if r.Incident == "I001" && r.Seq == 0 {
				first = append(first, describe(r))
			}
		}
	}
	want(t, first, "trigger pagerduty alice")
	if after := w.env.Now.Sub(start); after < longestAttempt || after > longestAttempt+2*auditEvery {
		t.Errorf("after %s", after)
	}
	if row := w.book.Rows("I001")[0]; row.Attempt != 2 || row.Status != RowSent {
		t.Errorf("found %+v", row)
	}
	if !w.said("trigger to alice by pagerduty has been under way since 2026-03-04 10:00 UTC") {
		t.Errorf("the timeline does not say so:\n%s", strings.Join(w.log, "\n"))
	}
}

// A store that was away, or a machine that was asleep, is no mistake: what was being sent goes on when they are back.
func TestTheAuditLeavesTimeAfterAGap(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(down(start, true))
	w.begin()
	w.after(3 * time.Hour)
	w.after(time.Second)
	w.accept(w.book.Finish(w.env, RowKey{"I001", 0}, sentOK))
	w.during(2 * time.Minute)
}

func TestManyThatStandStillAreOnePage(t *testing.T) {
	w := newWorld(t, rotationText)
	w.broken = true
	var broken []Incident
	for _, key := range []string{"a", "b", "c"} {
		a := down(start, true)
		a.Key = DedupKey("check-down", key)
		w.apply(a)
	}
	w.deliver(sentOK)
	for _, inc := range w.book.Incidents() {
		inc.Progress.Next = time.Time{}
		broken = append(broken, inc)
	}
	w.accept(Change{Incidents: broken})
	w.during(2 * time.Minute)
	all := w.book.Incidents()
	if len(all) != 4 || all[3].Lead().Rule != RuleStalled || all[3].Lead().Count != 3 {
		t.Errorf("found %d incidents, the last with %+v", len(all), all[len(all)-1].Lead())
	}
}

func TestASilenceDoesNotHideTheRoutersOwnMistakes(t *testing.T) {
	w := newWorld(t, rotationText)
	w.broken = true
	w.silence(0, "rule=~.+")
	w.apply(down(start, true))
	inc := w.only()
	inc.State = Snoozed
	w.accept(Change{Incidents: []Incident{inc}})
	want(t, w.during(time.Minute), "trigger pagerduty alice")
}
