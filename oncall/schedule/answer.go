package schedule

import "time"

// Answer says who is on call for one schedule at one instant, for how long, and why.
type Answer struct {
	At       time.Time // the instant asked about
	Schedule string
	People   []string  // sorted; empty when nobody is on call
	Shadow   []string  // sorted; learners, paged only in copy
	Until    time.Time // first later instant at which People or Shadow differs, in the file's zone; zero: not within ten years
	Reasons  []Reason  // one for each of People, in their order
}

// Reason says why one person is on call.
type Reason struct {
	Person     string
	Layer      string // name of the layer
	Turn       int    // handoffs of that layer since its `from`
	Line       int    // where the layer stands in the file
	Covers     string // the person whose time it is, when a change put Person there
	ChangeLine int    // where that change stands; 0 without one
}
