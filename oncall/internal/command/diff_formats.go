package command

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/internal/escape"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// section is one table of a comparison.
type section struct {
	title   string
	numbers []bool // the columns of figures
	rows    [][]string
	more    int // rows that are left out
}

// clockRows is how many moves around the changes of the clock are shown: they say that there is something to look at.
const clockRows = 10

// sections are the tables of a comparison that have anything.
func (c comparison) sections() []section {
	moved := section{title: "Whose shifts move", numbers: make([]bool, 4), rows: [][]string{{"person", "schedule", "was", "is"}}}
	for _, p := range c.People {
		moved.rows = append(moved.rows, []string{p.Person, p.Schedule, c.span(p.Was), c.span(p.Is)})
	}
	times := section{title: "Who is on call instead", numbers: make([]bool, 5), rows: [][]string{{"schedule", "from", "to", "was", "is"}}}
	for _, m := range c.Moves {
		times.rows = append(times.rows, c.move(m))
	}
	clocks := section{title: "And around the changes of the clock", numbers: times.numbers, rows: times.rows[:1:1]}
	for _, week := range c.Clocks {
		for _, m := range week.Moves {
			clocks.rows = append(clocks.rows, c.move(m))
		}
	}
	if over := len(clocks.rows) - 1 - clockRows; over > 0 {
		clocks.rows, clocks.more = clocks.rows[:1+clockRows], over
	}
	later := section{title: "And first after that", numbers: times.numbers, rows: times.rows[:1:1]}
	for _, m := range c.Later {
		later.rows = append(later.rows, c.move(m))
	}
	differs := section{title: "What else differs", numbers: make([]bool, 1), rows: [][]string{{"in the file"}}}
	for _, d := range c.Else {
		differs.rows = append(differs.rows, []string{d.String()})
	}
	all := []section{moved, times, c.load(), clocks, later, differs}
	return slices.DeleteFunc(all, func(s section) bool { return len(s.rows) == 1 })
}

// move is a row of who is on call instead.
func (c comparison) move(m report.Move) []string {
	return []string{m.Schedule, c.at(m.From), c.at(m.To), everybody(m.Before), everybody(m.After)}
}

// load is the table of what is asked of people of whom something else is asked.
func (c comparison) load() section {
	load := section{
		title: "What it asks of each", numbers: []bool{false, true, true, true, true, true},
		rows: [][]string{{"person", "hours", "nights", "weekends", "holidays", "back to back"}},
	}
	for _, l := range c.Loads {
		load.rows = append(load.rows, []string{
			l.Person, changed(rounded(l.Before.Hours), rounded(l.After.Hours)), changed(float64(l.Before.Nights), float64(l.After.Nights)),
			changed(float64(l.Before.Weekends), float64(l.After.Weekends)), changed(float64(l.Before.Holidays), float64(l.After.Holidays)),
			changed(float64(l.Before.BackToBack), float64(l.After.BackToBack)),
		})
	}
	return load
}

// changed shows a figure before and after, and by how much it has changed.
func changed(before, after float64) string {
	if before == after {
		return hours(before)
	}
	sign := "+"
	if after < before {
		sign = ""
	}
	return fmt.Sprintf("%s → %s (%s%s)", hours(before), hours(after), sign, hours(after-before))
}

// verdict is what the exit code says, in words; names are shown by show.
func (c comparison) verdict(show func(string) string) string {
	ahead := fmt.Sprintf("%s hours, until %s", hours(c.soon.To.Sub(c.soon.From).Hours()), c.at(c.soon.To))
	switch {
	case len(c.soon.People) == 0 && len(c.Else) > 0:
		return fmt.Sprintf("Nobody's next %s, change, but something else does: see what else differs.", ahead)
	case len(c.soon.People) == 0:
		return fmt.Sprintf("Nobody's next %s, change.", ahead)
	}
	return fmt.Sprintf("The next %s, change for: %s.", ahead, show(strings.Join(c.soon.People, ", ")))
}

// differs reports whether there is anything to tell.
func (c comparison) differs() bool { return !c.Empty() || len(c.soon.People) > 0 }

// unmoved says that no shift moves, and whether that is all.
func (c comparison) unmoved() string {
	if !c.differs() {
		return fmt.Sprintf("No difference from %s to %s.", c.at(c.from), c.at(c.to))
	}
	return fmt.Sprintf("No shift moves from %s to %s.", c.at(c.from), c.at(c.to))
}

// writeDiff writes a comparison for people.
func writeDiff(out io.Writer, c comparison) error {
	sections := c.sections()
	if len(c.Moves) == 0 {
		fmt.Fprintln(out, c.unmoved())
	} else {
		fmt.Fprintf(out, "From %s to %s, by tz database %s:\n", c.at(c.from), c.at(c.to), schedule.TZRelease)
	}
	for _, s := range sections {
		fmt.Fprintf(out, "\n%s\n", s.title)
		rows := s.rows
		if len(rows[0]) == 1 {
			rows = rows[1:] // a list needs no head
		}
		if err := writeColumns(out, "  ", rows); err != nil {
			return err
		}
		if s.more > 0 {
			fmt.Fprintf(out, "  and %d more\n", s.more)
		}
	}
	if len(sections) > 0 {
		fmt.Fprintln(out)
	}
	plain := func(s string) string { return s }
	_, err := fmt.Fprintln(out, c.paint(c.verdict(plain)))
	return err
}

// paint makes the verdict green, or red when somebody's next hours change, on a terminal. It stays plain when there is
// something else to look at.
func (c comparison) paint(text string) string {
	switch {
	case !c.colour, len(c.soon.People) == 0 && len(c.Else) > 0:
		return text
	case len(c.soon.People) == 0:
		return "\x1b[32m" + text + "\x1b[0m"
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

// writeDiffMarkdown writes a comparison for a pull request.
func writeDiffMarkdown(out io.Writer, c comparison) error {
	fmt.Fprintf(out, "### On call: %s against %s\n\n", escape.Markdown(c.new), escape.Markdown(c.old))
	verdict := c.verdict(escape.Markdown)
	if len(c.soon.People) > 0 {
		verdict = "**" + verdict + "**"
	}
	if len(c.Moves) == 0 {
		verdict = c.unmoved() + " " + verdict
	}
	fmt.Fprintln(out, verdict)
	sections := c.sections()
	if len(sections) == 0 {
		return nil
	}
	for _, s := range sections {
		fmt.Fprintf(out, "\n#### %s\n\n", s.title)
		if err := writeTableMarkdown(out, s.numbers, s.rows); err != nil {
			return err
		}
		if s.more > 0 {
			fmt.Fprintf(out, "\nAnd %d more.\n", s.more)
		}
	}
	_, err := fmt.Fprintf(out, "\nFrom %s to %s, by tz database %s. Nights are 22:00 to 07:00 of the person's own zone.\n", c.at(c.from), c.at(c.to), schedule.TZRelease)
	return err
}

// diffJSON is a comparison for scripts.
type diffJSON struct {
	Old     string              `json:"old"`
	New     string              `json:"new"`
	TZ      string              `json:"tz"`
	From    time.Time           `json:"from"`
	To      time.Time           `json:"to"`
	Differs bool                `json:"differs"` // anything at all
	Moves   []moveJSON          `json:"moves"`
	People  []personJSON        `json:"people"`
	Loads   []loadJSON          `json:"loads"`
	Clocks  []clockJSON         `json:"clocks"`
	Later   []moveJSON          `json:"later"`
	Else    []report.Difference `json:"else"`
	Soon    soon                `json:"soon"`
}

type clockJSON struct {
	At    time.Time  `json:"at"`
	From  time.Time  `json:"from"`
	To    time.Time  `json:"to"`
	Moves []moveJSON `json:"moves"`
}

type moveJSON struct {
	Schedule string    `json:"schedule"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Before   []string  `json:"before"`
	After    []string  `json:"after"`
}

type personJSON struct {
	Person   string       `json:"person"`
	Schedule string       `json:"schedule"`
	Was      *report.Span `json:"was"` // null: the person gets this shift
	Is       *report.Span `json:"is"`  // null: the person loses it
}

type loadJSON struct {
	Person string      `json:"person"`
	Before report.Load `json:"before"`
	After  report.Load `json:"after"`
}

func writeDiffJSON(out io.Writer, c comparison) error {
	d := diffJSON{
		Old: c.old, New: c.new, TZ: schedule.TZRelease, From: c.from.In(c.zone), To: c.to.In(c.zone),
		Differs: c.differs(), Moves: c.moves(c.Moves), People: []personJSON{}, Loads: []loadJSON{}, Clocks: []clockJSON{}, Later: c.moves(c.Later),
		Else: append([]report.Difference{}, c.Else...),
		Soon: soon{From: c.soon.From.In(c.zone), To: c.soon.To.In(c.zone), People: c.soon.People},
	}
	for _, w := range c.Clocks {
		d.Clocks = append(d.Clocks, clockJSON{w.At.In(c.zone), w.From.In(c.zone), w.To.In(c.zone), c.moves(w.Moves)})
	}
	for _, p := range c.People {
		d.People = append(d.People, personJSON{p.Person, p.Schedule, c.in(p.Was), c.in(p.Is)})
	}
	for _, l := range c.Loads {
		d.Loads = append(d.Loads, loadJSON(l))
	}
	return json.NewEncoder(out).Encode(d)
}

// moves are moves in the zone of the newer version.
func (c comparison) moves(of []report.Move) []moveJSON {
	moves := []moveJSON{}
	for _, m := range of {
		moves = append(moves, moveJSON{m.Schedule, m.From.In(c.zone), m.To.In(c.zone), m.Before, m.After})
	}
	return moves
}

// in is a span in the zone of the newer version.
func (c comparison) in(s *report.Span) *report.Span {
	if s == nil {
		return nil
	}
	return &report.Span{From: s.From.In(c.zone), To: s.To.In(c.zone)}
}
