package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWhatChangedBeforeIsWhatChangedBeforeItBegan lets a death come back while its incident is open, and again after it was
// over for a while: only in the second case does what changed since take the place of what changed first.
func TestWhatChangedBeforeIsWhatChangedBeforeItBegan(t *testing.T) {
	w := newWorld(t, rotationText)
	first, second := []Mark{{At: start, Text: "first"}}, []Mark{{At: start.Add(time.Minute), Text: "second"}}
	die := func(after time.Duration, before []Mark) []Mark {
		a := died(start.Add(after))
		a.Before = before
		w.apply(a)
		return w.only().Alerts[a.Key].Before
	}
	if diff := cmp.Diff(first, die(0, first)); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first, die(2*time.Minute, second)); diff != "" {
		t.Errorf("again while it fires (-want +got):\n%s", diff)
	}
	other := died(start.Add(3 * time.Minute))
	other.Key = DedupKey("container-died", "other", "web1")
	inc := w.only()
	inc.Alerts[other.Key] = AlertState{Alert: other, Count: 1, First: other.At} // keeps the incident open
	w.accept(Change{Incidents: []Incident{inc}})
	w.apply(started(start.Add(4 * time.Minute)))
	if diff := cmp.Diff(second, die(5*time.Minute, second)); diff != "" {
		t.Errorf("fires anew (-want +got):\n%s", diff)
	}
}
