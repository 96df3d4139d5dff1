// Package daysoff reads the days off of people from calendar files (iCalendar, RFC 5545), as a personnel system exports
// them.
//
// The command nezuban-oncall check uses it for the finding "on call while away"; no answer about who is on call depends
// on it. It fetches nothing, and takes zones only from the tz database that package schedule embeds.
package daysoff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/teambition/rrule-go"

	"nezuban/oncall/schedule"
)

// Bounds of a calendar.
const (
	maxBytes = 4 << 20
	maxDays  = 10_000 // that one calendar has in the time asked about
)

// ReadFile reads the calendar at a path, see [Read].
func ReadFile(path string, zone *time.Location, from, to time.Time) ([]schedule.Day, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read calendar: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read calendar %s: %w", path, err)
	}
	days, err := Read(data, zone, from, to)
	if err != nil {
		return days, fmt.Errorf("read calendar %s: %w", path, err)
	}
	return days, nil
}

// Read gives the events of a calendar that have any time from one instant to another, in time order. Days and times
// without a zone are those of the given one; so are times of a zone that the tz database does not have. Cancelled events
// are left out, and recurring ones are repeated. The error names the first event that cannot be read; the others are
// there all the same.
func Read(data []byte, zone *time.Location, from, to time.Time) ([]schedule.Day, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("found more than %d bytes", maxBytes)
	}
	calendar, err := ics.ParseCalendar(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("found no iCalendar: %w", err)
	}
	r := reader{zone: zone, from: from, to: to}
	for _, e := range calendar.Events() {
		if err := r.event(e); err != nil && r.failed == nil {
			r.failed = fmt.Errorf("event %.100q: %w", value(e, ics.ComponentPropertySummary), err)
		}
		if len(r.days) > maxDays {
			return r.days[:maxDays], fmt.Errorf("found more than %d days off", maxDays)
		}
	}
	slices.SortFunc(r.days, func(a, b schedule.Day) int { return a.From.Compare(b.From) })
	return r.days, r.failed
}

// reader collects the days off of one calendar.
type reader struct {
	zone     *time.Location
	from, to time.Time
	days     []schedule.Day
	failed   error
}

func value(e *ics.VEvent, name ics.ComponentProperty) string {
	if p := e.GetProperty(name); p != nil {
		return p.Value
	}
	return ""
}

// moment is a time as a calendar writes it: what a wall shows, and where.
type moment struct {
	wall   time.Time // in UTC, but not an instant
	zone   *time.Location
	allDay bool
}

func (m moment) instant() time.Time {
	w := m.wall
	return schedule.Clock(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), m.zone).Add(time.Duration(w.Second()) * time.Second)
}

// add moves what the wall shows.
func (m moment) add(d time.Duration) moment {
	m.wall = m.wall.Add(d)
	return m
}

var errTime = errors.New("found a time that cannot be read")

// read reads a property that holds a day or a time.
func (r *reader) read(p *ics.IANAProperty) (moment, error) {
	m := moment{zone: r.zone}
	text, utc := strings.CutSuffix(p.Value, "Z")
	if utc {
		m.zone = time.UTC
	} else if names := p.ICalParameters[string(ics.ParameterTzid)]; len(names) > 0 {
		if zone, err := schedule.LoadZone(names[0]); err == nil {
			m.zone = zone
		}
	}
	form := "20060102T150405"
	if m.allDay = len(text) == len("20060102"); m.allDay {
		form, m.zone = "20060102", r.zone
	}
	wall, err := time.Parse(form, text)
	if err != nil {
		return m, fmt.Errorf("%w: %.40q", errTime, p.Value)
	}
	if wall.Year() < firstYear || wall.Year() > lastYear {
		return m, fmt.Errorf("found %.40q, expected a year from %d to %d", p.Value, firstYear, lastYear)
	}
	m.wall = wall
	return m, nil
}

// The years in which days off are; outside of them calendars have mistakes, and the library for repetitions has holes.
const firstYear, lastYear = 1900, 2200

// event takes in one event and its repetitions.
func (r *reader) event(e *ics.VEvent) error {
	if value(e, ics.ComponentPropertyStatus) == string(ics.ObjectStatusCancelled) {
		return nil
	}
	begins := e.GetProperty(ics.ComponentPropertyDtStart)
	if begins == nil {
		return errors.New("found no DTSTART")
	}
	start, err := r.read(begins)
	if err != nil {
		return err
	}
	length, err := r.length(e, start)
	if err != nil {
		return err
	}
	if length <= 0 {
		return nil
	}
	starts, err := r.starts(e, start, length)
	for _, p := range e.GetProperties(ics.ComponentPropertyRdate) {
		starts = append(starts, r.each(p)...)
	}
	for _, s := range starts {
		day := schedule.Day{From: s.instant(), To: s.add(length).instant()}
		if day.From.Before(r.to) && r.from.Before(day.To) {
			r.days = append(r.days, day)
		}
	}
	return err
}

// length is how long an event lasts on the wall.
func (r *reader) length(e *ics.VEvent, start moment) (time.Duration, error) {
	if ends := e.GetProperty(ics.ComponentPropertyDtEnd); ends != nil {
		end, err := r.read(ends)
		if err != nil {
			return 0, err
		}
		if end.zone != start.zone { // two walls: only instants can be compared
			return end.instant().Sub(start.instant()), nil
		}
		return end.wall.Sub(start.wall), nil
	}
	if text := value(e, ics.ComponentPropertyDuration); text != "" {
		return parseDuration(text)
	}
	if start.allDay {
		return 24 * time.Hour, nil
	}
	return 0, nil // RFC 5545 3.6.1: it ends as it begins
}

// starts are the beginnings of an event and of its repetitions, as far as they matter.
func (r *reader) starts(e *ics.VEvent, start moment, length time.Duration) ([]moment, error) {
	text := value(e, ics.ComponentPropertyRrule)
	if text == "" {
		return []moment{start}, nil
	}
	option, err := rrule.StrToROption(text)
	if err != nil || option.Freq > rrule.DAILY { // greater is more often
		return []moment{start}, fmt.Errorf("found a repetition %.100q, expected one by days, weeks, months or years", text)
	}
	// Repetitions follow the wall: they are reckoned as if all of it were in UTC, a day more on both sides.
	const slack = 36 * time.Hour
	option.Dtstart = start.wall
	if last := r.to.UTC().Add(slack); option.Until.IsZero() || option.Until.After(last) {
		option.Until = last
	}
	walls, err := repeated(*option, r.from.UTC().Add(-slack-length), r.to.UTC().Add(slack))
	if err != nil {
		return []moment{start}, fmt.Errorf("found a repetition %.100q: %w", text, err)
	}
	except := map[time.Time]bool{}
	for _, p := range e.GetProperties(ics.ComponentPropertyExdate) {
		for _, one := range r.each(p) {
			except[one.wall] = true
		}
	}
	var starts []moment
	for _, wall := range walls {
		if !except[wall] {
			m := start
			m.wall = wall
			starts = append(starts, m)
		}
	}
	return starts, nil
}

// each are the times of a property that may hold several; what is none, such as a period, is left out.
func (r *reader) each(p *ics.IANAProperty) []moment {
	var all []moment
	for one := range strings.SplitSeq(p.Value, ",") {
		single := *p
		single.Value = one
		if m, err := r.read(&single); err == nil {
			all = append(all, m)
		}
	}
	return all
}

// repeated are the times of a rule in a span. The library panics at some rules that it takes: that is an error too.
func repeated(option rrule.ROption, from, to time.Time) (times []time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			times, err = nil, fmt.Errorf("it cannot be followed: %v", p)
		}
	}()
	rule, err := rrule.NewRRule(option)
	if err != nil {
		return nil, err
	}
	return rule.Between(from, to, true), nil
}

// parseDuration reads a length such as P1W, P2D or PT8H30M (RFC 5545 3.3.6).
func parseDuration(text string) (time.Duration, error) {
	failed := fmt.Errorf("found a duration %.40q, expected one like P2D", text)
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "+"), "P")
	if !ok || rest == "" {
		return 0, failed
	}
	units := map[byte]time.Duration{'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}
	var total time.Duration
	for number := int64(-1); rest != ""; rest = rest[1:] {
		c := rest[0]
		switch unit, known := units[c]; {
		case c >= '0' && c <= '9' && number < 1_000_000:
			number = max(number, 0)*10 + int64(c-'0')
			continue
		case c == 'T' && number < 0:
			continue
		case known && number >= 0:
			total += time.Duration(number) * unit
			number = -1
			continue
		}
		return 0, failed
	}
	if total > 10*366*24*time.Hour || total < 0 {
		return 0, failed
	}
	return total, nil
}
