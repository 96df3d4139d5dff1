package command

import (
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"nezuban/oncall/internal/escape"
	"nezuban/oncall/internal/report"
)

// fairSpanDays is how far ahead fairness looks without --to: a year has every season and both changes of clocks.
const fairSpanDays = 52 * 7

// sharing is how a span of time is shared out.
type sharing struct {
	zone     *time.Location
	from, to time.Time
	people   []share // in file order
}

// share is what one person has of it. Share is the part of all hours that anybody has, in percent.
type share struct {
	Person string `json:"person"`
	Zone   string `json:"zone"` // in which nights, weekends and holidays are counted
	report.Load
	Share float64 `json:"share"`
}

// fairness counts what a span of time asks of each person.
func fairness(args []string, w World) int {
	flags := flag.NewFlagSet("fairness", flag.ContinueOnError)
	var span spanFlags
	span.define(flags)
	name := flags.String("schedule", "", "")
	format := flags.String("format", "table", "")
	asJSON := flags.Bool("json", false, "")
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	if *asJSON {
		*format = "json"
	}
	write, ok := fairFormats()[*format]
	if !ok {
		return refuse(w, "fairness", fmt.Errorf("--format: found %q, expected one of csv, json, markdown, table", *format))
	}
	file, err := loadRevision(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	schedules, err := chosen(file, *name)
	if err != nil {
		return refuse(w, "fairness", err)
	}
	s := sharing{zone: file.Zone()}
	if s.from, s.to, err = span.span(w.Now, fairSpanDays, s.zone); err != nil {
		return refuse(w, "fairness", err)
	}
	loads := report.Loads(file, schedules, s.from, s.to)
	total := 0.0
	for _, load := range loads {
		total += load.Hours
	}
	for _, p := range file.People() {
		one := share{Person: p.Name, Zone: p.Zone.String(), Load: loads[p.Name]}
		if total > 0 {
			one.Share = 100 * one.Hours / total
		}
		s.people = append(s.people, one)
	}
	if err := write(w.Out, s); err != nil {
		return refuse(w, "fairness", err)
	}
	return exitOK
}

func fairFormats() map[string]func(io.Writer, sharing) error {
	return map[string]func(io.Writer, sharing) error{"table": writeFair, "json": writeFairJSON, "csv": writeFairCSV, "markdown": writeFairMarkdown}
}

// rows are the people as cells, below a head.
func (s sharing) rows() [][]string {
	rows := [][]string{{"person", "hours", "share", "nights", "weekends", "holidays", "back to back", "zone"}}
	for _, p := range s.people {
		rows = append(rows, []string{
			p.Person, hours(rounded(p.Hours)), fmt.Sprintf("%.1f %%", p.Share), strconv.Itoa(p.Nights), strconv.Itoa(p.Weekends),
			strconv.Itoa(p.Holidays), strconv.Itoa(p.BackToBack), p.Zone,
		})
	}
	return rows
}

// span says which time has been looked at, and by which rules.
func (s sharing) span() string {
	return fmt.Sprintf("From %s to %s. Nights are 22:00 to 07:00; they, weekends and holidays count in the person's own zone when any part is served.",
		s.from.In(s.zone).Format(minute), s.to.In(s.zone).Format(minute))
}

func writeFair(out io.Writer, s sharing) error {
	if err := writeColumns(out, "", s.rows()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s\n", s.span())
	return err
}

func writeFairMarkdown(out io.Writer, s sharing) error {
	if err := writeTableMarkdown(out, []bool{false, true, true, true, true, true, true, false}, s.rows()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", s.span())
	return err
}

// writeFairJSON writes one object a line.
func writeFairJSON(out io.Writer, s sharing) error {
	for _, p := range s.people {
		if err := printJSON(World{Out: out}, p); err != nil {
			return err
		}
	}
	return nil
}

func writeFairCSV(out io.Writer, s sharing) error {
	rows := csv.NewWriter(out)
	rows.UseCRLF = true // RFC 4180
	cells := [][]string{{"person", "hours", "share", "nights", "weekends", "holidays", "back_to_back", "zone"}}
	for _, p := range s.people {
		cells = append(cells, []string{
			escape.CSV(p.Person), hours(p.Hours), hours(p.Share), strconv.Itoa(p.Nights), strconv.Itoa(p.Weekends),
			strconv.Itoa(p.Holidays), strconv.Itoa(p.BackToBack), p.Zone,
		})
	}
	return rows.WriteAll(cells)
}
