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
	Step    int64   `json:"step"`    // length of a bucket, nanoseconds
	Head    int64   `json:"head"`    // number of the newest bucket since the epoch
	Buckets []int64 `json:"buckets"` // three numbers for each that has samples: how many steps before the head, total, bad
}

// Keep says what the ring holds.
func (r *Ring) Keep() Kept {
	var k Kept
	for i := range r.tiers {
		t := &r.tiers[i]
		kept := KeptTier{Step: r.shape.tiers[i].step, Head: t.head}
		for age := range int64(len(t.buckets)) {
			if b := t.buckets[t.position(t.head-age)]; b.total > 0 {
				kept.Buckets = append(kept.Buckets, age, int64(b.total), int64(b.bad))
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
	if err := k.check(); err != nil {
		return err
	}
	for _, kept := range k.Tiers {
		for i := range r.tiers {
			if r.shape.tiers[i].step != kept.Step {
				continue
			}
			for at := 0; at < len(kept.Buckets); at += 3 {
				r.count(i, kept.Head-kept.Buckets[at], Counts{Total: uint64(kept.Buckets[at+1]), Bad: uint64(kept.Buckets[at+2])})
			}
		}
	}
	return nil
}

func (k Kept) check() error {
	for i, t := range k.Tiers {
		if t.Step <= 0 || t.Head < 0 || len(t.Buckets)%3 != 0 {
			return fmt.Errorf("tier %d: found step %d, head %d and %d numbers, expected a step above 0, a head of 0 or more, and three numbers a bucket", i, t.Step, t.Head, len(t.Buckets))
		}
		for at := 0; at < len(t.Buckets); at += 3 {
			age, total, bad := t.Buckets[at], t.Buckets[at+1], t.Buckets[at+2]
			if age < 0 || age > t.Head || total < 1 || total > math.MaxUint32 || bad < 0 || bad > total {
				return fmt.Errorf("tier %d, bucket %d: found age %d, total %d, bad %d, expected an age from 0 to %d, and as many bad as there are, or fewer", i, at/3, age, total, bad, t.Head)
			}
		}
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
