package command

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"nezuban/oncall/internal/calendar"
	"nezuban/oncall/internal/escape"
	"nezuban/oncall/internal/month"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// rounded is a sum of hours as people read it: to a tenth. Programs get all of it.
func rounded(h float64) float64 { return math.Round(h*10) / 10 }

// hours shows a length of time with at most two places.
func hours(h float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(h, 'f', 2, 64), "0"), ".")
}

// rows are the shifts as cells, below a head.
func (l listing) rows() [][]string {
	rows := [][]string{{"schedule", "from", "to", "hours", "on call", "because of"}}
	for _, s := range l.clipped() {
		rows = append(rows, []string{s.Schedule, l.at(s.From), l.at(s.To), hours(s.Hours()), everybody(s.People), because(s, l.absences(s))})
	}
	return rows
}

// writeTable writes columns for people.
func writeTable(out io.Writer, l listing) error { return writeColumns(out, "", l.rows()) }

// writeMarkdown writes a table for an issue or a pull request.
func writeMarkdown(out io.Writer, l listing) error {
	return writeTableMarkdown(out, []bool{false, false, false, true, false, false}, l.rows())
}

// shiftLine is a shift for scripts.
type shiftLine struct {
	Schedule string            `json:"schedule"`
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	People   []string          `json:"people"` // empty for a gap
	Reasons  []schedule.Reason `json:"reasons"`
	UID      *string           `json:"uid"` // names the turn; null for a gap

	Absences []schedule.Absence `json:"absences,omitempty"` // which changes take somebody out of it
}

// writeJSON writes one object a line.
func writeJSON(out io.Writer, l listing) error {
	lines := json.NewEncoder(out)
	for _, s := range l.clipped() {
		line := shiftLine{Schedule: s.Schedule, From: s.From.In(l.zone), To: s.To.In(l.zone), People: s.People, Reasons: append([]schedule.Reason{}, s.Reasons...)}
		if s.UID != "" {
			line.UID = &s.UID
		}
		line.Absences = l.absences(s)
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// writeCSV writes a row for each person of a shift, and one without a person for a gap.
func writeCSV(out io.Writer, l listing) error {
	rows := csv.NewWriter(out)
	rows.UseCRLF = true // RFC 4180
	cells := [][]string{{"schedule", "from", "to", "hours", "person", "layer", "turn", "covers", "uid"}}
	for _, s := range l.clipped() {
		head := []string{escape.CSV(s.Schedule), s.From.In(l.zone).Format(time.RFC3339), s.To.In(l.zone).Format(time.RFC3339), hours(s.Hours())}
		for _, r := range s.Reasons {
			cells = append(cells, append(head[:4:4], escape.CSV(r.Person), escape.CSV(r.Layer), strconv.Itoa(r.Turn), escape.CSV(r.Covers), s.UID))
		}
		if len(s.Reasons) == 0 {
			cells = append(cells, append(head[:4:4], "", "", "", "", ""))
		}
	}
	return rows.WriteAll(cells)
}

// writeICal writes a calendar. Its events are whole, so that they stay as they are when a later run asks for a later
// time; only one without end ends where the time asked for does.
func writeICal(out io.Writer, l listing) error {
	events := []calendar.Event{}
	for _, s := range l.whole() {
		if len(s.People) == 0 {
			continue
		}
		events = append(events, event(s, l.absences(s), l.to))
	}
	name := "on call: " + strings.Join(l.schedules, ", ")
	if l.person != "" {
		name = "on call: " + l.person
	}
	return calendar.Write(out, name, l.now, events)
}

func event(s report.Shift, absences []schedule.Absence, limit time.Time) calendar.Event {
	if s.To.IsZero() {
		s.To = limit
	}
	var reasons []string
	for _, r := range s.Reasons {
		reasons = append(reasons, r.String())
	}
	for _, a := range absences {
		reasons = append(reasons, "not "+a.String())
	}
	return calendar.Event{
		UID: s.UID, From: s.From, To: s.To,
		Summary:     fmt.Sprintf("%s: %s", s.Schedule, everybody(s.People)),
		Description: strings.Join(reasons, "\n"),
	}
}

// writeMonths draws every month that the time asked for touches. A letter stands for the same people in all of them; where
// there are not enough letters for that, in all months of a schedule.
func writeMonths(out io.Writer, l listing) error {
	all := &month.Letters{}
	text := l.months(func() *month.Letters { return all })
	if all.TooFew() {
		text = l.months(func() *month.Letters { return &month.Letters{} })
	}
	_, err := io.WriteString(out, text)
	return err
}

// months draws them with letters that are asked for once for each schedule.
func (l listing) months(letters func() *month.Letters) string {
	var drawn []string
	for _, name := range l.schedules {
		known := letters()
		first, last := l.from.In(l.zone), l.to.Add(-1).In(l.zone)
		for m := 0; ; m++ {
			year, number := first.Year(), first.Month()+time.Month(m)
			if !schedule.Clock(year, number, 1, 0, 0, l.zone).Before(last) && m > 0 {
				break
			}
			day := time.Date(year, number, 1, 0, 0, 0, 0, time.UTC)
			drawn = append(drawn, month.Draw(l.file, name, day.Year(), day.Month(), l.zone, l.colour, known))
		}
	}
	return strings.Join(drawn, "\n")
}
