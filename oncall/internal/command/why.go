package command

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"nezuban/oncall/schedule"
)

// why says for each schedule who is on call and which lines of the file make it so.
func why(args []string, w World) int {
	flags := flag.NewFlagSet("why", flag.ContinueOnError)
	name := flags.String("schedule", "", "")
	at := flags.String("at", "", "")
	asJSON := flags.Bool("json", false, "")
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	data, err := read(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	file, err := schedule.Parse(path, data)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	schedules, err := chosen(file, *name)
	if err != nil {
		return refuse(w, "why", err)
	}
	when, err := moment(*at, w, file.Zone())
	if err != nil {
		return refuse(w, "why", err)
	}
	text := source{path: path, lines: strings.Split(string(data), "\n")}
	for i, s := range schedules {
		x := explain(file, text, s, when.In(file.Zone()))
		switch {
		case *asJSON:
			err = printJSON(w, x)
		default:
			if i > 0 {
				fmt.Fprintln(w.Out)
			}
			_, err = fmt.Fprint(w.Out, x.text(text))
		}
		if err != nil {
			return refuse(w, "why", err)
		}
	}
	return exitOK
}

// source is the file as it is written.
type source struct {
	path  string
	lines []string
}

// line is what stands on a line, without what could steer a terminal; numbers begin with 1.
func (s source) line(number int) string {
	if number < 1 || number > len(s.lines) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.TrimSpace(s.lines[number-1]))
}

// explained is why some people are on call for a schedule at a time.
type explained struct {
	At       time.Time       `json:"at"`
	Schedule string          `json:"schedule"`
	People   []string        `json:"people"`
	Until    *time.Time      `json:"until"`
	TurnFrom *time.Time      `json:"turn_from"` // the handoff with which the turn begins; null when nobody is on call
	TurnTo   *time.Time      `json:"turn_to"`   // the next handoff; null when there is none
	Reasons  []reasonSource  `json:"reasons"`
	Absences []absenceSource `json:"absences,omitempty"` // who is taken out of the turn that decides, or of one above that is empty for it
	Tried    []lineSource    `json:"tried"`              // when nobody is on call: the lines of the schedule, none of which has anybody then

	owners []string // whose turn it is by the ring
}

// reasonSource is a reason with the text of the lines it names.
type reasonSource struct {
	schedule.Reason
	Text       string `json:"text"`
	ChangeText string `json:"change_text,omitempty"`
}

// absenceSource is an absence with the text of the lines it names.
type absenceSource struct {
	schedule.Absence
	Text       string `json:"text"`
	ChangeText string `json:"change_text"`
}

// lineSource is a line of the file.
type lineSource struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// explain collects what decides at a time, which is in the file's zone.
func explain(f *schedule.File, text source, name string, at time.Time) explained {
	x := explained{At: at, Schedule: name, People: []string{}, Reasons: []reasonSource{}, Tried: []lineSource{}}
	if answer, err := f.Who(name, at); err == nil {
		x.People, x.Until = answer.People, orNull(answer.Until, f.Zone())
	}
	for stint := range f.Stints(name, at, at.Add(1)) {
		x.TurnFrom, x.TurnTo, x.owners = orNull(stint.Begin, f.Zone()), orNull(stint.End, f.Zone()), stint.Owners
		for _, r := range stint.Reasons {
			x.Reasons = append(x.Reasons, reasonSource{Reason: r, Text: text.line(r.Line), ChangeText: text.line(r.ChangeLine)})
		}
	}
	for _, a := range f.Absences(name, at, at.Add(1)) {
		x.Absences = append(x.Absences, absenceSource{Absence: a, Text: text.line(a.Line), ChangeText: text.line(a.ChangeLine)})
	}
	if len(x.People) > 0 {
		return x
	}
	for _, l := range f.Lines() {
		if l.Schedule == name {
			x.Tried = append(x.Tried, lineSource{l.Number, text.line(l.Number)})
		}
	}
	return x
}

// text is the explanation as people read it.
func (x explained) text(s source) string {
	var out strings.Builder
	end := "further notice"
	if x.Until != nil {
		end = x.Until.Format(minute)
	}
	who := strings.Join(x.People, ", ")
	if who == "" {
		who = "nobody"
	}
	fmt.Fprintf(&out, "%s at %s: %s, until %s\n", x.Schedule, x.At.Format(minute), who, end)
	for _, r := range x.Reasons {
		x.reason(&out, s, r)
	}
	if len(x.Tried) > 0 {
		fmt.Fprintln(&out, "  no layer has anybody then:")
	}
	for _, l := range x.Tried {
		fmt.Fprintf(&out, "    %s:%d: %s\n", s.path, l.Line, l.Text)
	}
	x.absent(&out, s)
	return out.String()
}

// reason writes the chain from the layer to the person.
func (x explained) reason(out *strings.Builder, s source, r reasonSource) {
	fmt.Fprintf(out, "  %s\n", r.Person)
	if r.Layer != "" {
		owner := cmp.Or(r.Covers, r.Person)
		if away := x.away(r); len(away) > 0 {
			owner = together(x.owners)
		}
		fmt.Fprintf(out, "    layer %s, turn %d, is %s's", r.Layer, r.Turn, owner)
		if x.TurnFrom != nil {
			fmt.Fprintf(out, " from %s", x.TurnFrom.Format(minute))
		}
		if x.TurnTo != nil {
			fmt.Fprintf(out, " until %s", x.TurnTo.Format(minute))
		}
		fmt.Fprintf(out, "\n      %s:%d: %s\n", s.path, r.Line, r.Text)
	}
	if away := x.away(r); len(away) > 0 {
		person := r.Person
		if r.Change != schedule.ChangeOff {
			person = r.Covers
		}
		are := "is"
		if len(x.owners) > 1 {
			are = "are"
		}
		fmt.Fprintf(out, "    %s %s off, and %s steps in\n", together(x.owners), are, person)
		for _, a := range away {
			fmt.Fprintf(out, "      %s:%d: %s\n", s.path, a.ChangeLine, a.ChangeText)
		}
	}
	if r.ChangeLine > 0 && r.Change != schedule.ChangeOff {
		place := ""
		if r.Covers != "" {
			place = " in place of " + r.Covers
		}
		fmt.Fprintf(out, "    a change puts %s there%s\n      %s:%d: %s\n", r.Person, place, s.path, r.ChangeLine, r.ChangeText)
	}
}

// together joins names as they are spoken: alice, bob and carol.
func together(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// away are the absences for which somebody steps in on whose account r is: all whose turn it is are off.
func (x explained) away(r reasonSource) []absenceSource {
	if r.Layer == "" || slices.Contains(x.owners, cmp.Or(r.Covers, r.Person)) && r.Change != schedule.ChangeOff {
		return nil
	}
	var away []absenceSource
	for _, a := range x.Absences {
		if a.Layer == r.Layer && a.Change == schedule.ChangeOff && !a.StepsIn {
			away = append(away, a)
		}
	}
	return away
}

// absent writes the chain from the layer to each person whom a change takes out of it, as far as no reason has told it.
func (x explained) absent(out *strings.Builder, s source) {
	for _, a := range x.Absences {
		if slices.ContainsFunc(x.Reasons, func(r reasonSource) bool { return x.tells(r, a) }) {
			continue
		}
		fmt.Fprintf(out, "  not %s\n", a.Person)
		whose := "is " + a.Person + "'s"
		if a.StepsIn {
			whose = "would pass to " + a.Person
		}
		fmt.Fprintf(out, "    layer %s, turn %d, %s\n      %s:%d: %s\n", a.Layer, a.Turn, whose, s.path, a.Line, a.Text)
		what := a.Person + " is off"
		switch {
		case a.Change == schedule.ChangeOff:
		case a.By == "":
			what = "a change leaves the time of " + a.Person + " to nobody, or to the layer below"
		default:
			what = fmt.Sprintf("a change puts %s there in place of %s", a.By, a.Person)
		}
		fmt.Fprintf(out, "    %s\n      %s:%d: %s\n", what, s.path, a.ChangeLine, a.ChangeText)
	}
}

// tells reports whether what is written of a reason names an absence.
func (x explained) tells(r reasonSource, a absenceSource) bool {
	if r.Layer != a.Layer {
		return false
	}
	if r.Change == a.Change && r.ChangeLine == a.ChangeLine && r.Covers == a.Person {
		return true
	}
	return slices.ContainsFunc(x.away(r), func(told absenceSource) bool { return told.Absence == a.Absence })
}
