package incident

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// sick is conditions of one host that are one incident.
var sick = Settings{ReopenWithin: 5 * time.Minute, Groups: []Group{{ID: "sick", Rules: []string{"container-unhealthy"}, By: []string{"host"}, Within: time.Minute}}}

// reread makes the book anew from what is stored, as a restart does.
func (w *world) reread() {
	w.t.Helper()
	var incidents []Incident
	var rows []Row
	for _, inc := range w.book.Incidents() {
		rows = append(rows, w.book.Rows(inc.ID)...)
		var read Incident
		stored, err := json.Marshal(inc)
		if err == nil {
			err = json.Unmarshal(stored, &read)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		incidents = append(incidents, read)
	}
	settings, silences := w.book.settings, w.book.Silences()
	w.book = NewBook(incidents, rows, nil)
	w.use(settings).book.Restore(silences)
}

// crowd opens an incident of so many containers that the last is a part of it. Their alerts are c00, c01 … of a severity.
func (w *world) crowd(severity Severity) (listed []Alert, part Alert) {
	for i := range maxAlerts + 1 {
		a := w.ill("web1", fmt.Sprintf("c%02d", i))
		a.Severity = severity
		listed = append(listed, a)
	}
	w.apply(listed...)
	return listed[:maxAlerts], listed[maxAlerts]
}

// head is the incident that a part belongs to.
func (w *world) head(part Alert) Incident {
	w.t.Helper()
	id := w.holding(part)
	inc, _ := w.book.Incident(id)
	if inc.PartOf == "" {
		w.t.Fatalf("%s is in incident %q, expected it in a part", part.Summary, id)
	}
	head, _ := w.book.Incident(inc.PartOf)
	return head
}

// now is an alert as it is reported now.
func (w *world) now(a Alert) Alert {
	a.At = w.env.Now
	return a
}

func (w *world) end(alerts ...Alert) {
	for _, a := range alerts {
		w.apply(over(a, w.env.Now))
	}
}

// twice runs a test as it is, and with a restart at the point that it marks.
func twice(t *testing.T, test func(t *testing.T, restart func(w *world))) {
	t.Helper()
	t.Run("without a restart", func(t *testing.T) { test(t, func(*world) {}) })
	t.Run("with one", func(t *testing.T) { test(t, (*world).reread) })
}

// The alerts that an incident lists are over, and a part of it fires: it pages when what hid it is over.
func TestAPartOutlivesWhatHidItsIncident(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		for _, row := range []struct {
			name string
			hide func(w *world)
			show func(w *world)
			back bool // the part ends and fires again before
		}{
			{"a silence", func(w *world) { w.silence(0, "host=web1") }, func(w *world) { w.after(time.Hour) }, false},
			{"a silence, the part comes and goes", func(w *world) { w.silence(0, "host=web1") }, func(w *world) { w.after(time.Hour) }, true},
			{"the absence of its host", func(w *world) { w.apply(w.gone("web1", true)) }, func(w *world) { w.apply(w.gone("web1", false)) }, false},
		} {
			t.Run(row.name, func(t *testing.T) {
				settings := hiding(t)
				settings.Groups, settings.Flapping = sick.Groups, Flapping{}
				w := newWorld(t, rotationText).use(settings)
				row.hide(w)
				listed, part := w.crowd(SeverityPage)
				w.after(time.Minute).deliver(sentOK)
				w.end(listed...)
				if row.back {
					first := w.ill("web1", "c00")
					w.apply(first)
					w.end(part)
					w.after(time.Second)
					w.apply(w.now(part))
					w.end(first)
				}
				restart(w)
				w.after(time.Second)
				if head := w.head(part); head.Suppressed == "" {
					t.Error("it pages while it is hidden")
				}
				row.show(w)
				var sent []string
				for range 60 {
					sent = append(sent, w.after(time.Second).deliver(sentOK)...)
				}
				if head := w.head(part); head.Suppressed != "" || !strings.Contains(fmt.Sprint(sent), "trigger pagerduty alice") {
					t.Errorf("suppressed: %q, sent %q", head.Suppressed, sent)
				}
			})
		}
	})
}

// The audit, too, sees an incident that is suppressed for nothing while only a part of it fires.
func TestTheAuditLooksAtParts(t *testing.T) {
	w := newWorld(t, rotationText).use(sick)
	w.broken = true
	listed, part := w.crowd(SeverityPage)
	w.deliver(sentOK)
	w.after(time.Second)
	w.end(listed...)
	head := w.head(part)
	head.Suppressed = "silence I000 by alice until yesterday"
	w.accept(Change{Incidents: []Incident{head}})
	w.book.reviewed = look{w.book.changes, ""} // the review has gone by
	want(t, w.after(2*time.Minute).deliver(sentOK), "trigger pagerduty alice", "trigger pagerduty alice")
}

// A silence over all that an incident lists, and not over a part of it, does not silence it; and when what is not silenced is
// over, or comes back, it is as with an alert that is listed.
func TestAPartThatIsNotSilencedPages(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		w := newWorld(t, rotationText).use(sick)
		_, part := w.crowd(SeverityPage)
		want(t, w.deliver(sentOK), "trigger pagerduty alice")
		w.silence(0, "container_name=~c[01].|c2[0-4]")
		restart(w)
		want(t, w.during(5*time.Minute), "trigger terminal bob")
		w.end(part)
		restart(w)
		want(t, w.during(time.Minute))
		if head, _ := w.book.Incident("I001"); head.Suppressed == "" {
			t.Error("what is left is silenced, and it pages")
		}
		w.apply(w.now(part))
		restart(w)
		want(t, w.during(10*time.Second), "trigger pagerduty alice")
		if head := w.head(part); head.Suppressed != "" {
			t.Errorf("it is suppressed: %s", head.Suppressed)
		}
	})
}

// What repeats in a part keeps an acknowledged incident from counting as over, as what repeats in the incident itself does.
func TestAPartThatRepeatsIsSeen(t *testing.T) {
	for _, row := range []struct {
		name, container string
		ends            bool // it ends before it happens again
	}{
		{"the last that is listed", "c24", false},
		{"a part", "c25", false},
		{"the last that is listed, after its end", "c24", true},
		{"a part, after its end", "c25", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			twice(t, func(t *testing.T, restart func(w *world)) {
				w := newWorld(t, rotationText).use(deaths)
				die := func(name string) {
					a := w.dies("web1", name)
					a.Severity = SeverityTicket // an acknowledgement of a page runs out before
					w.apply(a)
				}
				for i := range maxAlerts + 1 {
					die(fmt.Sprintf("c%02d", i))
				}
				w.deliver(sentOK)
				w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
				if row.ends {
					w.after(time.Second)
					w.end(w.dies("web1", row.container))
				}
				w.after(20 * time.Hour)
				die(row.container)
				restart(w)
				w.after(23 * time.Hour)
				if inc, _ := w.book.Incident("I001"); inc.State != Acknowledged {
					t.Errorf("23 h after the repeat it is %s", inc.State)
				}
				w.after(time.Hour + time.Second)
				if inc, _ := w.book.Incident("I001"); inc.State != Resolved {
					t.Errorf("24 h after the repeat it is %s", inc.State)
				}
			})
		})
	}
}

// A condition that opens its incident again from a part has its own end: no time alone ends it.
func TestAConditionThatComesBackInAPartHolds(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		w := newWorld(t, rotationText).use(sick)
		_, part := w.crowd(SeverityTicket)
		w.deliver(sentOK)
		w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
		w.after(time.Minute)
		w.apply(w.now(part))
		w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
		restart(w)
		for range 50 {
			w.after(time.Hour)
		}
		if head := w.head(part); head.State != Acknowledged {
			t.Errorf("it is %s, and the condition holds", head.State)
		}
	})
}

// What repeats in a part writes the record of its incident, which is a large one, once a minute.
func TestAPartThatRepeatsWritesLittle(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	for i := range maxAlerts + 1 {
		w.apply(w.dies("web1", fmt.Sprintf("c%02d", i)))
	}
	heads := 0
	for range 180 {
		w.env.Now = w.env.Now.Add(time.Second)
		for _, inc := range w.apply(w.dies("web1", "c25")).Incidents {
			if inc.PartOf == "" {
				heads++
			}
		}
	}
	if heads != 3 {
		t.Errorf("180 repeats in 3 min have written it %d times", heads)
	}
}

// What grows graver while it is silenced is a line in the timeline, and a page when the silence ends, in a part too.
func TestASilencedPartDoesNotRaiseItsIncident(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		for _, row := range []struct {
			name   string
			silent string
			first  bool // it ends before, and fires again as a page
		}{
			{"an alert that is listed", "c24", false},
			{"one of a part", "c25", false},
			{"one of a part that fires again", "c25", true},
		} {
			t.Run(row.name, func(t *testing.T) {
				w := newWorld(t, rotationText).use(sick)
				w.crowd(SeverityTicket)
				want(t, w.deliver(sentOK), "trigger terminal alice")
				w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
				w.deliver(sentOK)
				w.silence(0, "container_name="+row.silent)
				w.after(time.Minute)
				a := w.ill("web1", row.silent)
				if row.first {
					w.end(a)
					w.after(time.Second)
				}
				w.apply(w.now(a))
				restart(w)
				want(t, w.during(50*time.Minute))
				if !w.said("would rise to page, but: silence") {
					t.Error("the timeline does not say that it would rise")
				}
				want(t, w.during(10*time.Minute), "trigger pagerduty alice")
				if inc, _ := w.book.Incident("I001"); inc.Severity != SeverityPage {
					t.Errorf("it is a %s", inc.Severity)
				}
			})
		}
	})
}

// What was in a part of an open incident belongs to it for as long as that is open, however long it was over.
func TestWhatComesBackInAPartIsNotAnotherIncident(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		for _, row := range []struct {
			name    string
			over    time.Duration // after the part: the incident; 0: it stays open
			back    time.Duration // after the part's end, it fires again
			another bool
			sends   []string
		}{
			{"while the incident is open", 0, 10 * time.Minute, false, nil},
			{"a day later", 0, 23 * time.Hour, false, nil},
			{"soon after the incident is over", time.Hour, time.Hour + 4*time.Minute, false, []string{"trigger pagerduty alice"}},
			{"when that was over for longer", time.Hour, time.Hour + 5*time.Minute, true, []string{"trigger pagerduty alice"}},
		} {
			t.Run(row.name, func(t *testing.T) {
				w := newWorld(t, strings.Replace(rotationText, "repeat = 0", "repeat = 0\nack_timeout = \"48h\"", 1)).use(sick)
				_, part := w.crowd(SeverityPage)
				w.deliver(sentOK)
				w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
				w.after(time.Second).deliver(sentOK)
				w.end(part)
				restart(w)
				ended := w.env.Now
				if row.over > 0 {
					w.after(row.over)
					w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
					w.deliver(sentOK)
				}
				for w.env.Now.Before(ended.Add(row.back)) {
					w.after(time.Minute).deliver(sentOK)
				}
				restart(w)
				w.apply(w.now(part))
				want(t, w.deliver(sentOK), row.sends...)
				inc, _ := w.book.Incident(w.holding(part))
				if another := inc.PartOf == ""; another != row.another {
					t.Errorf("it is in incident %s, a part of %q", inc.ID, inc.PartOf)
				}
			})
		}
	})
}

// The parts of an incident are filed away with it.
func TestPartsThatAreOverAreFiledAway(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		w := newWorld(t, rotationText).use(sick)
		listed, part := w.crowd(SeverityPage)
		w.deliver(sentOK)
		w.after(time.Second)
		w.end(part)
		restart(w)
		w.after(time.Hour).deliver(sentOK)
		if n := len(w.book.Incidents()); n != 2 {
			t.Errorf("found %d incidents, want the open one and its part", n)
		}
		w.end(listed...)
		w.deliver(sentOK)
		restart(w)
		w.after(sick.ReopenWithin)
		if n := len(w.book.Incidents()); n != 0 {
			t.Errorf("found %d incidents that are over", n)
		}
	})
}

// While nothing fires of what an incident lists, a part that does speaks for it: the one that was opened first.
func TestAPartSpeaksForItsIncident(t *testing.T) {
	twice(t, func(t *testing.T, restart func(w *world)) {
		w := newWorld(t, rotationText).use(sick)
		listed, part := w.crowd(SeverityPage)
		second, third := w.ill("web1", "c26"), w.ill("web1", "c27")
		w.apply(second, third)
		w.after(time.Second)
		said := func(when string, further int, summary string) {
			t.Helper()
			restart(w)
			inc, _ := w.book.Incident("I001")
			if got := inc.Summaries()[0]; got != summary || inc.Further() != further || inc.Lead().Summary != summary {
				t.Errorf("%s: it says %q, of %d alerts, and %d more, want %q and %d more", when, got, len(inc.Summaries()), inc.Further(), summary, further)
			}
		}
		said("all fire", 3, "container c00 died")
		w.end(listed...)
		said("three parts fire", 2, "container c25 died")
		w.end(part)
		said("two fire", 1, "container c26 died")
		w.after(time.Second)
		w.apply(w.now(part))
		said("the first fires again", 2, "container c26 died")
		w.apply(w.now(listed[7]))
		said("what is listed fires again", 3, "container c07 died")
		w.end(listed[7])
		w.after(time.Second)
		w.end(listed[7], part, second)
		said("one fires", 0, "container c27 died")
		w.end(third)
		said("all are over", 3, "container c00 died")
	})
}

// The parts of a silenced incident page at the end of the silence as it does itself: when something says that they go on.
func TestWhatHappenedInAPartWhileSilencedPagesNobody(t *testing.T) {
	for _, row := range []struct {
		name    string
		lasting int // which of the deaths goes on until the container starts
		sends   []string
	}{
		{"deaths that are over as soon as they are seen", -1, nil},
		{"the last one, in a part, goes on", maxAlerts + 1, []string{"trigger pagerduty alice"}},
		{"the first one goes on", 0, []string{"trigger pagerduty alice"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			twice(t, func(t *testing.T, restart func(*world)) {
				w := newWorld(t, rotationText).use(deaths)
				w.silence(0, "host=web1")
				w.after(time.Minute)
				for i := range maxAlerts + 2 {
					a := w.dies("web1", fmt.Sprintf("c%02d", i))
					a.Lasting = i == row.lasting
					w.apply(a)
				}
				want(t, w.during(58*time.Minute))
				restart(w)
				want(t, w.during(2*time.Minute), row.sends...)
				if w.said("dropped, nobody is paged: it happened while suppressed") != (row.sends == nil) {
					t.Error(strings.Join(w.log, "\n"))
				}
			})
		})
	}
}
