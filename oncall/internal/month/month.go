// Package month draws who is on call as a month on a page: one letter for three hours, eight letters a day.
//
// The command nezuban-oncall shifts prints it. It shows the shape of a month and no exact times; those stand in the
// table of shifts. It reads no clock.
package month

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

const (
	slots    = 8 // a day; each is a part of three hours on the wall's clock
	gap      = '.'
	outside  = ' ' // the file says nothing: the day is of another month
	letters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	tooMany  = '#'
	dayWidth = slots + 2
)

// Letters are which letter stands for whom. Whoever draws several months with the same letters can compare them. The zero
// value is ready; it is for one goroutine.
type Letters struct {
	groups []string // people who are on call together, in the order of their letters
}

// TooFew reports whether some people were drawn for whom no letter was left.
func (l *Letters) TooFew() bool { return len(l.groups) > len(letters) }

// Draw draws one month of a schedule on the wall of a zone. What is below it names the letters that are in it: people on
// call together have one of their own. A part in which nobody is on call, even for a minute, is a dot; else it shows who
// has most of it. With colour each letter has one, for a terminal.
func Draw(f *schedule.File, name string, year int, month time.Month, zone *time.Location, colour bool, known *Letters) string {
	d := &drawing{file: f, schedule: name, zone: zone, colour: colour, known: known, drawn: map[int]bool{}}
	var out strings.Builder
	fmt.Fprintf(&out, "%s, %s %d, %s, a letter for 3 hours\n", name, month, year, zone)
	for _, day := range []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
		fmt.Fprintf(&out, "%-*s", dayWidth, day)
	}
	trim(&out)
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC) // as a date only
	before := (int(first.Weekday()) + 6) % 7
	last := first.AddDate(0, 1, -1).Day()
	for monday := 1 - before; monday <= last; monday += 7 {
		d.week(&out, year, month, monday, last)
	}
	d.key(&out)
	return out.String()
}

// drawing is a month that is being drawn.
type drawing struct {
	file     *schedule.File
	schedule string
	zone     *time.Location
	colour   bool
	known    *Letters
	drawn    map[int]bool // which of the known groups
	nobody   bool         // a gap has been drawn
}

// week draws the numbers of seven days, and below them who is on call.
func (d *drawing) week(out *strings.Builder, year int, month time.Month, monday, last int) {
	var numbers, bars strings.Builder
	for day := monday; day < monday+7; day++ {
		if day < 1 || day > last {
			fmt.Fprintf(&numbers, "%*s", dayWidth, "")
			fmt.Fprintf(&bars, "%*s", dayWidth, "")
			continue
		}
		fmt.Fprintf(&numbers, "%-*d", dayWidth, day)
		for slot := range slots {
			from := schedule.Clock(year, month, day, slot*24/slots, 0, d.zone)
			to := schedule.Clock(year, month, day, (slot+1)*24/slots, 0, d.zone)
			bars.WriteString(d.paint(d.letter(from, to)))
		}
		bars.WriteString("  ")
	}
	out.WriteString(strings.TrimRight(numbers.String(), " ") + "\n")
	out.WriteString(strings.TrimRight(bars.String(), " ") + "\n")
}

// letter stands for who has most of a part of a day.
func (d *drawing) letter(from, to time.Time) rune {
	held := map[string]time.Duration{}
	best := ""
	for shift := range d.file.Shifts(d.schedule, from, to) {
		if len(shift.People) == 0 {
			d.nobody = true
			return gap
		}
		group := strings.Join(shift.People, ", ")
		held[group] += shift.To.Sub(shift.From)
		if held[group] > held[best] {
			best = group
		}
	}
	if best == "" {
		return outside // the clock has jumped over all of it
	}
	i := slices.Index(d.known.groups, best)
	if i < 0 {
		i = len(d.known.groups)
		d.known.groups = append(d.known.groups, best)
	}
	d.drawn[i] = true
	if i >= len(letters) {
		return tooMany
	}
	return rune(letters[i])
}

// key says what the letters mean.
func (d *drawing) key(out *strings.Builder) {
	others := false
	for _, i := range slices.Sorted(maps.Keys(d.drawn)) {
		if i >= len(letters) {
			others = true
			break
		}
		fmt.Fprintf(out, "%s %s\n", d.paint(rune(letters[i])), d.known.groups[i])
	}
	if others {
		fmt.Fprintf(out, "%c others\n", tooMany)
	}
	if d.nobody {
		fmt.Fprintf(out, "%s nobody for some or all of it\n", d.paint(gap))
	}
}

// paint gives a letter its colour: red is for gaps alone.
func (d *drawing) paint(letter rune) string {
	if !d.colour || letter == outside {
		return string(letter)
	}
	colour := 31
	if letter != gap {
		colour = 32 + max(0, strings.IndexRune(letters, letter))%5
	}
	return fmt.Sprintf("\x1b[%dm%c\x1b[0m", colour, letter)
}

// trim ends a line without blanks before its end.
func trim(out *strings.Builder) {
	text := strings.TrimRight(out.String(), " ")
	out.Reset()
	out.WriteString(text + "\n")
}
