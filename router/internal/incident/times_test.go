package incident

import (
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	w := newWorld(t, rotationText)
	a := died(start.Add(-90 * time.Second)) // reported late
	w.apply(a)
	inc := w.only()
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
