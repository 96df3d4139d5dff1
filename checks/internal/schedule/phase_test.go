package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNext(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	tests := []struct {
		name            string
		now             string
		interval, phase time.Duration
		want            string
	}{
		{"on the grid: the next one", "2026-11-22T12:00:00Z", 30 * time.Second, 0, "2026-11-22T12:00:30Z"},
		{"before the phase", "2026-11-22T12:00:00Z", 30 * time.Second, 7 * time.Second, "2026-11-22T12:00:07Z"},
		{"at the phase", "2026-11-22T12:00:07Z", 30 * time.Second, 7 * time.Second, "2026-11-22T12:00:37Z"},
		{"a nanosecond before", "2026-11-22T12:00:06.999999999Z", 30 * time.Second, 7 * time.Second, "2026-11-22T12:00:07Z"},
		{"an interval that divides no minute", "2026-11-22T12:00:00Z", 13 * time.Second, 0, "2026-11-22T12:00:02Z"},
		{"before the epoch", "1969-12-31T23:59:58Z", 30 * time.Second, time.Second, "1970-01-01T00:00:01Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Next(at(tt.now), tt.interval, tt.phase); !got.Equal(at(tt.want)) {
				t.Errorf("found %s, expected %s", got.Format(time.RFC3339Nano), tt.want)
			}
		})
	}
}

func TestNextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.Int64Range(int64(time.Second), int64(24*time.Hour)).Draw(t, "interval"))
		now := time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "now"))
		phase := Phase(rapid.String().Draw(t, "check"), rapid.String().Draw(t, "location"), interval)
		if phase < 0 || phase >= interval {
			t.Fatalf("phase %s of %s", phase, interval)
		}
		next := Next(now, interval, phase)
		if !next.After(now) || next.After(now.Add(interval)) {
			t.Fatalf("next is %s after now, interval %s", next.Sub(now), interval)
		}
		if again := Next(next, interval, phase); again.Sub(next) != interval {
			t.Fatalf("the start after the next is %s later", again.Sub(next))
		}
	})
}

// The checks of a location spread over the interval, and so do the locations of a check.
func TestPhaseSpreads(t *testing.T) {
	const n, slots = 2000, 20
	for _, tt := range []struct {
		name  string
		phase func(i int) time.Duration
	}{
		{"checks", func(i int) time.Duration { return Phase(fmt.Sprintf("check-%d", i), "tokyo", time.Minute) }},
		{"locations", func(i int) time.Duration { return Phase("check", fmt.Sprintf("location-%d", i), time.Minute) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var hits [slots]int
			for i := range n {
				hits[tt.phase(i)*slots/time.Minute]++
			}
			for slot, count := range hits {
				if count < n/slots/2 || count > n/slots*2 {
					t.Errorf("slot %d of %d has %d of %d", slot, slots, count, n)
				}
			}
		})
	}
}

// Phases must not change between releases: a deploy would move every check of every location at once.
func TestPhaseStays(t *testing.T) {
	if got, want := Phase("shop", "tokyo", 30*time.Second), 5055488814*time.Nanosecond; got != want {
		t.Errorf("found %d, expected %d", got, want)
	}
	if Phase("ab", "c", time.Hour) == Phase("a", "bc", time.Hour) {
		t.Error("names run together")
	}
}
