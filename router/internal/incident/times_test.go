package incident

import (
	"strings"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	w := newWorld(t, rotationText)
	a := died(start.Add(-90 * time.Second)) // reported late
	w.apply(a)
	inc := w.only()
	if _, ok := inc.TimeToResolve(); ok {
		t.Error("just opened, and resolved")
	}
	if _, ok := inc.TimeToAcknowledge(); ok || inc.TimeToDetect() != 90*time.Second {
		t.Errorf("just opened: detected after %s, acknowledged: %t", inc.TimeToDetect(), ok)
	}
	w.deliver(sentOK)
	w.after(2 * time.Minute)
	w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
	w.deliver(sentOK)
	w.after(5 * time.Hour) // triggered again
	w.acted(w.book.Acknowledge(w.env, "I001", "bob", ""))
	w.deliver(sentOK)
	w.after(time.Hour)
	w.apply(started(w.env.Now))
	inc = w.only()
	tta, acked := inc.TimeToAcknowledge()
	ttr, over := inc.TimeToResolve()
	if !acked || tta != 2*time.Minute || inc.FirstAckBy != "alice" || inc.AcknowledgedBy != "bob" || !over || ttr != 6*time.Hour+2*time.Minute {
		t.Errorf("acknowledged after %s by %s, then by %s; resolved after %s", tta, inc.FirstAckBy, inc.AcknowledgedBy, ttr)
	}
}

func TestASnoozeIsAnAcknowledgement(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(sentOK)
	w.after(time.Minute)
	w.acted(w.book.Snooze(w.env, "I001", "alice", "", w.env.Now.Add(time.Hour)))
	if tta, ok := w.only().TimeToAcknowledge(); !ok || tta != time.Minute {
		t.Errorf("acknowledged after %s, %t", tta, ok)
	}
}

// Every line of a timeline has the time at which what it says was decided, and says it on one line of bounded length.
func TestATimelineHasExactTimes(t *testing.T) {
	w := newWorld(t, rotationText)
	w.env.Version = "651d3009801a"
	at := map[string]time.Time{}
	accept := func(c Change) {
		for _, e := range c.Entries {
			text, _, _ := strings.Cut(e.Text, ":")
			at[text] = e.At
		}
		w.accept(c)
	}
	first, second, third := start.Add(123456789), start.Add(7*time.Minute), start.Add(9*time.Minute)
	w.env.Now = first
	accept(w.book.Apply(w.env, []Alert{died(start)}, nil))
	w.env.Now = second
	accept(w.book.Tick(w.env))
	w.env.Now = third
	c, err := w.book.Note(w.env, "I001", "bob", strings.Repeat("long\x1b[2J\nPAGE alice ", 100))
	if err != nil {
		t.Fatal(err)
	}
	accept(c)
	if text := c.Entries[0].Text; strings.ContainsAny(text, "\x1b\n") || len(text) > 1010 {
		t.Errorf("the timeline says %q", text)
	}
	for text, want := range map[string]time.Time{
		"opened by container-died": first, "version 651d3009801a of the rotation file is in force": first, "paging alice by pagerduty": first,
		"paging bob by terminal": second, "bob": third,
	} {
		if !at[text].Equal(want) {
			t.Errorf("%s: at %s, want %s", text, at[text], want)
		}
	}
}
