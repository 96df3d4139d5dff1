package schedule

import "time"

// File is a rotation file that has been accepted by [Parse].
type File struct {
	name      string
	zone      *time.Location
	people    map[string]Person
	schedules []rotation
	covers    []Cover
	policies  []Policy
	routes    []Route
}

// Person is one entry of [people].
type Person struct {
	Name   string
	Page   []Channel      // how a page reaches them, in file order; may be empty
	Ticket []Channel      // how a ticket reaches them, in file order; may be empty
	Zone   *time.Location // for what is shown to them; the file's zone unless they have their own
	Line   int            // of the entry in the file
}

// Channel is one way to reach a person.
type Channel struct {
	Name  string        // one of the Channel… names
	Delay time.Duration // from the start of the step; 0 is at once
}

// The channels that this release can send through.
const (
	ChannelPagerDuty = "pagerduty"
	ChannelSMS       = "sms"
	ChannelTerminal  = "terminal"
)

// Policy is one entry of [policy]: who is paged, in which order, and who when all of that has not helped.
type Policy struct {
	Name       string
	Steps      []Step        // at least one
	Repeat     int           // further passes after the first, 0 to 100
	Fallback   string        // a person; never empty
	AckTimeout time.Duration // an acknowledged page triggers again after it; 4 h unless the file says otherwise
	Line       int
}

// Step is one step of a [Policy].
type Step struct {
	Page []string      // people and schedules, at least one
	Wait time.Duration // until the next step, at least a second
}

// Route sends the incidents whose labels it matches to a policy.
type Route struct {
	Match  map[string]string // label to value, all of which must be equal; empty matches everything
	Policy string
	Line   int
}

// Cover is one change of the kind `cover`: somebody takes the time of one person on one schedule.
type Cover struct {
	On   string    // schedule
	By   string    // a person, or [Nobody]: the time is left to the layer below
	For  string    // the person whose time it is; nobody else's changes
	From time.Time // inclusive
	To   time.Time // exclusive
	Line int
}

// Nobody is the name that the file uses for an empty turn.
const Nobody = "-"
