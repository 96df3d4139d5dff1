package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"nezuban/oncall/schedule"
)

// Difference is a part of the file that is another than before. It moves no shift, but may change who is told.
type Difference struct {
	Of   string   `json:"of"`   // one of the Of… words
	Name string   `json:"name"` // of the person, the schedule…; empty where the file has only one
	What []string `json:"what"` // differs, such as "page channels"; or "new" or "gone" alone
}

// What a [Difference] may be of.
const (
	OfFile     = "file"
	OfHolidays = "holidays"
	OfLimits   = "limits"
	OfPerson   = "person"
	OfPolicy   = "policy"
	OfRoute    = "route"
	OfSchedule = "schedule"
)

// String is such as "policy api: steps" or, of a person, "bob: page channels".
func (d Difference) String() string {
	what := strings.Join(d.What, ", ")
	switch {
	case d.Of == OfPerson:
		return d.Name + ": " + what
	case d.Name == "":
		return d.Of + ": " + what
	}
	return d.Of + " " + d.Name + ": " + what
}

// Differences are what differs between two versions apart from who is on call. Who learns on the schedules is compared
// from one time to another, all else as it stands.
func Differences(before, after *schedule.File, schedules []string, from, to time.Time) []Difference {
	var found []Difference
	note := func(of, name string, what ...string) {
		if len(what) > 0 {
			found = append(found, Difference{of, name, what})
		}
	}
	if before.Zone().String() != after.Zone().String() {
		note(OfFile, "", "zone")
	}
	lists := holidayChanges(before, after)
	peopleChanges(before, after, lists, note)
	for _, name := range schedules {
		note(OfSchedule, name, scheduleChanges(before, after, name, from, to)...)
	}
	policyChanges(before, after, note)
	routeChanges(taken(before.Routes()), taken(after.Routes()), note)
	for _, list := range lists {
		note(OfHolidays, list.name, list.what()...)
	}
	note(OfLimits, "", limitChanges(before.Limits(), after.Limits())...)
	return found
}

// differing gives the names of the parts that differ, in order.
func differing(parts ...part) []string {
	var names []string
	for _, p := range parts {
		if !p.same {
			names = append(names, p.name)
		}
	}
	return names
}

type part struct {
	name string
	same bool
}

// eachOf calls for what either version has, by name: the order is that of the older version, then what is new.
func eachOf[T any](before, after []T, name func(T) string, both func(was, is T), gone, added func(T)) {
	for _, was := range before {
		if i := slices.IndexFunc(after, func(is T) bool { return name(is) == name(was) }); i >= 0 {
			both(was, after[i])
		} else {
			gone(was)
		}
	}
	for _, is := range after {
		if !slices.ContainsFunc(before, func(was T) bool { return name(is) == name(was) }) {
			added(is)
		}
	}
}

func peopleChanges(before, after *schedule.File, lists []listChange, note func(of, name string, what ...string)) {
	eachOf(before.People(), after.People(), func(p schedule.Person) string { return p.Name },
		func(was, is schedule.Person) {
			note(OfPerson, is.Name, differing(
				part{"page channels", slices.Equal(was.Page, is.Page)},
				part{"ticket channels", slices.Equal(was.Ticket, is.Ticket)},
				part{"zone", was.Zone.String() == is.Zone.String()},
				part{"quiet hours", was.Quiet.String() == is.Quiet.String()},
				part{"holidays", sameHolidays(was, is, lists)},
				part{"pto", was.PTO == is.PTO},
			)...)
		},
		func(was schedule.Person) { note(OfPerson, was.Name, "gone") },
		func(is schedule.Person) { note(OfPerson, is.Name, "new") },
	)
}

// sameHolidays reports whether two versions of a person have the same days off, apart from those that a list has got or
// lost: that is told of the list, once.
func sameHolidays(was, is schedule.Person, lists []listChange) bool {
	rest := func(p schedule.Person) []string {
		var days []string
		for _, d := range p.Holidays {
			day := d.From.In(p.Zone).Format(time.DateOnly)
			if !slices.ContainsFunc(lists, func(l listChange) bool { return l.has(day) }) {
				days = append(days, day)
			}
		}
		return days
	}
	return slices.Equal(rest(was), rest(is))
}

func scheduleChanges(before, after *schedule.File, name string, from, to time.Time) []string {
	switch {
	case !before.HasSchedule(name):
		return []string{"new"}
	case !after.HasSchedule(name):
		return []string{"gone"}
	}
	return differing(
		part{"who learns", !learnersDiffer(before, after, name, from, to)},
		part{"never_with", slices.Equal(apartFrom(before, name), apartFrom(after, name))},
	)
}

func learnersDiffer(before, after *schedule.File, name string, from, to time.Time) bool {
	if before.SameSchedule(after, name) {
		return false
	}
	for both := range sideBySide(before, after, name, from, to) {
		if both.learners {
			return true
		}
	}
	return false
}

func apartFrom(f *schedule.File, name string) []string {
	var others []string
	for _, a := range f.Apart() {
		if a.Schedule == name {
			others = append(others, a.Other)
		}
	}
	slices.Sort(others)
	return others
}

func policyChanges(before, after *schedule.File, note func(of, name string, what ...string)) {
	sameStep := func(a, b schedule.Step) bool {
		return slices.Equal(a.Page, b.Page) && a.Rotate == b.Rotate && a.Wait == b.Wait
	}
	first := func(f *schedule.File, p schedule.Policy) bool { return f.Policies()[0].Name == p.Name }
	eachOf(before.Policies(), after.Policies(), func(p schedule.Policy) string { return p.Name },
		func(was, is schedule.Policy) {
			note(OfPolicy, is.Name, differing(
				part{"steps", slices.EqualFunc(was.Steps, is.Steps, sameStep)},
				part{"repeat", was.Repeat == is.Repeat},
				part{"fallback", was.Fallback == is.Fallback},
				part{"ack_timeout", was.AckTimeout == is.AckTimeout},
				part{"hold", was.Hold.String() == is.Hold.String()},
				part{"stands first", first(before, was) || !first(after, is)}, // it takes what no route matches
			)...)
		},
		func(was schedule.Policy) { note(OfPolicy, was.Name, "gone") },
		func(is schedule.Policy) { note(OfPolicy, is.Name, "new") },
	)
}

// routeChanges compares routes by what they match. The first that matches is taken, so their order counts.
func routeChanges(before, after []schedule.Route, note func(of, name string, what ...string)) {
	var was, is []string // what both versions have, in the order of each
	eachOf(before, after, matches,
		func(old, edited schedule.Route) {
			was = append(was, matches(old))
			note(OfRoute, matches(edited), differing(part{"policy", old.Policy == edited.Policy})...)
		},
		func(old schedule.Route) { note(OfRoute, matches(old), "gone") },
		func(edited schedule.Route) { note(OfRoute, matches(edited), "new") },
	)
	for _, r := range after {
		if slices.Contains(was, matches(r)) {
			is = append(is, matches(r))
		}
	}
	if !slices.Equal(was, is) {
		note(OfRoute, "", "order")
	}
}

// taken leaves out the routes that match just what one before them does: no incident reaches them.
func taken(routes []schedule.Route) []schedule.Route {
	var first []schedule.Route
	for _, r := range routes {
		if !slices.ContainsFunc(first, func(f schedule.Route) bool { return matches(f) == matches(r) }) {
			first = append(first, r)
		}
	}
	return first
}

// matches names a route by its labels: "severity=low team=web", or "*" where it takes everything.
func matches(r schedule.Route) string {
	pairs := make([]string, 0, len(r.Match))
	for _, label := range slices.Sorted(maps.Keys(r.Match)) {
		pairs = append(pairs, word(label)+"="+word(r.Match[label]))
	}
	return cmp.Or(strings.Join(pairs, " "), "*")
}

// word is a text as it is, or quoted where it could be taken for several, or steer a terminal.
func word(text string) string {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r == ' ' || r == '=' || r == '"' || r == '*' || !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

func limitChanges(was, is schedule.Limits) []string {
	return differing(
		part{"nights_running", was.NightsRunning == is.NightsRunning},
		part{"night_share", was.NightShare == is.NightShare},
		part{"rest", was.Rest == is.Rest},
		part{"notice", was.Notice == is.Notice},
	)
}

// listChange is a list of holidays that is another than before.
type listChange struct {
	name        string
	added, gone []string // days, as written
	whole       string   // "new" or "gone" when the whole list is
}

func (l listChange) has(day string) bool {
	return slices.Contains(l.added, day) || slices.Contains(l.gone, day)
}

func (l listChange) what() []string {
	if l.whole != "" {
		return []string{l.whole}
	}
	var what []string
	for _, day := range l.added {
		what = append(what, day+" is new")
	}
	for _, day := range l.gone {
		what = append(what, day+" is gone")
	}
	const most = 4
	if len(what) > most {
		return []string{fmt.Sprintf("%d days are new", len(l.added)), fmt.Sprintf("%d are gone", len(l.gone))}
	}
	return what
}

// holidayChanges are the lists of holidays that differ.
func holidayChanges(before, after *schedule.File) []listChange {
	var changes []listChange
	eachOf(before.Holidays(), after.Holidays(), func(h schedule.Holidays) string { return h.Name },
		func(was, is schedule.Holidays) {
			change := listChange{name: is.Name, added: unlisted(is.Days, was.Days), gone: unlisted(was.Days, is.Days)}
			if len(change.added)+len(change.gone) > 0 {
				changes = append(changes, change)
			}
		},
		func(was schedule.Holidays) { changes = append(changes, listChange{was.Name, nil, was.Days, "gone"}) },
		func(is schedule.Holidays) { changes = append(changes, listChange{is.Name, is.Days, nil, "new"}) },
	)
	return changes
}

// unlisted are those of a that are not in b, each once.
func unlisted(a, b []string) []string {
	days := without(a, b)
	slices.Sort(days)
	return slices.Compact(days)
}
