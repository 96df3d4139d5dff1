package incident

import (
	"fmt"
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
	w.book = NewBook(w.book.Incidents(), rows, nil)
	w.env.Now = w.env.Now.Add(24 * time.Hour)
	w.accept(w.book.Recover(w.env))
	w.accept(w.book.Restored(w.env, taken, held))
	return w
}

func TestAfterARestoreOneMessageTellsWhatIsOpenAndTheRestWaits(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.begin() // on its way when the backup was taken
	w.restored()
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
	again := w.book.Restored(w.env, start, 1)
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
