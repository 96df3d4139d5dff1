package window

import (
	"slices"
	"time"
)

// maxAhead bounds how many samples from the future one sender has remembered.
const maxAhead = 128

// Seen remembers, to the second, which samples of one sender have been counted within a horizon, so that a batch that
// is sent again changes nothing. It takes one bit a second. The zero value is not usable; see [NewSeen].
type Seen struct {
	bits  []uint64
	head  int64   // newest second marked, since the epoch
	ahead []int64 // original times, in nanoseconds, of samples that came from the future
}

// NewSeen remembers samples as far back as the horizon, rounded up to 64 seconds.
func NewSeen(horizon time.Duration) *Seen {
	words := (int64(horizon/time.Second) + 63) / 64
	return &Seen{bits: make([]uint64, max(words, 1))}
}

// Verdict is what [Seen.Mark] makes of a sample.
type Verdict int

// The verdicts.
const (
	New    Verdict = iota // not seen before: count it
	Repeat                // seen already
	TooOld                // beyond the horizon: it cannot be told whether it was seen
)

// Mark remembers the sample of the second of at, and says whether it is new.
func (s *Seen) Mark(at time.Time) Verdict {
	if slices.Contains(s.ahead, at.UnixNano()) {
		return Repeat
	}
	second := max(at.Unix(), 0)
	s.turn(second)
	if s.head-second >= s.size() {
		return TooOld
	}
	word, bit := second%s.size()/64, uint64(1)<<(second%64)
	if s.bits[word]&bit != 0 {
		return Repeat
	}
	s.bits[word] |= bit
	return New
}

// MarkAhead does the same for a sample from so far in the future that its time means nothing: it is known again by
// that very time, if it comes again among the next 128 of its kind.
func (s *Seen) MarkAhead(original time.Time) Verdict {
	at := original.UnixNano()
	if slices.Contains(s.ahead, at) {
		return Repeat
	}
	if len(s.ahead) == maxAhead {
		s.ahead = slices.Delete(s.ahead, 0, 1)
	}
	s.ahead = append(s.ahead, at)
	return New
}

func (s *Seen) size() int64 { return int64(len(s.bits)) * 64 }

// turn makes second the newest one, forgetting those that leave the horizon.
func (s *Seen) turn(second int64) {
	if second-s.head >= s.size() {
		clear(s.bits)
		s.head = second
		return
	}
	for s.head < second {
		s.head++
		s.bits[s.head%s.size()/64] &^= uint64(1) << (s.head % 64)
	}
}
