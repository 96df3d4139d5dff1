package command

import (
	"encoding/json"
	"fmt"
	"io"
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
}

// sections are the tables of a comparison that has differences.
func (c comparison) sections() []section {
	moved := section{"Whose shifts move", []bool{false, false, false, false}, [][]string{{"person", "schedule", "was", "is"}}}
	for _, p := range c.People {
		moved.rows = append(moved.rows, []string{p.Person, p.Schedule, c.span(p.Was), c.span(p.Is)})
	}
	times := section{"Who is on call instead", []bool{false, false, false, false, false}, [][]string{{"schedule", "from", "to", "was", "is"}}}
	for _, m := range c.Moves {
		times.rows = append(times.rows, []string{m.Schedule, c.at(m.From), c.at(m.To), everybody(m.Before), everybody(m.After)})
	}
	load := section{"What it asks of each", []bool{false, true, true, true, true}, [][]string{{"person", "hours", "nights", "weekends", "back to back"}}}
	for _, l := range c.Loads {
		load.rows = append(load.rows, []string{
			l.Person, changed(l.Before.Hours, l.After.Hours), changed(float64(l.Before.Nights), float64(l.After.Nights)),
			changed(float64(l.Before.Weekends), float64(l.After.Weekends)), changed(float64(l.Before.BackToBack), float64(l.After.BackToBack)),
		})
	}
	return []section{moved, times, load}
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
	if len(c.soon.People) == 0 {
		return fmt.Sprintf("Nobody's next %s, change.", ahead)
	}
	return fmt.Sprintf("The next %s, change for: %s.", ahead, show(strings.Join(c.soon.People, ", ")))
}

// unmoved says that there are no differences.
func (c comparison) unmoved() string {
	return fmt.Sprintf("No shift moves from %s to %s.", c.at(c.from), c.at(c.to))
}

// writeDiff writes a comparison for people.
func writeDiff(out io.Writer, c comparison) error {
	if len(c.Moves) == 0 {
		fmt.Fprintln(out, c.unmoved())
	} else {
		fmt.Fprintf(out, "From %s to %s, by tz database %s:\n", c.at(c.from), c.at(c.to), schedule.TZRelease)
		for _, s := range c.sections() {
			fmt.Fprintf(out, "\n%s\n", s.title)
			if err := writeColumns(out, "  ", s.rows); err != nil {
				return err
			}
		}
		fmt.Fprintln(out)
	}
	plain := func(s string) string { return s }
	_, err := fmt.Fprintln(out, c.paint(c.verdict(plain)))
	return err
}

// paint makes the verdict green, or red when somebody's next hours change, on a terminal.
func (c comparison) paint(text string) string {
	switch {
	case !c.colour:
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
	if len(c.Moves) == 0 {
		_, err := fmt.Fprintf(out, "%s %s\n", c.unmoved(), verdict)
		return err
	}
	if len(c.soon.People) > 0 {
		verdict = "**" + verdict + "**"
	}
	fmt.Fprintln(out, verdict)
	for _, s := range c.sections() {
		fmt.Fprintf(out, "\n#### %s\n\n", s.title)
		if err := writeTableMarkdown(out, s.numbers, s.rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\nFrom %s to %s, by tz database %s. Nights are 22:00 to 07:00 of the person's own zone.\n", c.at(c.from), c.at(c.to), schedule.TZRelease)
	return err
}

// diffJSON is a comparison for scripts.
type diffJSON struct {
	Old    string       `json:"old"`
	New    string       `json:"new"`
	TZ     string       `json:"tz"`
	From   time.Time    `json:"from"`
	To     time.Time    `json:"to"`
	Moves  []moveJSON   `json:"moves"`
	People []personJSON `json:"people"`
	Loads  []loadJSON   `json:"loads"`
	Soon   soon         `json:"soon"`
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
		Moves: []moveJSON{}, People: []personJSON{}, Loads: []loadJSON{},
		Soon: soon{From: c.soon.From.In(c.zone), To: c.soon.To.In(c.zone), People: c.soon.People},
	}
	for _, m := range c.Moves {
		d.Moves = append(d.Moves, moveJSON{m.Schedule, m.From.In(c.zone), m.To.In(c.zone), m.Before, m.After})
	}
	for _, p := range c.People {
		d.People = append(d.People, personJSON{p.Person, p.Schedule, c.in(p.Was), c.in(p.Is)})
	}
	for _, l := range c.Loads {
		d.Loads = append(d.Loads, loadJSON(l))
	}
	return json.NewEncoder(out).Encode(d)
}

// in is a span in the zone of the newer version.
func (c comparison) in(s *report.Span) *report.Span {
	if s == nil {
		return nil
	}
	return &report.Span{From: s.From.In(c.zone), To: s.To.In(c.zone)}
}
