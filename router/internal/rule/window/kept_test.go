package window_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/router/internal/rule/window"
)

// TestARingGoesOn stores a ring at some moment and lets another go on from it, later or after the clock was put back; with the
// same samples both are alike from then on, and alike to a count by brute force.
func TestARingGoesOn(t *testing.T) {
	shape, err := window.NewShape(tiers, lengths)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		now := epoch
		first := window.NewRing(shape, now)
		var samples []sample
		add := func(r *window.Ring, s sample) { r.Advance(now); r.Add(s.at, s.bad) }
		draw := func() sample {
			late := time.Duration(rapid.Int64Range(0, int64(80*time.Hour)).Draw(t, "late"))
			if rapid.Bool().Draw(t, "recent") {
				late /= 1000
			}
			return sample{at: now.Add(-late), bad: rapid.Bool().Draw(t, "bad")}
		}
		pauses := rapid.SampledFrom([]time.Duration{0, time.Second, 40 * time.Second, 7 * time.Minute, 2 * time.Hour, 80 * time.Hour})
		for range rapid.IntRange(0, 100).Draw(t, "before") {
			now = now.Add(pauses.Draw(t, "pause"))
			s := draw()
			samples = append(samples, s)
			add(first, s)
		}
		text, err := json.Marshal(first.Keep())
		if err != nil {
			t.Fatal(err)
		}
		var kept window.Kept
		if err := json.Unmarshal(text, &kept); err != nil {
			t.Fatal(err)
		}
		now = now.Add(pauses.Draw(t, "away"))
		second := window.NewRing(shape, now)
		if err := second.Recall(kept); err != nil {
			t.Fatal(err)
		}
		first.Advance(now)
		for range rapid.IntRange(0, 50).Draw(t, "after") {
			for i, length := range lengths {
				step := time.Minute
				if length > 6*time.Hour {
					step = 5 * time.Minute
				}
				want, wantCovered := model(samples, now, length, step)
				covered, _ := second.Covered(i)
				if got := second.Sum(i); got != want || covered != wantCovered || got != first.Sum(i) {
					t.Fatalf("window %s = %+v, %d buckets covered; brute force %+v, %d, the first ring %+v", length, got, covered, want, wantCovered, first.Sum(i))
				}
			}
			now = now.Add(pauses.Draw(t, "pause"))
			s := draw()
			samples = append(samples, s)
			add(first, s)
			add(second, s)
		}
	})
}

// TestARingWhoseClockWasAheadGoesOn: what was counted at a time that has not come yet is not lost, and hides nothing.
func TestARingWhoseClockWasAheadGoesOn(t *testing.T) {
	shape, err := window.NewShape([]window.Tier{{Step: time.Minute, Span: time.Hour}}, []time.Duration{5 * time.Minute, time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ahead := window.NewRing(shape, epoch.Add(30*time.Minute))
	ahead.Add(epoch.Add(30*time.Minute), true) // of a sender whose clock is ahead too
	ahead.Add(epoch.Add(-2*time.Minute), true)
	ring := window.NewRing(shape, epoch)
	if err := ring.Recall(ahead.Keep()); err != nil {
		t.Fatal(err)
	}
	ring.Add(epoch, false)
	if got, want := ring.Sum(0), (window.Counts{Bad: 2, Total: 3}); got != want {
		t.Errorf("the last five minutes hold %+v, want %+v", got, want)
	}
}

func TestRecallRefuses(t *testing.T) {
	shape, err := window.NewShape([]window.Tier{{Step: time.Minute, Span: time.Hour}}, []time.Duration{5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	minute, head := int64(time.Minute), epoch.Unix()/60
	numbers := func(all ...uint64) (buckets []byte) {
		for _, n := range all {
			buckets = binary.AppendUvarint(buckets, n)
		}
		return buckets
	}
	good := window.KeptTier{Step: minute, Head: head, Buckets: numbers(0, 3, 1)}
	for _, tt := range []struct {
		name string
		tier window.KeptTier
		want uint64 // total of the window; 0 with an error
		err  bool
	}{
		{"what is good", good, 3, false},
		{"another step is left out", window.KeptTier{Step: 2 * minute, Head: head / 2, Buckets: numbers(0, 3, 1)}, 0, false},
		{"no step", window.KeptTier{Head: head}, 0, true},
		{"a head before the epoch", window.KeptTier{Step: minute, Head: -1}, 0, true},
		{"two numbers", window.KeptTier{Step: minute, Head: head, Buckets: numbers(0, 3)}, 0, true},
		{"a number that breaks off", window.KeptTier{Step: minute, Head: head, Buckets: []byte{0, 3, 0x80}}, 0, true},
		{"a number of more than 64 bits", window.KeptTier{Step: minute, Head: head, Buckets: bytes.Repeat([]byte{0xff}, 30)}, 0, true},
		{"an age before the epoch", window.KeptTier{Step: minute, Head: head, Buckets: numbers(uint64(head)+1, 3, 1)}, 0, true},
		{"more bad than there are", window.KeptTier{Step: minute, Head: head, Buckets: numbers(0, 3, 4)}, 0, true},
		{"a bucket of none", window.KeptTier{Step: minute, Head: head, Buckets: numbers(0, 0, 0)}, 0, true},
		{"more than a bucket holds", window.KeptTier{Step: minute, Head: head, Buckets: numbers(0, 1<<32, 4)}, 0, true},
		{"twice as much as a bucket holds: the second is left out", window.KeptTier{Step: minute, Head: head, Buckets: numbers(0, 1<<32-1, 4, 0, 2, 1)}, 1<<32 - 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ring := window.NewRing(shape, epoch)
			err := ring.Recall(window.Kept{Tiers: []window.KeptTier{tt.tier}})
			if (err != nil) != tt.err || ring.Sum(0).Total != tt.want {
				t.Errorf("error %v and %+v, want an error: %v, and %d", err, ring.Sum(0), tt.err, tt.want)
			}
			if err := ring.Recall(window.Kept{Tiers: []window.KeptTier{good, tt.tier}}); tt.err && (err == nil || ring.Sum(0).Total != 0) {
				t.Errorf("after something good: error %v and %+v, want an error and nothing counted", err, ring.Sum(0))
			}
		})
	}
}

// TestSeenGoesOn: what was seen before a restart is known after it.
func TestSeenGoesOn(t *testing.T) {
	const horizon = 10 * time.Minute
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.Int64Range(0, 2400), 0, 200).Draw(t, "seconds")
		cut := rapid.IntRange(0, len(seconds)).Draw(t, "cut")
		whole, parts := window.NewSeen(horizon), window.NewSeen(horizon)
		future := epoch.Add(24 * time.Hour)
		parts.MarkAhead(future)
		for i, second := range seconds {
			if i == cut {
				kept := parts.Keep()
				parts = window.NewSeen(horizon)
				parts.Recall(kept, epoch.Add(time.Hour))
				if got := parts.MarkAhead(future); got != window.Repeat {
					t.Fatalf("what came from the future is %v, want Repeat", got)
				}
			}
			at := epoch.Add(time.Duration(second) * time.Second)
			if want, got := whole.Mark(at), parts.Mark(at); got != want {
				t.Fatalf("%v after the restart, want %v", got, want)
			}
		}
	})
}

func TestSeenLeavesOutWhatCannotBe(t *testing.T) {
	before := window.NewSeen(time.Hour)
	before.Mark(epoch)
	good := before.Keep()
	for _, tt := range []struct {
		name string
		kept window.KeptSeen
		want window.Verdict
	}{
		{"what is good", good, window.Repeat},
		{"another horizon", window.KeptSeen{Head: good.Head, Bits: good.Bits[8:]}, window.New},
		{"nothing", window.KeptSeen{}, window.New},
		{"a time that has not come: the clock was ahead", window.KeptSeen{Head: epoch.Unix() + 100_000, Bits: good.Bits}, window.New},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := window.NewSeen(time.Hour)
			s.Recall(tt.kept, epoch.Add(30*time.Second))
			if got := s.Mark(epoch); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	t.Run("no more of what came ahead than is remembered", func(t *testing.T) {
		kept := good
		kept.Ahead = slices.Repeat([]int64{1}, 1000)
		s := window.NewSeen(time.Hour)
		s.Recall(kept, epoch)
		if got := len(s.Keep().Ahead); got != 128 {
			t.Errorf("%d, want 128", got)
		}
	})
}

// FuzzRecall goes on from anything: it is refused as a whole, or all that is within the ring's time counts.
func FuzzRecall(f *testing.F) {
	f.Add([]byte{0, 3, 1, 2, 1, 0}, int64(30_000_000))
	f.Add([]byte{0x80}, int64(0))
	shape, err := window.NewShape([]window.Tier{{Step: time.Minute, Span: time.Hour}}, []time.Duration{time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, buckets []byte, head int64) {
		ring := window.NewRing(shape, epoch)
		err := ring.Recall(window.Kept{Tiers: []window.KeptTier{{Step: int64(time.Minute), Head: head, Buckets: buckets}}})
		sum := ring.Sum(0)
		if covered, of := ring.Covered(0); err != nil && sum.Total > 0 || sum.Bad > sum.Total || covered > of || (covered == 0) != (sum.Total == 0) {
			t.Errorf("error %v and %+v in %d of %d buckets", err, sum, covered, of)
		}
	})
}
