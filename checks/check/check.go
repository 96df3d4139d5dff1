// Package check says what an HTTP(S) check is, what one location saw of it, and what several locations together
// make of it.
//
// The locations (nezuban-checks) parse the check file and turn each request into a [Result]; the router reads the
// results back from line protocol and asks [Quorum] for a [Verdict]. Both read the same file with [Parse].
// Everything here is a pure function of its arguments: nothing here sends a request, reads a clock or a disk.
package check

import "time"

// Check is one entry of the check file: a request, how often it is made, what must come back, and how many
// locations must agree before anybody is told. A Check from [Parse] is complete: every default is filled in. It is
// a value; its slices and its map are shared by copies and are not to be written.
type Check struct {
	Name     string            // unique in its file
	URL      string            // http or https; without user, password and fragment
	Method   string            // GET or HEAD
	Interval time.Duration     // from one start to the next at one location; at least MinInterval
	Timeout  time.Duration     // for the whole request, body included; above 0, at most Interval
	Status   Statuses          // status codes that count as up; never empty
	Quorum   int               // locations that must agree on down; 0 is the majority, see [Check.Need]
	Severity string            // page, ticket or info: of the alert when the check is down
	Labels   map[string]string // for routes and messages; nil when the file gives none
	Runbook  string            // URL of what to do when the check is down; "" for none

	// Locations, when not empty, are all the locations that make this check: one that has never spoken is known too,
	// and one that is not listed does not count. Empty, a location becomes known with its first result.
	Locations []string
}

// Defaults and bounds of the check file.
const (
	DefaultInterval = 30 * time.Second
	DefaultTimeout  = 10 * time.Second // or the interval, when that is shorter
	MinInterval     = time.Second
	MaxFileBytes    = 4 << 20 // of a check file; some tens of thousands of checks
)

// Fresh is how long a result of this check counts: a result older than this says nothing about now. It lets one
// result go missing before its location falls silent.
func (c Check) Fresh() time.Duration {
	return 2*c.Interval + c.Timeout
}
