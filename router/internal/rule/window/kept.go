package window

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Kept is what a [Ring] holds, in a form that can be stored. It names times, not places: a ring of another layout, or of
// another time, takes from it what it has room for.
type Kept struct {
	Tiers []KeptTier `json:"tiers"`
}

// KeptTier is one tier of a ring.
type KeptTier struct {
	Step    int64  `json:"step"`    // length of a bucket, nanoseconds
	Head    int64  `json:"head"`    // number of the newest bucket since the epoch
	Buckets []byte `json:"buckets"` // three uvarints for each that has samples: how many steps before the one before, or the head; total; bad
}

// Keep says what the ring holds.
func (r *Ring) Keep() Kept {
	var k Kept
	for i := range r.tiers {
		t := &r.tiers[i]
		kept := KeptTier{Step: r.shape.tiers[i].step, Head: t.head}
		last := int64(0)
		for age := range int64(len(t.buckets)) {
			if b := t.buckets[t.position(t.head-age)]; b.total > 0 {
				kept.Buckets = binary.AppendUvarint(kept.Buckets, uint64(age-last))
				kept.Buckets = binary.AppendUvarint(kept.Buckets, uint64(b.total))
				kept.Buckets = binary.AppendUvarint(kept.Buckets, uint64(b.bad))
				last = age
			}
		}
		k.Tiers = append(k.Tiers, kept)
	}
	return k
}

// Recall adds what another ring held. What lies after this ring's time counts as of now, because the clock was ahead then;
// what is too old for a tier, and a tier of a step that this ring has none of, is left out. An error says what cannot be; the
// ring is as before then.
func (r *Ring) Recall(k Kept) error {
	for i, kept := range k.Tiers {
		if err := kept.each(func(int64, Counts) {}); err != nil {
			return fmt.Errorf("tier %d: %w", i, err)
		}
	}
	for _, kept := range k.Tiers {
		for i := range r.tiers {
			if r.shape.tiers[i].step == kept.Step {
				_ = kept.each(func(number int64, c Counts) { r.count(i, number, c) }) // it was looked at already
			}
		}
	}
	return nil
}

// each calls do for each bucket with the number of its step. The error says what cannot be.
func (t KeptTier) each(do func(number int64, c Counts)) error {
	if t.Step <= 0 || t.Head < 0 {
		return fmt.Errorf("found a step of %d and a head of %d, expected more than 0, and 0 or more", t.Step, t.Head)
	}
	rest := t.Buckets
	next := func() uint64 {
		value, n := binary.Uvarint(rest)
		if n <= 0 {
			rest = nil
			return math.MaxUint64 // no number of a bucket is so large
		}
		rest = rest[n:]
		return value
	}
	number := t.Head
	for len(rest) > 0 {
		at := len(t.Buckets) - len(rest)
		age, total, bad := next(), next(), next()
		if age > uint64(number) || total < 1 || total > math.MaxUint32 || bad > total {
			return fmt.Errorf("byte %d of its buckets: found %d steps back, %d results and %d bad ones, expected at most %d steps, and no more bad ones than results", at, age, total, bad, number)
		}
		number -= int64(age)
		do(number, Counts{Total: total, Bad: bad})
	}
	return nil
}

// KeptSeen is what a [Seen] remembers, in a form that can be stored.
type KeptSeen struct {
	Head  int64   `json:"head"` // the newest second, since the epoch
	Bits  []byte  `json:"bits"` // one for each second of the horizon
	Ahead []int64 `json:"ahead,omitempty"`
}

// Keep says what is remembered.
func (s *Seen) Keep() KeptSeen {
	k := KeptSeen{Head: s.head, Ahead: append([]int64(nil), s.ahead...)}
	for _, word := range s.bits {
		k.Bits = binary.LittleEndian.AppendUint64(k.Bits, word)
	}
	return k
}

// Recall remembers what another Seen did, in the place of all that this one does. One of another horizon, or whose newest
// sample is later than latest, which no clock that was right has seen, changes nothing.
func (s *Seen) Recall(k KeptSeen, latest time.Time) {
	if len(k.Bits) != 8*len(s.bits) || k.Head < 0 || k.Head > latest.Unix() {
		return
	}
	for i := range s.bits {
		s.bits[i] = binary.LittleEndian.Uint64(k.Bits[8*i:])
	}
	s.head, s.ahead = k.Head, append([]int64(nil), k.Ahead[max(0, len(k.Ahead)-maxAhead):]...)
}
