package incident

import (
	"strings"
	"testing"
	"time"
)

// Whoever is called for what is not new is told why.
func TestWhyItCallsAnew(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(w *world)
		want string // how it begins
	}{
		{"for the first time there is nothing to say", func(*world) {}, ""},
		{"nor for a later step", func(w *world) { w.after(5 * time.Minute) }, ""},
		{"a snooze is over", func(w *world) {
			w.acted(w.book.Snooze(w.env, "I001", "alice", "", start.Add(time.Hour)))
			w.after(time.Hour)
		}, "snoozed by alice until now and still open"},
		{"an acknowledgement ran out", func(w *world) {
			w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
			w.after(30 * time.Minute)
		}, "acknowledged 30m0s ago and still open"},
		{"it came back", func(w *world) {
			w.after(time.Minute).apply(started(w.env.Now))
			w.after(time.Minute).apply(died(w.env.Now))
		}, "opened again: it fires 1m0s after it was resolved"},
		{"a silence is over", func(w *world) {
			w.silence(0, "host=web1")
			w.after(time.Second)
			w.after(2 * time.Hour)
		}, "no longer suppressed, it still holds: silence"},
		{"an acknowledgement was taken back elsewhere", func(w *world) {
			w.acted(w.book.Acknowledge(w.env, "I001", "alice", ""))
			w.heed(undo(ReportUnacknowledged, "e1", w.at(time.Minute), "alice"))
		}, "the acknowledgement was taken back by alice in PagerDuty"},
		{"it was opened again elsewhere", func(w *world) {
			w.after(time.Minute).apply(started(w.env.Now))
			w.after(time.Minute).deliver(sentOK)
			w.heed(undo(ReportReopened, "e1", w.at(2*time.Minute), "alice"))
		}, "opened again by alice in PagerDuty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, strings.Replace(rotationText, "repeat = 0", "repeat = 0\nack_timeout = \"30m\"", 1)).use(lasting)
			a := died(start)
			a.Lasting = true
			w.apply(a)
			w.deliver(sentOK)
			row.do(w)
			due, _ := w.book.Due(w.env.Now)
			if calls := len(due) > 0 && due[0].Kind == MessageTrigger; calls != (row.want != "") && row.name != "nor for a later step" {
				t.Errorf("due %v", due)
			}
			if got := w.only().Again; !strings.HasPrefix(got, row.want) || (row.want == "") != (got == "") {
				t.Errorf("found %q, want %q", got, row.want)
			}
		})
	}
}

func TestARiseSaysSo(t *testing.T) {
	w := newWorld(t, rotationText)
	a := down(start, true)
	a.Severity = SeverityTicket
	w.apply(a)
	a.Severity, a.At = SeverityPage, start.Add(time.Minute)
	w.apply(a)
	if got, want := w.only().Again, "severity rises from ticket to page"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}
