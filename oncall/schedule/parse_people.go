package schedule

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxDelay bounds the delay of a channel.
const maxDelay = 24 * time.Hour

func (p *parser) people(raw map[string]rawPerson) {
	if len(raw) == 0 {
		p.refuse(nil, `at least one person, such as alice = { page = ["sms"] }`, "people")
	}
	for _, name := range inFileOrder(p, raw, "people") {
		r := raw[name]
		at := func(key string) []any { return []any{"people", name, key} }
		p.names[name] = true
		p.checkName(name, "a person", "people", name)
		zone := p.zone(r.Zone, at("zone")...)
		p.out.people = append(p.out.people, Person{
			Name:     name,
			Page:     p.channels(r.Page, at("page")...),
			Ticket:   p.channels(r.Ticket, at("ticket")...),
			Zone:     zone,
			Quiet:    p.ticketHours(r.Quiet, zone, at("quiet")),
			PTO:      p.pto(r.PTO, at("pto")),
			Holidays: p.daysOff(r.Holidays, zone, at("holidays")),
			Line:     p.source.Line("people", name),
		})
	}
}

// pto reads the name of a calendar file. It has no folder: the command is told in which one such files are.
func (p *parser) pto(name string, path []any) string {
	if name != "" && (!strings.HasSuffix(name, ".ics") || filepath.Base(name) != name || strings.HasPrefix(name, ".") || strings.ContainsFunc(name, isControl)) {
		p.refuse(name, `the name of a calendar file without a folder, such as "alice.ics"`, path...)
	}
	return name
}

// daysOff are the days of the lists that a person names, else of all lists.
func (p *parser) daysOff(raw any, zone *time.Location, path []any) []Day {
	listed := p.listed(raw, path)
	if raw == nil {
		for _, list := range p.lists {
			listed = append(listed, list...)
		}
		slices.Sort(listed)
		listed = slices.Compact(listed)
	}
	var days []Day
	for _, day := range listed {
		d := Day{From: day.first(zone), To: (day + minutesPerDay).first(zone)}
		if d.From.Before(d.To) {
			days = append(days, d)
		}
	}
	return days
}

func (p *parser) channels(texts []string, path ...any) []Channel {
	var channels []Channel
	for i, text := range texts {
		c, expected := parseChannel(text)
		if expected != "" {
			p.refuse(text, expected+p.suggest(c.Name, Channels()), append(slices.Clip(path), i)...)
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
	if !slices.Contains(Channels(), c.Name) {
		return c, "one of " + strings.Join(Channels(), ", ")
	}
	return c, ""
}
