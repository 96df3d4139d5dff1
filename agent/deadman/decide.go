package deadman

import "time"

// Evidence is what the sender's own deliveries have shown. Either Failing or Accepting is set, or neither before the first
// one.
type Evidence struct {
	Failing   time.Time // when the first delivery that failed since the last accepted one began
	Failed    time.Time // when the newest of them ended
	Reason    string    // of the newest
	Accepting time.Time // when the first delivery was accepted since the last failed one
}

// Tried is the evidence after one more delivery; err is nil when the router accepted it.
func (e Evidence) Tried(began, ended time.Time, err error) Evidence {
	switch {
	case err != nil && e.Failing.IsZero():
		return Evidence{Failing: began, Failed: ended, Reason: clean(err.Error())}
	case err != nil:
		e.Failed, e.Reason = ended, clean(err.Error())
		return e
	case e.Accepting.IsZero():
		return Evidence{Accepting: ended}
	}
	return e
}

// Record is what must outlive the sender: without it nobody would resolve what an earlier run triggered.
type Record struct {
	Version int       `json:"version"`
	Open    bool      `json:"open"`           // a trigger was sent, or may have been, and no resolve was taken since
	Since   time.Time `json:"since,omitzero"` // since when the router accepted nothing, as the trigger said
	Told    time.Time `json:"told,omitzero"`  // when the last trigger was taken; zero: none was
}

// Action is what is to be sent.
type Action string

// The actions, as the Events API v2 calls them.
const (
	Nothing Action = ""
	Trigger Action = "trigger"
	Resolve Action = "resolve"
)

// The other lengths follow from after: with its default of 2 min a resolve waits 1 min, a trigger is said again after 10
// min, and only within 20 s of a delivery that failed.
func settling(after time.Duration) time.Duration { return after / 2 }
func again(after time.Duration) time.Duration    { return 5 * after }
func fresh(after time.Duration) time.Duration    { return after / 6 }

// Decide says what is to be sent at now.
//
// All senders share one key, so the first that resolves closes the alert of all. One that still gets nothing through must
// therefore say so again: where the alert is open that changes nothing, where another sender closed it, it opens anew. So
// that nobody is woken by a router that is back, a resolve waits until the router has accepted for a while without a
// failure, and a trigger is said again only on the heels of a delivery that failed: by the time one sender resolves, the
// others have seen the router back too.
func Decide(r Record, e Evidence, after time.Duration, now time.Time) Action {
	down := !e.Failing.IsZero() && now.Sub(e.Failing) >= after
	back := !e.Accepting.IsZero() && now.Sub(e.Accepting) >= settling(after)
	switch {
	case back && r.Open:
		return Resolve
	case !down:
		return Nothing
	case !r.Open || r.Told.IsZero():
		return Trigger
	case sinceTold(r, now) >= again(after) && now.Sub(e.Failed) <= fresh(after):
		return Trigger
	}
	return Nothing
}

// sinceTold is how long ago a trigger was taken. A time to come is of a clock that was wrong: it counts as long ago.
func sinceTold(r Record, now time.Time) time.Duration {
	if r.Told.After(now) {
		return 1<<63 - 1
	}
	return now.Sub(r.Told)
}

// Pauses between tries to tell.
const (
	firstPause = 5 * time.Second
	lastPause  = 5 * time.Minute
)

// pause is how long to wait after so many failed tries in a row, from 1. The receiver may ask for longer; jitter in [0,1)
// spreads many senders over the upper half.
func pause(failures int, asked time.Duration, jitter float64) time.Duration {
	full := lastPause
	if doublings := failures - 1; doublings < 6 {
		full = min(firstPause<<doublings, lastPause)
	}
	return max(full/2+time.Duration(jitter*float64(full/2)), asked)
}
