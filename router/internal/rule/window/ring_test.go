package window_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/router/internal/rule/window"
)

var (
	epoch   = time.Date(2026, 11, 22, 10, 30, 17, 0, time.UTC)
	tiers   = []window.Tier{{Step: time.Minute, Span: 6 * time.Hour}, {Step: 5 * time.Minute, Span: 72 * time.Hour}}
	lengths = []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour}
)

// sample is what the slow model remembers of each sample.
type sample struct {
	at  time.Time
	bad bool
}

// model sums by going through all samples, with the buckets' meaning of a window.
func model(samples []sample, now time.Time, length, step time.Duration) (c window.Counts, covered int) {
	head := now.UnixNano() / int64(step)
	buckets := map[int64]bool{}
	for _, s := range samples {
		number := min(s.at.UnixNano()/int64(step), head)
		if head-number >= int64(length/step) {
			continue
		}
		buckets[number] = true
		c.Total++
		if s.bad {
			c.Bad++
		}
	}
	return c, len(buckets)
}

func TestRingEqualsBruteForce(t *testing.T) {
	shape, err := window.NewShape(tiers, lengths)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		now := epoch
		ring := window.NewRing(shape, now)
		var samples []sample
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			pause := rapid.SampledFrom([]time.Duration{0, time.Second, 40 * time.Second, 7 * time.Minute, 2 * time.Hour, 80 * time.Hour}).Draw(t, "pause")
			now = now.Add(pause)
			ring.Advance(now)
			for range rapid.IntRange(0, 8).Draw(t, "samples") {
				late := time.Duration(rapid.Int64Range(0, int64(80*time.Hour)).Draw(t, "late"))
				if rapid.Bool().Draw(t, "recent") {
					late /= 1000
				}
				s := sample{at: now.Add(-late), bad: rapid.Bool().Draw(t, "bad")}
				kept := ring.Add(s.at, s.bad)
				if old := late > 73*time.Hour; kept == old && (old || late < 71*time.Hour) {
					t.Fatalf("Add of a sample %s late = %v", late, kept)
				}
				samples = append(samples, s)
			}
			for i, length := range lengths {
				step := time.Minute
				if length > 6*time.Hour {
					step = 5 * time.Minute
				}
				want, wantCovered := model(samples, now, length, step)
				covered, _ := ring.Covered(i)
				if got := ring.Sum(i); got != want || covered != wantCovered {
					t.Fatalf("window %s = %+v, %d buckets covered; brute force %+v, %d", length, got, covered, want, wantCovered)
				}
			}
		}
	})
}

func TestRingTime(t *testing.T) {
	shape, err := window.NewShape([]window.Tier{{Step: time.Minute, Span: time.Hour}}, []time.Duration{5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		do   func(r *window.Ring)
		want window.Counts
	}{
		{"a sample from the future counts now and moves nothing", func(r *window.Ring) {
			r.Add(epoch.Add(time.Hour), true)
			r.Add(epoch, false)
		}, window.Counts{Bad: 1, Total: 2}},
		{"a clock that steps back keeps what there is", func(r *window.Ring) {
			r.Add(epoch, true)
			r.Advance(epoch.Add(-24 * time.Hour))
		}, window.Counts{Bad: 1, Total: 1}},
		{"a clock that leaps forward forgets all", func(r *window.Ring) {
			r.Add(epoch, true)
			r.Advance(epoch.Add(10 * 365 * 24 * time.Hour))
		}, window.Counts{}},
		{"a sample older than the ring is dropped", func(r *window.Ring) {
			if r.Add(epoch.Add(-2*time.Hour), true) {
				t.Error("Add says that it was kept")
			}
		}, window.Counts{}},
		{"a sample from before the epoch is old", func(r *window.Ring) { r.Add(time.Time{}, true) }, window.Counts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := window.NewRing(shape, epoch)
			tt.do(r)
			if got := r.Sum(0); got != tt.want {
				t.Errorf("sum = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNewShapeRefuses(t *testing.T) {
	tests := []struct {
		name    string
		tiers   []window.Tier
		windows []time.Duration
	}{
		{"a tier of no whole steps", []window.Tier{{Step: 7 * time.Minute, Span: time.Hour}}, nil},
		{"a tier without a step", []window.Tier{{Span: time.Hour}}, nil},
		{"a window longer than all tiers", tiers, []time.Duration{100 * time.Hour}},
		{"a window of no whole steps", tiers, []time.Duration{90 * time.Second}},
		{"no window at all", tiers, []time.Duration{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := window.NewShape(tt.tiers, tt.windows); err == nil {
				t.Error("no error")
			}
		})
	}
}
