package incident

import (
	"fmt"
	"testing"
	"time"
)

// Whoever answers "3 incidents" in PagerDuty's app answers one there: here it is said of which.
func TestHeedOfAMessageThatSpeaksForOthers(t *testing.T) {
	type step = func(w *world)
	say := func(kind ReportKind, event string, after time.Duration) step {
		return func(w *world) {
			r := Report{Incident: "I002", Channel: ChannelPagerDuty, Kind: kind, Event: event, At: w.at(after), By: "alice", Person: true}
			for range 2 {
				w.acted(w.book.Heed(w.env, r))
			}
		}
	}
	ends := func(n int) step { return func(w *world) { w.ends(n) } }
	risen := func(w *world) {
		w.after(time.Minute)
		inc, _ := w.book.Incident("I003")
		d := w.book.draft(w.env)
		d.triggerAgain(&inc, "it has become worse")
		w.accept(d.change())
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  string   // the states of I001 to I004, but for what is filed away
		sent  []string // of incidents: what then goes out
	}{
		{"acknowledged", []step{say(ReportAcknowledged, "e", time.Second)}, "triggered acknowledged acknowledged acknowledged", []string{"I002 acknowledge+0"}},
		{
			"acknowledged when its own is over",
			[]step{ends(2), say(ReportAcknowledged, "e", 3*time.Second)},
			"triggered resolved acknowledged acknowledged", nil,
		},
		{
			"an acknowledgement from before one of them called anew",
			[]step{risen, say(ReportAcknowledged, "e", time.Second)},
			"triggered acknowledged triggered acknowledged",
			[]string{"I003 trigger+0", "I002 acknowledge+0"},
		},
		{"resolved: what it spoke for pages by itself", []step{say(ReportResolved, "e", time.Second)}, "triggered resolved triggered triggered", []string{
			"I003 trigger+1", "I002 resolve+0",
		}},
		{"resolved when one of them is over", []step{ends(3), say(ReportResolved, "e", 3*time.Second)}, "triggered resolved triggered", []string{
			"I004 trigger+0", "I002 resolve+1",
		}},
		{"resolved when its own is over", []step{ends(2), say(ReportResolved, "e", 3*time.Second)}, "triggered resolved triggered triggered", []string{"I003 trigger+1"}},
		{
			"resolved when somebody has one of them",
			[]step{func(w *world) { w.acted(w.book.Acknowledge(w.env, "I003", "bob", "")) }, say(ReportResolved, "e", time.Second)},
			"triggered resolved acknowledged triggered",
			[]string{"I004 trigger+0"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := spoken(t, ChannelPagerDuty)
			for _, do := range row.steps {
				do(w)
			}
			var states string
			for _, inc := range w.book.Incidents() {
				states += " " + string(inc.State)
			}
			if states != " "+row.want {
				t.Errorf("they are%s, want %s", states, row.want)
			}
			w.accept(w.book.Merge(w.env, stormCaps))
			w.after(time.Minute)
			var sent []string
			for _, r := range w.beginAll() {
				sent = append(sent, fmt.Sprintf("%s %s+%d", r.Incident, r.Kind, r.Others))
				w.finish([]Row{r}, sentOK)
			}
			want(t, sent, row.sent...)
		})
	}
}
