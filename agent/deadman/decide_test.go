package deadman

import (
	"errors"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	const after = 2 * time.Minute
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	failing := func(since, newest time.Duration) Evidence {
		return Evidence{Failing: ago(since), Failed: ago(newest), Reason: "unreachable"}
	}
	for _, row := range []struct {
		name     string
		record   Record
		evidence Evidence
		want     Action
	}{
		{"nothing was tried yet", Record{}, Evidence{}, Nothing},
		{"nothing was tried since a restart", Record{Open: true, Told: ago(time.Hour)}, Evidence{}, Nothing},
		{"accepting", Record{}, Evidence{Accepting: ago(time.Hour)}, Nothing},
		{"not for long enough", Record{}, failing(after-1, 0), Nothing},
		{"for long enough", Record{}, failing(after, time.Minute), Trigger},
		{"said, and it may not have arrived", Record{Open: true, Since: ago(after)}, failing(after+time.Second, time.Second), Trigger},
		{"said and taken", Record{Open: true, Told: ago(time.Minute)}, failing(3*time.Minute, 0), Nothing},
		{"taken long ago", Record{Open: true, Told: ago(10 * time.Minute)}, failing(time.Hour, 20*time.Second), Trigger},
		{"taken long ago, and nothing was tried just now", Record{Open: true, Told: ago(10 * time.Minute)}, failing(time.Hour, 21*time.Second), Nothing},
		{"taken in a future that a wrong clock believed in", Record{Open: true, Told: ago(-time.Hour)}, failing(time.Hour, 0), Trigger},
		{"open since before a restart, failing again for a while", Record{Open: true, Told: ago(time.Hour)}, failing(time.Minute, 0), Nothing},
		{"back for a moment", Record{Open: true, Told: ago(time.Hour)}, Evidence{Accepting: ago(time.Minute - 1)}, Nothing},
		{"back", Record{Open: true, Told: ago(time.Hour)}, Evidence{Accepting: ago(time.Minute)}, Resolve},
		{"back, and nobody knows whether the trigger arrived", Record{Open: true}, Evidence{Accepting: ago(time.Minute)}, Resolve},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Decide(row.record, row.evidence, after, now); got != row.want {
				t.Errorf("found %q, expected %q", got, row.want)
			}
		})
	}
}

func TestEvidence(t *testing.T) {
	start := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	broken := errors.New("unreachable: connection refused\nby \x1b[2J")
	e := Evidence{}.Tried(at(0), at(1), nil).Tried(at(2), at(3), nil)
	if want := (Evidence{Accepting: at(1)}); e != want {
		t.Errorf("accepted twice: found %+v, expected %+v", e, want)
	}
	e = e.Tried(at(10), at(20), broken).Tried(at(30), at(40), broken)
	if want := (Evidence{Failing: at(10), Failed: at(40), Reason: "unreachable: connection refused by  [2J"}); e != want {
		t.Errorf("failed twice: found %+v, expected %+v", e, want)
	}
	if e, want := e.Tried(at(50), at(51), nil), (Evidence{Accepting: at(51)}); e != want {
		t.Errorf("accepted again: found %+v, expected %+v", e, want)
	}
}

func TestPause(t *testing.T) {
	for _, row := range []struct {
		failures int
		asked    time.Duration
		jitter   float64
		want     time.Duration
	}{
		{1, 0, 0, 2500 * time.Millisecond},
		{2, 0, 0.5, 7500 * time.Millisecond},
		{7, 0, 0, 150 * time.Second},
		{1000, 0, 0, 150 * time.Second},
		{1, time.Minute, 0.9, time.Minute},
	} {
		if got := pause(row.failures, row.asked, row.jitter); got != row.want {
			t.Errorf("pause(%d, %s, %v) = %s, expected %s", row.failures, row.asked, row.jitter, got, row.want)
		}
	}
}
