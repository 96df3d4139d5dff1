package schedule

import "time"

// DefaultAckTimeout is after how long an acknowledged page triggers again when its policy does not say.
const DefaultAckTimeout = 4 * time.Hour

// Policy is one entry of [policy]: who is told, in which order, and who when none of that has helped.
type Policy struct {
	Name       string
	Steps      []Step        // at least one
	Repeat     int           // further passes after the first, 0 to 100
	Fallback   string        // a person; never empty
	AckTimeout time.Duration // an acknowledged page triggers again after it; at least a second
	Hold       Hours         // in which tickets wait; pages never do
	Line       int
}

// Step is one step of a [Policy].
type Step struct {
	Page   []string      // people and schedules, at least one
	Rotate bool          // each time only one of Page is told, who comes after the one told last
	Wait   time.Duration // until the next step; at least a second
}

// Route sends the incidents whose labels it matches to a policy.
type Route struct {
	Match  map[string]string // label to value, all of which must be equal; empty matches everything
	Policy string            // name of a policy that the file has
	Line   int
}

// Matches reports whether the labels have every pair of the route.
func (r Route) Matches(labels map[string]string) bool {
	for label, want := range r.Match {
		if have, ok := labels[label]; !ok || have != want {
			return false
		}
	}
	return true
}
