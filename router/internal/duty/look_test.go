package duty

import (
	"slices"
	"testing"
	"testing/synctest"

	"nezuban/router/internal/incident"
)

// The state is looked at every second or two, however many incidents are open: to know of one costs no copy of all.
func TestOneAlertIsLookedForWithoutCopyingWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, &disk{})
		alert := func(key string, firing bool) incident.Alert {
			return incident.Alert{Key: key, Rule: "r", Kind: incident.KindState, Firing: firing, Severity: incident.SeverityTicket, Summary: key, At: e.Now()}
		}
		say := func(alerts ...incident.Alert) {
			t.Helper()
			if err := e.Report(t.Context(), alerts); err != nil {
				t.Fatal(err)
			}
		}
		say(alert("a", true), alert("b", true))
		if !e.Firing("a") || e.Firing("c") || !slices.Equal(e.IDs(), []string{"I001", "I002"}) {
			t.Errorf("found a firing: %v, c: %v, ids %v; want true, false, I001 and I002", e.Firing("a"), e.Firing("c"), e.IDs())
		}
		over := alert("a", false)
		over.At = over.At.Add(1)
		say(over)
		if e.Firing("a") || !e.Firing("b") {
			t.Errorf("found a firing: %v, b: %v after the end of a; want false, true", e.Firing("a"), e.Firing("b"))
		}
		if n := testing.AllocsPerRun(10, func() { e.Firing("b") }); n > 0 {
			t.Errorf("found %v allocations, want none", n)
		}
	})
}
