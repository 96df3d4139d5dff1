package schedule_test

import (
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

// An answer five thousand years after `from` costs about what one costs after a year, see [BenchmarkWho]: never as much
// more as there are more years, days or turns between. Of several rounds the fastest counts, so that a busy machine says
// nothing.
func TestAnAnswerDoesNotCostMoreWithTheYears(t *testing.T) {
	const rounds, limit = 10, 50 // found: 1.3 to 4 times; a step for each year would be 5000 times
	for _, file := range ways() {
		f := mustParse(t, rotation(file.text))
		near := 20 * time.Millisecond // where the clock of the machine is coarse
		for range rounds {
			near = min(near, asked(t, f, 1, time.Hour))
		}
		within := limit * max(near, 100*time.Microsecond)
		far := within
		for range rounds {
			took := asked(t, f, 5000, within)
			if far = min(far, took); far < within || took > 10*within { // it is, or no busy machine is to blame
				break
			}
		}
		if far >= within {
			t.Fatalf("%s: after a year the answers take %s, after 5000 years at least %s", file.name, near, far)
		}
	}
}

// asked is how long 100 answers take, so many years on; it gives up after a time.
func asked(t *testing.T, f *schedule.File, years int, within time.Duration) time.Duration {
	t.Helper()
	at := time.Date(2026+years, 2, 1, 3, 0, 0, 0, time.UTC)
	begin := time.Now()
	for i := range 100 {
		if _, err := f.Who("api", at.Add(time.Duration(i)*8191*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if time.Since(begin) >= within {
			break
		}
	}
	return time.Since(begin)
}
