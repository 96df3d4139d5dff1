package schedule

import "time"

// Person is one entry of [people].
type Person struct {
	Name   string
	Page   []Channel      // how a page reaches them, in file order; may be empty
	Ticket []Channel      // how a ticket reaches them, in file order; may be empty
	Zone   *time.Location // for what is shown to them; the file's zone unless they have their own
	Quiet  Hours          // in which tickets for them wait
	PTO    string         // name of a calendar file of their days off, without a folder; "" for none

	// Holidays are the days off by law that the file lists for them, on the clock of their zone: those of the lists that
	// they name, else of all lists. In time order, each once.
	Holidays []Day
	Line     int // of the entry in the file
}

// Day is a day on the clock of a zone, from its first instant to that of the next. A day that the clock leaves out is
// none.
type Day struct {
	From, To time.Time // half-open
}

// Channel is one way to reach a person.
type Channel struct {
	Name  string        // one of the Channel… names
	Delay time.Duration // from the start of the step; 0 is at once
}

// The channels. A router says at its start, and in check-config, which of those in the file it cannot send through.
const (
	ChannelPagerDuty = "pagerduty"
	ChannelSMS       = "sms"
	ChannelCall      = "call"
	ChannelEmail     = "email"
	ChannelSlack     = "slack"
	ChannelWebhook   = "webhook"
	ChannelTerminal  = "terminal"
)

// Channels are the names of all channels.
func Channels() []string {
	return []string{ChannelPagerDuty, ChannelSMS, ChannelCall, ChannelEmail, ChannelSlack, ChannelWebhook, ChannelTerminal}
}

// Nobody is the name that the file uses for an empty turn.
const Nobody = "-"

// Wakes reports whether the channel wakes somebody who sleeps: PagerDuty, a text message and a call do. A mail and a
// message in Slack wait until they are read, and what a webhook does nobody knows.
func (c Channel) Wakes() bool {
	return c.Name == ChannelPagerDuty || c.Name == ChannelSMS || c.Name == ChannelCall
}

// NeedsAddress reports whether somebody can be reached on the channel only at an address of their own.
func (c Channel) NeedsAddress() bool { return c.Name != ChannelTerminal }
