package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// restored is the same router after its state of a day before was brought back.
func (w *world) restored() *world {
	w.t.Helper()
	taken, held := w.env.Now, 0
	var rows []Row
	for _, inc := range w.book.Incidents() {
		for _, row := range w.book.Rows(inc.ID) {
			if !row.Done() {
				row = row.Hold()
				held++
			}
			rows = append(rows, row)
		}
	}
	silences, settings := w.book.Silences(), w.book.settings
	w.book = NewBook(w.book.Incidents(), rows, nil)
	w.book.Restore(silences)
	w.use(settings)
	w.env.Now = w.env.Now.Add(24 * time.Hour)
	w.accept(w.book.Recover(w.env))
	w.accept(w.book.Restored(w.env, w.env.Now, taken, held))
	return w
}

func TestAfterARestoreOneMessageTellsWhatIsOpenAndTheRestWaits(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.begin() // on its way when the backup was taken
	restored := w.restored().env.Now
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	all := w.book.Incidents()
	summary := all[1]
	text := summary.Lead().Summary
	if len(all) != 2 || summary.Lead().Rule != RuleRestored || summary.Severity != SeverityPage || !strings.Contains(text, "1 messages were not sent") || !strings.Contains(summary.Lead().Reason, all[0].ID+" "+all[0].Lead().Summary) {
		t.Fatalf("found %+v, want one message that lists what is open", all)
	}
	if _, err := w.book.Acknowledge(w.env, summary.ID, "alice", ""); err != nil {
		t.Fatal(err)
	}
	c, _ := w.book.Acknowledge(w.env, summary.ID, "alice", "")
	w.accept(c)
	w.deliver(sentOK)
	want(t, w.after(14*time.Minute).deliver(sentOK))
	// Nobody has said that it is over: then it must not stand still.
	want(t, w.after(2*time.Minute).deliver(sentOK), "trigger terminal bob")
	again := w.book.Restored(w.env, restored, start, 1)
	for _, row := range again.Rows {
		t.Errorf("told twice: %s", describe(row))
	}
}

func TestARestorePutsOffWhatTimeWouldBring(t *testing.T) {
	for name, act := range map[string]func(*world) (Change, error){
		"a snooze that has run out": func(w *world) (Change, error) {
			return w.book.Snooze(w.env, w.only().ID, "alice", "", w.env.Now.Add(time.Hour))
		},
		"an acknowledgement that has": func(w *world) (Change, error) {
			return w.book.Acknowledge(w.env, w.only().ID, "alice", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, strings.Replace(rotationText, "repeat = 0", "repeat = 0\nack_timeout = \"30m\"", 1))
			w.apply(died(start))
			w.deliver(sentOK)
			c, err := act(w)
			if err != nil {
				t.Fatal(err)
			}
			w.accept(c)
			w.deliver(sentOK)
			id := w.only().ID
			w.restored().deliver(sentOK)
			w.after(14 * time.Minute)
			if inc, _ := w.book.Incident(id); inc.State == Triggered {
				t.Error("triggered again at once")
			}
			w.after(2 * time.Minute)
			if inc, _ := w.book.Incident(id); inc.State != Triggered {
				t.Errorf("it is %s for ever", inc.State)
			}
		})
	}
}

// A backup may hold the incident of an earlier restore: who has that knows nothing of this one.
func TestEachRestoreIsTold(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(sentOK)
	w.restored()
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	var first string
	for _, inc := range w.book.Incidents() {
		if inc.Lead().Rule == RuleRestored {
			first = inc.ID
		}
	}
	w.acted(w.book.Acknowledge(w.env, first, "alice", ""))
	w.deliver(sentOK)
	w.apply(containerDied(7, "", w.env.Now))
	w.begin() // on its way when the second backup is taken
	w.restored()
	sent := w.deliver(sentOK)
	if !slices.Contains(sent, "trigger pagerduty alice") {
		t.Errorf("of the second restore is told %q", sent)
	}
	if inc, _ := w.book.Incident(first); inc.State != Resolved {
		t.Errorf("the incident of the first restore is %s", inc.State)
	}
	var found []string
	for _, inc := range w.book.Incidents() {
		if inc.Lead().Rule == RuleRestored && inc.State == Triggered {
			found = append(found, inc.Lead().Reason)
		}
	}
	if len(found) != 1 || !strings.Contains(found[0], "the untold first: I003") {
		t.Errorf("found %q", found)
	}
}

// A page that is lost by a restore does not wait for its step: that may be hours.
func TestWhatARestoreHeldGoesOnSoon(t *testing.T) {
	w := newWorld(t, strings.Replace(rotationText, `wait = "5m"`, `wait = "96h"`, 1))
	w.apply(died(start))
	w.begin()
	w.restored()
	want(t, w.deliver(sentOK), "trigger pagerduty alice") // of the restore
	inc := w.book.Incidents()[0]
	if got := inc.Progress.Next.Sub(w.env.Now); got != restoreGrace {
		t.Errorf("its next step is %s after the restore, expected %s", got, restoreGrace)
	}
	said := strings.Join(w.log, "\n")
	for _, line := range []string{"cancelled trigger to alice by pagerduty: held: the state was restored from a backup", "nothing is sent for this incident before"} {
		if !strings.Contains(said, line) {
			t.Errorf("its timeline does not say %q:\n%s", line, said)
		}
	}
	if summary := w.book.Incidents()[1].Lead().Summary; !strings.Contains(summary, "1 incidents are open in it: acknowledge or resolve the 1 that nobody has") {
		t.Errorf("found %s", summary)
	}
}

func TestARestoreOfAQuietStateIsATicket(t *testing.T) {
	w := newWorld(t, rotationText).restored()
	if inc := w.only(); inc.Severity != SeverityTicket || !strings.Contains(inc.Lead().Summary, "no incident is open in it") {
		t.Errorf("found %+v", inc)
	}
	want(t, w.deliver(sentOK), "trigger terminal alice")
}

func TestWhatWasNotToldStandsFirstInTheListOfARestore(t *testing.T) {
	w := newWorld(t, rotationText)
	var told []string
	for i := range 20 {
		w.env.Now = w.env.Now.Add(time.Hour)
		alert := died(w.env.Now)
		alert.Key, alert.Labels = fmt.Sprintf("key %d", i), map[string]string{"host": fmt.Sprintf("web%d", i)}
		alert.Summary = fmt.Sprintf("number %d %s", i, strings.Repeat("long ", 50))
		w.apply(alert)
		if i < 19 {
			w.deliver(sentOK)
			told = append(told, w.book.IDs()[i])
		}
	}
	w.begin()
	w.restored()
	ids := w.book.IDs()
	reason := ""
	for _, inc := range w.book.Incidents() {
		if inc.Lead().Rule == RuleRestored {
			reason = inc.Lead().Reason
		}
	}
	if !strings.HasPrefix(reason, "open, the untold first: "+ids[19]+" number 19 ") || !strings.Contains(reason, told[10]) || !strings.HasSuffix(reason, "and 8 more, see nezuban-router incidents") {
		t.Errorf("found %s", reason)
	}
}

// Time is left to read the one message, whatever an old incident waited for.
func TestAfterARestoreWhatWasHushedWaitsToo(t *testing.T) {
	reopening := lasting
	reopening.ReopenWithin = 5 * time.Minute
	for _, row := range []struct {
		name     string
		settings Settings
		do       func(w *world)
		until    time.Duration // after the restore, at which it pages
	}{
		{"the silence has run out", lasting, func(w *world) {
			w.silence(0, "check=shop")
			w.apply(down(w.env.Now, true))
		}, restoreGrace},
		{"the silence runs out meanwhile", lasting, func(w *world) {
			w.silence(23*time.Hour+5*time.Minute, "check=shop")
			w.silence(0, "check=shop")
			w.apply(down(w.env.Now, true))
			w.tick()
		}, restoreGrace},
		{"the silence runs out later", lasting, func(w *world) {
			w.silence(23*time.Hour+30*time.Minute, "check=shop")
			w.silence(0, "check=shop")
			w.apply(down(w.env.Now, true))
		}, 30 * time.Minute},
		{"the silence of what only a part still holds has run out", Settings{Groups: sick.Groups}, func(w *world) {
			w.silence(0, "host=web1")
			for i := range 26 {
				w.apply(w.ill("web1", fmt.Sprint(i)))
			}
			for i := range 25 {
				w.apply(over(w.ill("web1", fmt.Sprint(i)), w.env.Now.Add(time.Second)))
			}
		}, restoreGrace},
		{"what hid it is over", hiding(t), func(w *world) {
			w.apply(w.gone("web1", true))
			w.apply(w.ill("web1", "shop"))
			w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
		}, restoreGrace},
		{"somebody had it before it was opened again", reopening, func(w *world) {
			w.apply(down(w.env.Now, true))
			w.deliver(sentOK)
			w.acknowledge("alice")
			w.apply(down(w.env.Now.Add(time.Second), false))
			w.after(time.Minute)
			w.deliver(sentOK)
			w.apply(down(w.env.Now, true))
		}, restoreGrace},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(row.settings)
			row.do(w)
			for _, inc := range w.book.Incidents() {
				w.deliver(sentOK)
				if inc.State != Resolved && inc.PartOf == "" && inc.Suppressed == "" && inc.RetriggerAt.IsZero() {
					t.Fatalf("incident %s pages: %+v", inc.ID, inc)
				}
			}
			w.restored()
			restored := w.env.Now
			want(t, w.deliver(sentOK), "trigger pagerduty alice") // the one message
			for _, inc := range w.book.Incidents() {
				if inc.Lead().Rule == RuleRestored {
					w.acted(w.book.Resolve(w.env, inc.ID, "alice", ""))
				}
			}
			w.deliver(sentOK)
			for w.env.Now.Before(restored.Add(time.Hour)) {
				if sent := w.after(time.Second).deliver(sentOK); len(sent) > 0 {
					want(t, sent, "trigger pagerduty alice")
					break
				}
				if w.env.Now.Sub(restored) == 5*time.Minute {
					w.crash() // which changes nothing
				}
			}
			if got := w.env.Now.Sub(restored); got != row.until {
				t.Errorf("it pages %s after the restore, want %s", got, row.until)
			}
		})
	}
}

// What a silence was made for, an update of some hosts, is not that the router's own state is another.
func TestWhatTheRouterTellsOfItselfIsHushedOnlyByName(t *testing.T) {
	restore := Alert{Key: RuleRestored, Rule: RuleRestored, Kind: KindOccurrence, Firing: true, Severity: SeverityPage, Summary: "restored", At: start, Event: "e"}
	stalled := restore
	stalled.Rule = RuleStalled
	for _, row := range []struct {
		name     string
		alert    Alert
		matchers []string
		hushed   bool
	}{
		{"a silence of all pages", restore, []string{"severity=page"}, false},
		{"of whatever rule", restore, []string{"rule=~.+"}, false},
		{"of all rules but one", restore, []string{"rule!=check-down", "severity=page"}, false},
		{"of the rule by its name", restore, []string{"rule=" + RuleRestored}, true},
		{"and of something else", restore, []string{"rule=" + RuleRestored, "severity=ticket"}, false},
		{"of the router's own mistakes, by name", stalled, []string{"rule=" + RuleStalled}, false},
		{"of all pages, and another rule", down(start, true), []string{"severity=page"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText)
			w.silence(0, row.matchers...)
			w.apply(row.alert)
			if hushed := len(w.deliver(sentOK)) == 0; hushed != row.hushed {
				t.Errorf("hushed by %q: %t, want %t", row.matchers, hushed, row.hushed)
			}
			if all, _ := matchers(t, row.matchers...).Cover(w.only()); all != row.hushed {
				t.Errorf("said to be covered by %q: %t, want %t", row.matchers, all, row.hushed)
			}
		})
	}
}
