package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func (w *world) acted(c Change, err error) Change {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.accept(c)
}

func TestSnooze(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.acted(w.book.Snooze(w.env, "I001", "alice", "at lunch", start.Add(time.Hour)))
	if inc := w.only(); inc.State != Snoozed || inc.AcknowledgedBy != "alice" {
		t.Errorf("found %s by %q", inc.State, inc.AcknowledgedBy)
	}
	want(t, w.deliver(sentOK), "acknowledge pagerduty alice")
	w.after(59 * time.Minute)
	want(t, w.deliver(sentOK))
	w.after(time.Minute)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	if inc := w.only(); inc.State != Triggered || inc.AcknowledgedBy != "" || !inc.SnoozedUntil.IsZero() {
		t.Errorf("after its end: %+v", inc)
	}
	w.after(5 * time.Minute)
	want(t, w.deliver(sentOK), "trigger terminal bob") // the escalation is a fresh one
}

func TestSnoozeEndsEarly(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world)
		want string // what goes out at once
		end  State
	}{
		{"it is over", func(w *world) { w.apply(started(w.env.Now)) }, "resolve pagerduty alice", Resolved},
		{"it happens again: that is no news", func(w *world) { w.apply(died(w.env.Now)) }, "", Snoozed},
		{"somebody takes it", func(w *world) { w.acted(w.book.Acknowledge(w.env, "I001", "bob", "")) }, "", Acknowledged},
		{"somebody resolves it", func(w *world) { w.acted(w.book.Resolve(w.env, "I001", "bob", "")) }, "resolve pagerduty alice", Resolved},
		{"somebody snoozes it longer", func(w *world) {
			w.acted(w.book.Snooze(w.env, "I001", "bob", "", w.env.Now.Add(48*time.Hour)))
		}, "", Snoozed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.apply(died(start))
			w.deliver(sentOK)
			w.acted(w.book.Snooze(w.env, "I001", "alice", "", start.Add(time.Hour)))
			w.deliver(sentOK)
			w.after(time.Minute)
			tt.do(w)
			if got := strings.Join(w.deliver(sentOK), ","); got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
			if inc := w.only(); inc.State != tt.end {
				t.Errorf("found %s, want %s", inc.State, tt.end)
			}
		})
	}
}

func TestARiseInSeverityEndsASnooze(t *testing.T) {
	w := newWorld(t, rotationText)
	a := died(start)
	a.Severity = SeverityTicket
	w.apply(a)
	w.acted(w.book.Snooze(w.env, "I001", "alice", "", start.Add(time.Hour)))
	w.deliver(sentOK)
	w.after(time.Minute)
	w.apply(died(w.env.Now))
	if inc := w.only(); inc.State != Triggered || !inc.SnoozedUntil.IsZero() {
		t.Errorf("found %s", inc.State)
	}
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
}

func TestReassign(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
	w.deliver(sentOK)
	w.after(time.Minute)
	w.acted(w.book.Reassign(w.env, "I001", "alice", "carol", "knows the disk"))
	if inc := w.only(); inc.State != Triggered || inc.AcknowledgedBy != "" {
		t.Errorf("found %s by %q, want it to be carol's to acknowledge", inc.State, inc.AcknowledgedBy)
	}
	want(t, w.deliver(sentOK), "trigger sms carol")
	w.after(4 * time.Minute)
	want(t, w.deliver(sentOK))
	w.after(time.Minute) // the wait of step one, from the reassignment: step two
	want(t, w.deliver(sentOK), "trigger terminal bob")
	if log := strings.Join(w.log, "\n"); !strings.Contains(log, "reassigned to carol by alice: knows the disk") || !strings.Contains(log, "alice has given it to you") {
		t.Errorf("the timeline does not say so:\n%s", log)
	}
}

// Whoever is given what pages nobody would never hear of it.
func TestWhatPagesNobodyIsNotReassigned(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(w *world) (id string)
		says string
	}{
		{"silenced", func(w *world) string {
			w.silence(0, "check=shop")
			w.apply(down(start, true))
			return w.only().ID
		}, "incident I002: nobody is told of it while it is suppressed by silence I001 by alice until 2026-03-04T11:00Z: kernel update; end that first"},
		{"hidden by its cause", func(w *world) string {
			w.apply(w.gone("web1", true), w.ill("web1", "shop"))
			return "I002"
		}, "incident I002: nobody is told of it while incident I001 hides it: reassign that one"},
		{"a part of another", func(w *world) string {
			for i := range 26 {
				w.apply(w.dies("web1", fmt.Sprint(i)))
			}
			return "I002"
		}, "incident I002: it belongs to incident I001, of which people are told: reassign that one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			settings := hiding(t)
			settings.Groups = deaths.Groups
			w := newWorld(t, rotationText).use(settings)
			c, err := w.book.Reassign(w.env, row.do(w), "alice", "bob", "")
			if !errors.Is(err, ErrInvalid) || err.Error() != row.says || !c.Empty() {
				t.Errorf("found %v, want %s", err, row.says)
			}
		})
	}
}

func TestReassignRefuses(t *testing.T) {
	w := newWorld(t, strings.Replace(rotationText, "carol = { page = [\"sms\"] }", "carol = { page = [\"sms\"] }\nmute = {}", 1))
	w.apply(died(start))
	for who, says := range map[string]string{
		"nobody": `to: found "nobody", expected somebody of the rotation file`,
		"carl":   `to: found "carl", expected somebody of the rotation file (did you mean "carol"?)`,
		"":       `to: found "", expected somebody of the rotation file`,
		"mute":   `to: found "mute", who has no channel in the rotation file, expected somebody who can be told`,
	} {
		if c, err := w.book.Reassign(w.env, "I001", "alice", who, ""); !errors.Is(err, ErrInvalid) || err.Error() != says || !c.Empty() {
			t.Errorf("to %q: found %v, want %s", who, err, says)
		}
	}
	if _, err := w.book.Reassign(w.env, "I999", "alice", "bob", ""); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown incident: %v", err)
	}
}

func TestSnoozeRefuses(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	for _, until := range []time.Time{{}, start, start.Add(-time.Hour), start.Add(LongestSnooze + time.Second)} {
		if c, err := w.book.Snooze(w.env, "I001", "alice", "", until); !errors.Is(err, ErrInvalid) || !strings.HasSuffix(err.Error(), ", expected a time within the next 30 days") || !c.Empty() {
			t.Errorf("until %s: %v, want it refused", until, err)
		}
	}
	if _, err := w.book.Snooze(w.env, "I999", "alice", "", start.Add(time.Hour)); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown incident: %v", err)
	}
}

func TestNote(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(sentOK)
	c := w.acted(w.book.Note(w.env, "I001", "bob", "the switch\nwas replaced"))
	if len(c.Rows) != 0 || len(c.Entries) != 1 || c.Entries[0].Text != "bob: the switch was replaced" {
		t.Errorf("found %+v", c)
	}
	if _, err := w.book.Note(w.env, "I999", "bob", "x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown incident: %v", err)
	}
}

func TestManual(t *testing.T) {
	w := newWorld(t, rotationText)
	alert, err := Manual("k1", "bob", "the shop is slow", SeverityPage, map[string]string{"team": "web"}, start)
	if err != nil {
		t.Fatal(err)
	}
	w.apply(alert)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	if c := w.apply(alert); !c.Empty() {
		t.Errorf("the same again changes %+v", c)
	}
	if id, ok := w.book.Holding(alert.Key); !ok || id != "I001" || w.only().Lead().Summary != "the shop is slow (opened by bob)" {
		t.Errorf("held by %q: %+v", id, w.only())
	}
	many := map[string]string{}
	for i := range mostLabels + 1 {
		many[fmt.Sprint("l", i)] = "x"
	}
	for _, bad := range []struct {
		name, key, summary string
		severity           Severity
		labels             map[string]string
		says               string
	}{
		{"no key", "", "x", SeverityPage, nil, "key: found 0 bytes"},
		{"a long key", strings.Repeat("k", 65), "x", SeverityPage, nil, "key: found 65 bytes"},
		{"no summary", "k", "", SeverityPage, nil, "summary: expected a line"},
		{"a summary of which nothing shows", "k", "\u200b \a\u00a0\u202e", SeverityPage, nil, "summary: expected a line"},
		{"another severity", "k", "x", "loud", nil, `severity: found "loud", expected page, ticket or info`},
		{"very many labels", "k", "x", SeverityPage, many, "labels: found 65, expected at most 64"},
		{"a label without a name", "k", "x", SeverityPage, map[string]string{"": "x"}, `labels: found the name ""`},
		{"a name of two lines", "k", "x", SeverityPage, map[string]string{"a\nb": "x"}, `labels: found the name "a\nb"`},
		{"a long name", "k", "x", SeverityPage, map[string]string{strings.Repeat("n", 129): "x"}, "labels: found the name"},
		{"a long value", "k", "x", SeverityPage, map[string]string{"team": strings.Repeat("v", 1025)}, "labels: found 1025 bytes of team"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if _, err := Manual(bad.key, "bob", bad.summary, bad.severity, bad.labels, start); !errors.Is(err, ErrInvalid) || !strings.HasPrefix(err.Error(), bad.says) {
				t.Errorf("found %v, want %s", err, bad.says)
			}
		})
	}
}

// Who pages again under the same key has news of the same: it is written down, and pages once more when it is graver.
func TestManualAgain(t *testing.T) {
	for _, row := range []struct {
		name     string
		severity Severity
		between  func(w *world)
		by, says string
		again    Severity
		changes  bool
		sends    []string
	}{
		{"a retry", SeverityTicket, nil, "alice", "db slow", SeverityTicket, false, nil},
		{"graver", SeverityTicket, nil, "bob", "db is DOWN", SeverityPage, true, []string{"trigger pagerduty alice"}},
		{"graver in the same words", SeverityTicket, nil, "alice", "db slow", SeverityPage, true, []string{"trigger pagerduty alice"}},
		{"graver while somebody has it", SeverityTicket, func(w *world) { w.acknowledge("alice") }, "bob", "db is DOWN", SeverityPage, true, []string{"trigger pagerduty alice"}},
		{"graver while it is snoozed", SeverityTicket, func(w *world) {
			w.acted(w.book.Snooze(w.env, "I001", "alice", "", start.Add(time.Hour)))
		}, "bob", "db is DOWN", SeverityPage, true, []string{"trigger pagerduty alice"}},
		{"as grave in other words", SeverityPage, nil, "bob", "db is DOWN", SeverityPage, true, nil},
		{"less grave", SeverityPage, nil, "bob", "db is better", SeverityTicket, true, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			labels := map[string]string{"team": "web"}
			page := func(by, says string, severity Severity) Change {
				alert, err := Manual("db", by, says, severity, labels, w.env.Now)
				if err != nil {
					t.Fatal(err)
				}
				return w.apply(alert)
			}
			page("alice", "db slow", row.severity)
			labels = nil
			w.deliver(sentOK)
			if row.between != nil {
				row.between(w)
				w.deliver(sentOK)
			}
			w.env.Now = w.env.Now.Add(time.Second)
			if c := page(row.by, row.says, row.again); c.Empty() == row.changes {
				t.Errorf("found %+v, want a change: %t", c, row.changes)
			}
			if said := fmt.Sprintf("again (2 times): %s (opened by %s)", row.says, row.by); slices.Contains(w.log, said) != row.changes {
				t.Errorf("found %q, want %q: %t", w.log, said, row.changes)
			}
			want(t, w.deliver(sentOK), row.sends...)
			if c := page(row.by, row.says, row.again); !c.Empty() {
				t.Errorf("the same again changes %+v", c)
			}
			if gravest := max(row.severity.Rank(), row.again.Rank()); w.only().Severity.Rank() != gravest {
				t.Errorf("it is a %s", w.only().Severity)
			}
			if w.only().Lead().Labels["team"] != "web" {
				t.Errorf("its labels became %v", w.only().Lead().Labels)
			}
		})
	}
}
