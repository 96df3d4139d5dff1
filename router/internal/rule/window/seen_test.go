package window_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/router/internal/rule/window"
)

// TestSeenNeverCountsTwice marks samples in any order and compares with a plain set: a sample is new at most once, and
// always when it is within the horizon of the newest and was not there before.
func TestSeenNeverCountsTwice(t *testing.T) {
	const horizon = 10 * time.Minute // 640 s, rounded up to words
	rapid.Check(t, func(t *rapid.T) {
		s := window.NewSeen(horizon)
		set := map[int64]bool{}
		var newest int64
		for range rapid.IntRange(1, 300).Draw(t, "marks") {
			at := epoch.Add(time.Duration(rapid.Int64Range(0, 2400).Draw(t, "second")) * time.Second)
			newest = max(newest, at.Unix())
			want := window.New
			switch {
			case newest-at.Unix() >= 640:
				want = window.TooOld
			case set[at.Unix()]:
				want = window.Repeat
			}
			if got := s.Mark(at); got != want {
				t.Fatalf("Mark(%s) = %v, want %v", at, got, want)
			}
			set[at.Unix()] = true
		}
	})
}

func TestSeenAhead(t *testing.T) {
	s := window.NewSeen(time.Hour)
	future := epoch.Add(48 * time.Hour)
	if got := s.MarkAhead(future); got != window.New {
		t.Errorf("first: %v, want New", got)
	}
	if got := s.MarkAhead(future); got != window.Repeat {
		t.Errorf("again: %v, want Repeat", got)
	}
	if got := s.Mark(future); got != window.Repeat {
		t.Errorf("again, when its time has come: %v, want Repeat", got)
	}
	for i := range 128 {
		s.MarkAhead(future.Add(time.Duration(i+1) * time.Second))
	}
	if got := s.MarkAhead(future); got != window.New {
		t.Errorf("after 128 others: %v, want New, because memory is bounded", got)
	}
}
