// Package schedule says when each check of a location is due, and which of them may start now.
//
// The app asks it in its loop. Everything here is a pure function of its arguments and of the times it is given:
// nothing here reads a clock, waits, or starts anything.
package schedule

import (
	"hash/fnv"
	"time"
)

// Phase is the offset of a check's starts within its interval, from 0 up to but not including interval, which must be
// above zero. It depends on nothing but its arguments: restarts and reloads keep it, the checks of a location spread
// over the interval, and the locations of a check do not knock at the same moment.
func Phase(check, location string, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(check))
	h.Write([]byte{0}) // so that no two pairs of names run together
	h.Write([]byte(location))
	return time.Duration(mix(h.Sum64()) % uint64(interval))
}

// mix spreads every bit of the hash over all others (the finalizer of MurmurHash3): names that differ in their last
// letter only would else get phases close to each other.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Next is the first start after now, and never now itself: the starts lie at phase past every whole multiple of
// interval since the Unix epoch. interval must be above zero and phase in [0, interval).
func Next(now time.Time, interval, phase time.Duration) time.Time {
	since := (now.UnixNano() - int64(phase)) % int64(interval) // since the latest start
	if since < 0 {
		since += int64(interval)
	}
	return now.Add(interval - time.Duration(since))
}
