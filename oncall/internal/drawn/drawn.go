// Package drawn draws rotation files at random, for tests that must hold for any file.
//
// Only tests import it.
package drawn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/schedule"
)

// File is a rotation file and what a test may know of it without asking it. It has the people alice, bob and carol, and
// a schedule api.
type File struct {
	*schedule.File
	Text     string
	Holidays map[string][]string // days such as 2026-12-25, by person
}

// lists are what [holidays] of a drawn file holds.
var lists = map[string][]string{
	"de": {"2026-01-01", "2026-04-03", "2026-12-25", "2026-12-26", "2027-01-01"},
	"us": {"2026-01-01", "2026-07-03", "2026-11-26", "2026-12-25"},
}

// Draw makes a file with one or two layers and sometimes a window, a shadow layer, a second schedule, some changes and
// a policy.
func Draw(t *rapid.T) File {
	d := &drawing{T: t, holidays: map[string][]string{}}
	d.people()
	d.schedules()
	d.changes()
	d.policy()
	f, err := schedule.Parse("oncall.toml", []byte(d.text.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, d.text.String())
	}
	return File{File: f, Text: d.text.String(), Holidays: d.holidays}
}

// Even gives what was drawn, most of which is small, an even place below a limit.
func Even(drawn, limit int) int { return drawn * 1_000_003 % limit }

// Hour is an hour of the 400 days from 2026 on, any of which is as likely.
func Hour(t *rapid.T) time.Time {
	const hours = 400 * 24
	return time.Date(2026, 1, 1, Even(rapid.IntRange(0, hours).Draw(t, "hour"), hours), 0, 0, 0, time.UTC)
}

// drawing is a file that is being written.
type drawing struct {
	*rapid.T
	text     strings.Builder
	holidays map[string][]string
}

func (d *drawing) line(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

// one is one of some texts.
func (d *drawing) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(d.T, label)
}

func (d *drawing) number(label string, from, to int) int {
	return rapid.IntRange(from, to).Draw(d.T, label)
}

func (d *drawing) people() {
	d.line("zone = %q", d.one("zone", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
	d.line("[people]")
	for _, name := range []string{"alice", "bob", "carol"} {
		keys := []string{fmt.Sprintf("page = [%q]", d.one("page", "sms", "5m call", "pagerduty"))}
		if name == "bob" {
			keys = append(keys, `zone = "Asia/Kathmandu"`)
		}
		if d.number("quiet", 0, 3) == 0 {
			keys = append(keys, `quiet = "ticket 22:00-07:00"`)
		}
		switch list := d.one("list", "de", "us", "all"); list {
		case "all":
			days := slices.Concat(lists["de"], lists["us"])
			slices.Sort(days)
			d.holidays[name] = slices.Compact(days)
		default:
			keys = append(keys, fmt.Sprintf("holidays = %q", list))
			d.holidays[name] = lists[list]
		}
		d.line("%s = { %s }", name, strings.Join(keys, ", "))
	}
	d.line("[holidays]")
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		d.line("%s = [%s]", name, strings.Join(lists[name], ", "))
	}
}

func (d *drawing) schedules() {
	ring := rapid.SliceOfN(rapid.SampledFrom([]string{"alice", "bob", "carol", "-"}), 1, 4)
	for _, name := range []string{"api", "web"}[:d.number("schedules", 1, 2)] {
		d.line("[schedule.%s]\nlayers = [", name)
		layers := d.number("layers", 1, 2)
		for i := range layers + d.number("shadows", 0, 1) {
			more := d.one("when", "", "", `, when = "Mon-Fri 09:00-17:00"`, `, when = "22:00-06:00"`, `, except = "de"`)
			if i == layers {
				more = ", shadow = true"
			}
			d.line("{ name = \"l%d\", every = \"%d%s\", from = \"2026-%02d-01 %02d:30\", who = [\"%s\"]%s },", i,
				d.number("every", 1, 9), d.one("unit", "d", "d", "w"), d.number("month", 1, 12), d.number("hour", 0, 23),
				strings.Join(ring.Draw(d.T, "ring"), `", "`), more)
		}
		d.line("]")
	}
}

// changes draws covers that do not overlap, and others that may.
func (d *drawing) changes() {
	for month := range d.number("covers", 0, 12) {
		d.line("[[change]]\ncover = { on = \"api\", by = %q, for = %q, from = \"2026-%02d-%02d 12:00\", to = \"2026-%02d-%02d\" }",
			d.one("by", "alice", "bob", "carol", "-"), d.one("for", "alice", "bob"),
			month+1, d.number("from", 1, 10), month+1, d.number("to", 11, 20))
	}
	for range d.number("adds and offs", 0, 3) {
		kind := d.one("kind", `add = { on = "api", who`, `off = { who`)
		month := d.number("month of the change", 1, 12)
		d.line("[[change]]\n%s = %q, from = \"2026-%02d-%02d 12:00\", to = \"2026-%02d-%02d\" }",
			kind, d.one("whom", "alice", "bob", "carol"), month, d.number("from", 1, 10), month, d.number("to", 11, 20))
	}
}

func (d *drawing) policy() {
	if d.number("policies", 0, 1) == 0 {
		return
	}
	d.line("[policy.api]\nsteps = [{ page = \"api\", wait = \"%dm\" }]\nfallback = %q\nrepeat = %d",
		d.number("wait", 1, 9), d.one("fallback", "alice", "bob"), d.number("repeat", 0, 2))
	if d.number("hold", 0, 1) == 1 {
		d.line("hold = \"ticket 22:00-08:00\"")
	}
	d.line("[policy.low]\nsteps = [{ page = \"alice\", wait = \"1h\" }]\nfallback = \"bob\"")
	for range d.number("routes", 0, 3) { // of two that match the same the second is never taken
		d.line("[[route]]\nmatch = { team = %q }\npolicy = %q", d.one("team", "a", "b"), d.one("policy", "api", "low"))
	}
	d.line("[[route]]\npolicy = \"api\"\n[limits]\nnotice = \"%dh\"", d.number("notice", 0, 72))
}

// Edit makes another version of a drawn file: sometimes the same, sometimes with one change more, sometimes another one.
func Edit(t *rapid.T, f File) File {
	d := &drawing{T: t, holidays: f.Holidays}
	if d.number("another", 0, 3) == 0 {
		return Draw(t)
	}
	d.line("%s", f.Text)
	if d.number("more", 0, 2) > 0 {
		month := d.number("month of one more", 1, 12)
		d.line("[[change]]\nadd = { on = \"api\", who = %q, from = \"2026-%02d-%02d 12:00\", to = \"2026-%02d-%02d\" }",
			d.one("one more", "alice", "bob", "carol"), month, d.number("from", 1, 10), month, d.number("to", 11, 20))
	}
	edited, err := schedule.Parse("oncall.toml", []byte(d.text.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, d.text.String())
	}
	return File{File: edited, Text: d.text.String(), Holidays: f.Holidays}
}
