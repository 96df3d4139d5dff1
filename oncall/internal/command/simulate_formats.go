package command

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"nezuban/oncall/internal/escape"
	"nezuban/oncall/internal/replay"
	"nezuban/oncall/internal/report"
)

// before and after are the first version and the last, which may be one.
func (s simulation) before() version { return s.versions[0] }
func (s simulation) after() version  { return s.versions[len(s.versions)-1] }
func (s simulation) compares() bool  { return len(s.versions) > 1 }

// people are those of the older version in file order, then those who are new.
func (s simulation) people() []string {
	var names []string
	seen := map[string]bool{}
	for _, v := range s.versions {
		for _, p := range v.file.People() {
			if !seen[p.Name] {
				names = append(names, p.Name)
			}
			seen[p.Name] = true
		}
	}
	return names
}

// load are the people as cells, below a head. With two versions, figures that change show both.
func (s simulation) load() [][]string {
	rows := [][]string{{"person", "woken", "at night", "hours"}}
	for _, name := range s.people() {
		was, is := s.before().People[name], s.after().People[name]
		rows = append(rows, []string{
			name, changed(float64(was.Woken), float64(is.Woken)), changed(float64(was.AtNight), float64(is.AtNight)), clockHours(is.Hours),
		})
	}
	return rows
}

// clockHours shows the hours in which somebody is woken, and how often if that is more than once: "03 22×4".
func clockHours(count [24]int) string {
	var shown []string
	for hour, n := range count {
		switch {
		case n == 1:
			shown = append(shown, fmt.Sprintf("%02d", hour))
		case n > 1:
			shown = append(shown, fmt.Sprintf("%02d×%d", hour, n))
		}
	}
	return strings.Join(shown, " ")
}

// reach says after how long somebody is reached, rows for each version.
func (s simulation) reach() [][]string {
	rows := [][]string{{"file", "of", "reached", "median", "90 % within", "longest", "nobody"}}
	for _, v := range s.versions {
		rows = append(rows, reachRow(v.name, "pages", v.Pages), reachRow(v.name, "tickets", v.Tickets))
	}
	return rows
}

func reachRow(name, of string, r replay.Reach) []string {
	row := []string{name, of, strconv.Itoa(r.Count), "-", "-", "-", strconv.Itoa(r.Nobody)}
	if r.Count > 0 {
		row[3], row[4], row[5] = r.Median.String(), r.P90.String(), r.Most.String()
	}
	return row
}

// others are the incidents in which other people would have been woken, or somebody reached at another time.
func (s simulation) others() [][]string {
	rows := [][]string{{"incident", "at", "was", "is"}}
	for i, was := range s.before().outcomes {
		if is := s.after().outcomes[i]; was.Differ(is) {
			rows = append(rows, []string{was.ID, was.At.In(s.zone).Format(minute), woken(was), woken(is)})
		}
	}
	return rows
}

// woken says who is woken at what hour of their own, and when somebody is reached.
func woken(o replay.Outcome) string {
	names := make([]string, 0, len(o.Woken))
	for _, w := range o.Woken {
		names = append(names, fmt.Sprintf("%s %s", w.Person, w.At.Format("15:04")))
	}
	who := everybody(names)
	if d, ok := o.ReachedAfter(); ok {
		return fmt.Sprintf("%s (reached after %s)", who, d)
	}
	return who
}

// span says which history has been looked at.
func (s simulation) span() string {
	outcomes := s.before().outcomes
	if len(outcomes) == 0 {
		return fmt.Sprintf("No incidents in %s.", s.log)
	}
	first, last := outcomes[0].At.In(s.zone), outcomes[len(outcomes)-1].At.In(s.zone)
	text := fmt.Sprintf("%d incidents from %s to %s.", len(outcomes), first.Format(minute), last.Format(minute))
	if n := s.after().Unmatched; n > 0 {
		taken := "its first policy"
		if len(s.after().file.Policies()) == 0 {
			taken = "the built-in policy"
		}
		text += fmt.Sprintf(" No route of %s matches %d of them: they take %s.", s.after().name, n, taken)
	}
	return text
}

// sections are the tables of a simulation.
func (s simulation) sections() []section {
	all := []section{
		{"Who is woken", []bool{false, true, true, false}, s.load(), 0},
		{"After how long somebody is reached", []bool{false, false, true, true, true, true, true}, s.reach(), 0},
	}
	if others := s.others(); s.compares() && len(others) > 1 {
		all = append(all, section{"Where that differs", []bool{false, false, false, false}, others, 0})
	}
	return all
}

// same says that two versions do the same.
const same = "Both files wake the same people at the same time."

func (s simulation) isSame() bool { return s.compares() && len(s.others()) == 1 }

func writeSimulation(out io.Writer, s simulation) error {
	fmt.Fprintln(out, s.span())
	for _, part := range s.sections() {
		fmt.Fprintf(out, "\n%s\n", part.title)
		if err := writeColumns(out, "  ", part.rows); err != nil {
			return err
		}
	}
	if s.isSame() {
		fmt.Fprintf(out, "\n%s\n", same)
	}
	return nil
}

func writeSimulationMarkdown(out io.Writer, s simulation) error {
	fmt.Fprintf(out, "### Who would have been woken\n\n%s\n", escape.Markdown(s.span()))
	for _, part := range s.sections() {
		fmt.Fprintf(out, "\n#### %s\n\n", part.title)
		if err := writeTableMarkdown(out, part.numbers, part.rows); err != nil {
			return err
		}
	}
	if s.isSame() {
		fmt.Fprintf(out, "\n%s\n", same)
	}
	return nil
}

// simulationLine is an incident for scripts.
type simulationLine struct {
	ID       string        `json:"id"`
	At       time.Time     `json:"at"`
	Severity string        `json:"severity"`
	Under    []outcomeJSON `json:"under"` // each file, in the order in which they were given
}

type outcomeJSON struct {
	File         string       `json:"file"`
	Policy       string       `json:"policy"`
	Matched      bool         `json:"matched"`       // false: no route matched
	ReachedAfter *float64     `json:"reached_after"` // seconds; null: nobody before it was over
	Woken        []wakingJSON `json:"woken"`
	Told         []toldJSON   `json:"told"`
}

type wakingJSON struct {
	Person  string    `json:"person"`
	At      time.Time `json:"at"` // on the person's own clock
	AtNight bool      `json:"at_night"`
}

type toldJSON struct {
	Person  string    `json:"person"`
	Channel string    `json:"channel"`
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
}

// writeSimulationJSON writes one object a line, an incident each.
func writeSimulationJSON(out io.Writer, s simulation) error {
	lines := json.NewEncoder(out)
	for i, inc := range s.before().outcomes {
		line := simulationLine{ID: inc.ID, At: inc.At.In(s.zone), Severity: inc.Severity}
		for _, v := range s.versions {
			line.Under = append(line.Under, underJSON(v, v.outcomes[i]))
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func underJSON(v version, o replay.Outcome) outcomeJSON {
	under := outcomeJSON{File: v.name, Policy: o.Policy, Matched: o.Matched, Woken: []wakingJSON{}, Told: []toldJSON{}}
	if d, ok := o.ReachedAfter(); ok {
		seconds := d.Seconds()
		under.ReachedAfter = &seconds
	}
	for _, w := range o.Woken {
		under.Woken = append(under.Woken, wakingJSON{w.Person, w.At, report.AtNight(w.At)})
	}
	for _, t := range o.Told {
		under.Told = append(under.Told, toldJSON{t.Person, t.Channel, t.At.In(v.file.Zone()), t.Why})
	}
	return under
}

// writeSimulationCSV writes a row for each waking.
func writeSimulationCSV(out io.Writer, s simulation) error {
	rows := csv.NewWriter(out)
	rows.UseCRLF = true // RFC 4180
	cells := [][]string{{"file", "incident", "at", "severity", "policy", "person", "woken_at"}}
	for _, v := range s.versions {
		for _, o := range v.outcomes {
			for _, w := range o.Woken {
				cells = append(cells, []string{
					escape.CSV(v.name), escape.CSV(o.ID), o.At.In(s.zone).Format(time.RFC3339), escape.CSV(o.Severity), escape.CSV(o.Policy),
					escape.CSV(w.Person), w.At.Format(time.RFC3339),
				})
			}
		}
	}
	return rows.WriteAll(cells)
}
