package incident

import (
	"testing"
	"time"
)

// Whoever takes a ticket has all the time they need, however long its condition holds; a page comes back.
func TestOnlyAnAcknowledgedPageComesBack(t *testing.T) {
	tests := []struct {
		severity Severity
		told     []string // at opening
		later    []string // once the ack_timeout of 4 h is over
		state    State
	}{
		{SeverityPage, []string{"trigger pagerduty alice"}, []string{"trigger pagerduty alice"}, Triggered},
		{SeverityTicket, []string{"trigger terminal alice"}, nil, Acknowledged},
	}
	for _, tt := range tests {
		t.Run(string(tt.severity), func(t *testing.T) {
			w := newWorld(t, rotationText)
			alert := down(start, true)
			alert.Severity = tt.severity
			w.apply(alert)
			want(t, w.deliver(sentOK), tt.told...)
			w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
			w.deliver(sentOK)
			w.after(4*time.Hour - time.Second)
			want(t, w.deliver(sentOK))
			w.after(time.Second)
			want(t, w.deliver(sentOK), tt.later...)
			if got := w.only().State; got != tt.state {
				t.Errorf("after 4 h it is %s, want %s", got, tt.state)
			}
			if tt.severity == SeverityTicket {
				w.after(7 * 24 * time.Hour)
				want(t, w.deliver(sentOK))
				if got := w.only().State; got != Acknowledged {
					t.Errorf("after a week it is %s", got)
				}
			}
		})
	}
}

// What joins an incident that somebody has is counted and disturbs nobody.
func TestWhatJoinsAnAcknowledgedIncidentIsSilent(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(died(start))
	w.deliver(sentOK)
	w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
	w.deliver(sentOK)
	acked := w.only()
	for i := range 3 {
		w.after(time.Minute)
		if c := w.apply(died(w.env.Now)); len(c.Rows) != 0 || len(c.Incidents) != 1 {
			t.Errorf("event %d: found %d messages and %d incidents changed", i+2, len(c.Rows), len(c.Incidents))
		}
		want(t, w.deliver(sentOK))
		inc := w.only()
		if inc.State != Acknowledged || inc.AcknowledgedBy != "alice" || !inc.AcknowledgedAt.Equal(acked.AcknowledgedAt) || inc.Lead().Count != i+2 {
			t.Errorf("event %d: found %s by %q since %s, %d times", i+2, inc.State, inc.AcknowledgedBy, inc.AcknowledgedAt, inc.Lead().Count)
		}
	}
}
