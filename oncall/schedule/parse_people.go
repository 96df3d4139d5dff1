package schedule

import (
	"slices"
	"strings"
	"time"
)

// maxDelay bounds the delay of a channel.
const maxDelay = 24 * time.Hour

// builtChannels are the channels that this release sends through, laterChannels the other names of the format.
func builtChannels() []string { return []string{ChannelPagerDuty, ChannelSMS, ChannelTerminal} }
func laterChannels() []string { return []string{"call", "email", "slack", "webhook"} }

func (p *parser) people(raw map[string]rawPerson) {
	if len(raw) == 0 {
		p.refuse(nil, `at least one person, such as alice = { page = ["sms"] }`, "people")
	}
	for _, name := range inFileOrder(p, raw, "people") {
		r := raw[name]
		p.names[name] = true
		p.checkName(name, "a person", "people", name)
		p.notBuilt(r.Quiet, "people", name, "quiet")
		p.notBuilt(r.PTO, "people", name, "pto")
		p.out.people = append(p.out.people, Person{
			Name:   name,
			Page:   p.channels(r.Page, "people", name, "page"),
			Ticket: p.channels(r.Ticket, "people", name, "ticket"),
			Zone:   p.zone(r.Zone, "people", name, "zone"),
			Line:   p.source.Line("people", name),
		})
	}
}

func (p *parser) channels(texts []string, path ...any) []Channel {
	var channels []Channel
	for i, text := range texts {
		c, expected := parseChannel(text)
		if expected != "" {
			p.refuse(text, expected, append(slices.Clip(path), i)...)
			continue
		}
		channels = append(channels, c)
	}
	return channels
}

// parseChannel reads "sms" or "5m sms"; expected says what is wrong, in the words of a problem.
func parseChannel(text string) (c Channel, expected string) {
	c.Name = text
	if delay, name, ok := strings.Cut(text, " "); ok {
		d, err := time.ParseDuration(delay)
		if err != nil || d < 0 || d > maxDelay {
			return c, `a channel, or a delay of at most 24h and a channel, such as "5m sms"`
		}
		c = Channel{Name: name, Delay: d}
	}
	names := strings.Join(builtChannels(), ", ")
	switch {
	case slices.Contains(builtChannels(), c.Name):
		return c, ""
	case slices.Contains(laterChannels(), c.Name):
		return c, "one of " + names + ": " + c.Name + " is not built yet"
	}
	return c, "one of " + names
}
