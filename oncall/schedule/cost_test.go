package schedule_test

import (
	"testing"
	"time"
)

// An answer far from `from` must not be found by walking there. What it allocates tells, and is the same on every machine:
// each step of a walk makes something.
func TestTheCostOfAnAnswerDoesNotGrowWithTime(t *testing.T) {
	for _, file := range costly() {
		t.Run(file.name, func(t *testing.T) {
			f := mustParse(t, rotation(file.text))
			cost := func(years int) float64 {
				at := time.Date(2026+years, 2, 1, 3, 0, 0, 0, time.UTC)
				i := 0
				return testing.AllocsPerRun(60, func() {
					i++
					if _, err := f.Who("api", at.Add(time.Duration(i%60)*8191*time.Minute)); err != nil {
						t.Fatal(err)
					}
				})
			}
			if near, far := cost(1), cost(5000); far > 3*near+10 {
				t.Errorf("%.0f allocations after 5000 years, %.0f after one", far, near)
			}
		})
	}
}
