package schedule

import "time"

// Limits are what a team has set itself in [limits]: the command's check judges the file by them. No answer depends on
// them. A zero is no limit.
type Limits struct {
	NightsRunning int           // most nights in a row of one person
	NightShare    int           // most of all nights that one person has, in percent
	Rest          time.Duration // least time between two times on call of one person
	Notice        time.Duration // least time before a change of who is on call, unless those whom it touches agree
	Line          int           // of the table; 0 without one
}

// Limits are the limits of the file.
func (f *File) Limits() Limits { return f.limits }

// Apart is a pair of schedules on which nobody may be on call at once, as `never_with` says.
type Apart struct {
	Schedule, Other string
	Line            int // of the `never_with`
}

// Apart lists the pairs of schedules that the file wants apart, in file order.
func (f *File) Apart() []Apart { return f.apart }
