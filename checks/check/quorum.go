package check

import "time"

// Verdict is what the locations together say about a check.
type Verdict string

// The verdicts. Down is the true of the check's alert, Up and Degraded are its false; Unknown is neither, and
// resolves nothing.
const (
	Up       Verdict = "up"       // enough locations see it up, and none that counts sees it down
	Down     Verdict = "down"     // a quorum of locations sees it down
	Degraded Verdict = "degraded" // it is not down, but at least one location, fewer than a quorum, says that it is
	Unknown  Verdict = "unknown"  // too many locations are silent to tell
)

// Need is how many locations must agree that c is down, out of known ones: the quorum that the file gives, or else
// the majority, floor(known/2)+1, which is 2 of 2, 2 of 3, 3 of 4, 3 of 5. At least 1.
func (c Check) Need(known int) int {
	if c.Quorum > 0 {
		return c.Quorum
	}
	return max(known, 0)/2 + 1
}

// Quorum says what latest, the newest result of each location, makes of c at now. It never sees more than these
// results: the same arguments give the same verdict.
//
// Each known location ([Check.Locations], or the keys of latest when the file lists none) has one voice:
//
//   - silent, if it has no result, if its result lies further than [Check.Fresh] from now (in the future too: a clock
//     that is wrong by that much is no witness), or if the location itself is sick ([Result.Sick]: its own resolver
//     or network failed, which says nothing about the target);
//   - up, if its result is a success;
//   - down, otherwise.
//
// Let q be [Check.Need]. The verdict is
//
//   - Down, when at least q locations say down;
//   - else, when so many say up that the silent ones could not make it q even if all of them said down: Up if nobody
//     says down, Degraded if somebody does;
//   - else Unknown.
//
// So one bad location wakes nobody while q is 2 or more, a location that falls silent neither opens nor resolves
// anything, and a resolve always rests on fresh successes. The rule engine (router) calls it for each result that
// arrives and for each tick.
func Quorum(c Check, latest map[string]Result, now time.Time) Verdict {
	v := count(c, latest, now)
	q := c.Need(v.known)
	switch {
	case v.down >= q:
		return Down
	case v.up == 0 || v.down+v.silent(q) >= q:
		return Unknown
	case v.down > 0:
		return Degraded
	default:
		return Up
	}
}

// voices counts what the known locations of a check say.
type voices struct{ known, up, down int }

// silent is how many locations could still say down. A quorum above the number of known locations means that some
// are yet to come: they are silent too.
func (v voices) silent(quorum int) int {
	return max(v.known, quorum) - v.up - v.down
}

func count(c Check, latest map[string]Result, now time.Time) voices {
	var v voices
	hear := func(location string) {
		v.known++
		r, spoken := latest[location]
		switch {
		case !spoken || r.Sick || now.Sub(r.Time).Abs() > c.Fresh():
		case r.OK():
			v.up++
		default:
			v.down++
		}
	}
	if len(c.Locations) > 0 {
		for _, location := range c.Locations {
			hear(location)
		}
		return v
	}
	for location := range latest {
		hear(location)
	}
	return v
}
