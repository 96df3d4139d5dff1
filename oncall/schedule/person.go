package schedule

import "time"

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

// Nobody is the name that the file uses for an empty turn.
const Nobody = "-"

// Wakes reports whether the channel can wake somebody: all but the terminal can.
func (c Channel) Wakes() bool { return c.Name != ChannelTerminal }

// NeedsAddress reports whether somebody can be reached on the channel only at an address of their own.
func (c Channel) NeedsAddress() bool { return c.Name != ChannelTerminal }
