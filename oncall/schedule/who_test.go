package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

// rotation makes a file in the zone of Berlin with the people alice to frank around some text.
func rotation(text string) string {
	var b strings.Builder
	b.WriteString("zone = \"Europe/Berlin\"\n[people]\n")
	for _, name := range []string{"alice", "bob", "carol", "dan", "erin", "frank"} {
		fmt.Fprintf(&b, "%s = { page = [\"sms\"] }\n", name)
	}
	return b.String() + text
}

// api is a schedule of that name with these lines.
func api(lines ...string) string {
	return "[schedule.api]\nlayers = [\n" + strings.Join(lines, ",\n") + "\n]\n"
}

func mustParse(tb testing.TB, text string) *schedule.File {
	tb.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		tb.Fatalf("parse:\n%v\nof\n%s", err, text)
	}
	return f
}

func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

const weekly = `{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"] }`

func coverOf(by, person, from, to string) string {
	return fmt.Sprintf("[[change]]\ncover = { on = \"api\", by = %q, for = %q, from = %q, to = %q }\n", by, person, from, to)
}

func offOf(person, from, to string) string {
	return fmt.Sprintf("[[change]]\noff = { who = %q, from = %q, to = %q }\n", person, from, to)
}

func addOf(person, from, to string) string {
	return fmt.Sprintf("[[change]]\nadd = { on = \"api\", who = %q, from = %q, to = %q }\n", person, from, to)
}

func swapOf(rest string) string {
	return fmt.Sprintf("[[change]]\nswap = { on = \"api\", %s }\n", rest)
}

func line(name, rest string) string { return fmt.Sprintf("{ name = %q, %s }", name, rest) }

func TestWho(t *testing.T) {
	type ask struct{ at, people, until string }
	tests := []struct {
		name string
		text string
		asks []ask
	}{
		{"a weekly ring", api(weekly), []ask{
			{"2026-01-05T08:00:00Z", "alice", "2026-01-12 09:00 CET"},
			{"2026-01-12T07:59:59.999999999Z", "alice", "2026-01-12 09:00 CET"},
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
			{"2026-11-22T12:00:00Z", "alice", "2026-11-23 09:00 CET"},
			{"2126-01-05T12:00:00Z", "alice", "2126-01-07 09:00 CET"},
		}},
		{"row 1: a handoff in the spring gap, that day only", api(line("n", `every = "1d", from = "2026-03-27 02:30", who = ["alice", "bob"]`)), []ask{
			{"2026-03-28T12:00:00Z", "bob", "2026-03-29 03:00 CEST"},
			{"2026-03-29T01:00:00Z", "alice", "2026-03-30 02:30 CEST"},
		}},
		{"row 2: a handoff in the autumn overlap, the first of the two, once", api(line("n", `every = "1d", from = "2026-10-23 02:30", who = ["alice", "bob", "carol"]`)), []ask{
			{"2026-10-25T00:29:00Z", "bob", "2026-10-25 02:30 CEST"},
			{"2026-10-25T00:30:00Z", "carol", "2026-10-26 02:30 CET"},
			{"2026-10-25T01:30:00Z", "carol", "2026-10-26 02:30 CET"},
		}},
		{"row 5: a gap at midnight, São Paulo", api(line("n", `every = "1d", from = "2018-11-03 00:00", zone = "America/Sao_Paulo", who = ["alice", "bob"]`)), []ask{
			{"2018-11-04T02:59:00Z", "alice", "2018-11-04 04:00 CET"},
			{"2018-11-04T03:00:00Z", "bob", "2018-11-05 03:00 CET"},
		}},
		{"row 6: a week of 167 hours", api(line("n", `every = "1w", from = "2026-03-23 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-03-23T08:00:00Z", "alice", "2026-03-30 09:00 CEST"},
		}},
		{"row 3: in the overlap a window begins the first time and ends the last", api(
			line("n", `from = "2026-01-05 09:00", who = ["alice"], when = ["02:30-04:00", "20:00-02:15"]`)), []ask{
			{"2026-10-25T00:14:00Z", "alice", "2026-10-25 04:00 CET"}, // the first window has not ended when the second begins
			{"2026-10-26T01:14:00Z", "alice", "2026-10-26 02:15 CET"},
			{"2026-10-26T01:15:00Z", "", "2026-10-26 02:30 CET"},
		}},
		{"row 4: no window where it lies wholly in the gap", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "02:15-02:45"`)), []ask{
			{"2026-03-28T01:15:00Z", "alice", "2026-03-28 02:45 CET"},
			{"2026-03-28T01:45:00Z", "", "2026-03-30 02:15 CEST"},
			{"2026-03-29T01:00:00Z", "", "2026-03-30 02:15 CEST"},
		}},
		{"row 4: a window partly in the gap loses that part", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "02:15-03:15"`)), []ask{
			{"2026-03-29T00:59:00Z", "", "2026-03-29 03:00 CEST"},
			{"2026-03-29T01:00:00Z", "alice", "2026-03-29 03:15 CEST"},
		}},
		{"row 5: a window from a midnight that there is not", api(line("n", `from = "2018-11-01 00:00", zone = "America/Sao_Paulo", who = ["alice"], when = "Sun 00:00-09:00"`)), []ask{
			{"2018-11-04T02:59:00Z", "", "2018-11-04 04:00 CET"},
			{"2018-11-04T03:00:00Z", "alice", "2018-11-04 12:00 CET"},
		}},
		{"row 7: hours are those of the local clock", api(line("n", `every = "12h", from = "2026-01-05 08:00", who = ["alice", "bob"]`)), []ask{
			{"2026-03-28T19:00:00Z", "bob", "2026-03-29 08:00 CEST"},
			{"2026-10-24T18:00:00Z", "bob", "2026-10-25 08:00 CET"},
		}},
		{"row 7: an hour that comes twice is one turn, one left out is none", api(line("n", `every = "1h", from = "2026-03-29 00:00", who = ["alice", "bob", "carol"]`)), []ask{
			{"2026-03-29T00:00:00Z", "bob", "2026-03-29 03:00 CEST"},
			{"2026-03-29T01:00:00Z", "carol", "2026-03-29 04:00 CEST"},
			{"2026-10-25T00:00:00Z", "bob", "2026-10-25 03:00 CET"},
			{"2026-10-25T02:00:00Z", "carol", "2026-10-25 04:00 CET"},
		}},
		{"fine print 6: hours run on from from and do not restart at midnight", api(line("n", `every = "7h", from = "2026-01-05 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-01-05T22:00:00Z", "alice", "2026-01-06 06:00 CET"},
			{"2026-01-06T05:00:00Z", "bob", "2026-01-06 13:00 CET"},
		}},
		{"fine print 6: 24h is 1d", api(line("n", `every = "24h", from = "2026-03-28 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-03-28T08:00:00Z", "alice", "2026-03-29 09:00 CEST"},
		}},
		{"row 18: a window over midnight belongs to the day it starts", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "Fri 20:00-08:00"`)), []ask{
			{"2026-01-09T19:00:00Z", "alice", "2026-01-10 08:00 CET"},
			{"2026-01-10T07:00:00Z", "", "2026-01-16 20:00 CET"},
		}},
		{"row 18: a window over the weekend", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "Fri 18:00-Mon 08:00"`)), []ask{
			{"2026-01-09T17:00:00Z", "alice", "2026-01-12 08:00 CET"},
			{"2026-01-12T07:00:00Z", "", "2026-01-16 18:00 CET"},
		}},
		{"row 19: a handoff inside a night splits it", api(line("n", `every = "1d", from = "2026-01-05 00:00", who = ["alice", "bob"], when = "22:00-06:00"`)), []ask{
			{"2026-01-05T21:00:00Z", "alice", "2026-01-06 00:00 CET"},
			{"2026-01-05T23:00:00Z", "bob", "2026-01-06 06:00 CET"},
		}},
		{"fine print 3: a window under way at from is entered there", api(line("n", `from = "2026-01-05 23:00", who = ["alice"], when = "22:00-06:00"`)), []ask{
			{"2026-01-05T21:30:00Z", "", "2026-01-05 23:00 CET"},
			{"2026-01-05T22:00:00Z", "alice", "2026-01-06 06:00 CET"},
		}},
		{"fine print 3: windows unite, and touching ones are one", api(line("n", `from = "2026-01-05 00:00", who = ["alice"], when = ["Mon-Fri 08:00-12:00", "Mon,Wed 11:00-15:00", "Mon 15:00-24:00", "Tue 00:00-01:00"]`)), []ask{
			{"2026-01-05T07:00:00Z", "alice", "2026-01-06 01:00 CET"},
			{"2026-01-07T07:00:00Z", "alice", "2026-01-07 15:00 CET"},
			{"2026-01-08T07:00:00Z", "alice", "2026-01-08 12:00 CET"},
		}},
		{"fine print 3: an end that is the start is a day later, or a week", api(
			line("days", `from = "2026-01-05 00:00", to = "2026-01-11", who = ["alice"], when = "Tue,Sat 08:00-08:00"`),
			line("week", `from = "2026-01-19 00:00", who = ["bob"], when = "Mon 09:00-Mon 09:00"`)), []ask{
			{"2026-01-06T07:00:00Z", "alice", "2026-01-07 08:00 CET"},
			{"2026-01-10T07:00:00Z", "alice", "2026-01-11 08:00 CET"},
			{"2026-01-18T23:00:00Z", "bob", "further notice"},
		}},
		{"fine print 3: a range of days may run over the end of the week", api(line("n", `from = "2026-01-05 00:00", who = ["alice"], when = "Sat-Mon 00:00-24:00"`)), []ask{
			{"2026-01-05T12:00:00Z", "alice", "2026-01-06 00:00 CET"},
			{"2026-01-06T12:00:00Z", "", "2026-01-10 00:00 CET"},
			{"2026-01-10T12:00:00Z", "alice", "2026-01-13 00:00 CET"},
		}},
		{"fine print 5: except drops windows by the day on which they start", "[holidays]\nde = [2026-12-25, \"2026-12-26\"]\n" + api(
			line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "22:00-06:00", except = "de"`)), []ask{
			{"2026-12-25T04:59:00Z", "alice", "2026-12-25 06:00 CET"},
			{"2026-12-25T22:00:00Z", "", "2026-12-27 22:00 CET"},
		}},
		{"fine print 5: days dropped from touching windows leave the others", "[holidays]\nde = [2026-12-25]\n" + api(
			line("n", `from = "2026-01-05 09:00", who = ["alice"], when = ["00:00-24:00", "Sun 00:00-12:00"], except = ["de"]`)), []ask{
			{"2026-12-20T00:00:00Z", "alice", "2026-12-25 00:00 CET"},
			{"2026-12-24T23:00:00Z", "", "2026-12-26 00:00 CET"},
			{"2026-12-25T23:00:00Z", "alice", "further notice"},
		}},
		{"fine print 5: without when the day runs from 00:00 to 24:00 in the zone of the layer", "[holidays]\nus = [2026-11-26]\nmore = [2026-11-28]\n" + api(
			weekly, line("top", `from = "2026-01-05 09:00", who = ["dan"], only = ["us", "more"], zone = "America/New_York"`)), []ask{
			{"2026-11-26T04:59:00Z", "bob", "2026-11-26 06:00 CET"},
			{"2026-11-26T05:00:00Z", "dan", "2026-11-27 06:00 CET"},
			{"2026-11-28T05:00:00Z", "dan", "2026-11-29 06:00 CET"},
		}},
		{"fine print 5: a day in both lists is dropped, one without a window is none", "[holidays]\na = [2026-01-08, 2026-01-09, 2026-01-10, 2099-01-01]\nb = [2026-01-08]\n" + api(
			line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "Mon-Fri 09:00-17:00", only = "a", except = "b"`)), []ask{
			{"2026-01-05T09:00:00Z", "", "2026-01-09 09:00 CET"},
			{"2026-01-09T08:00:00Z", "alice", "2026-01-09 17:00 CET"},
			{"2026-01-09T16:00:00Z", "", "further notice"},
			{"2098-12-31T00:00:00Z", "", "2099-01-01 09:00 CET"},
		}},
		{"row 14: who is added is on call for the whole span, also where nobody is", api(weekly) + addOf("dan", "2026-01-04 09:00", "2026-01-06 09:00"), []ask{
			{"2026-01-04T08:00:00Z", "dan", "2026-01-05 09:00 CET"},
			{"2026-01-05T08:00:00Z", "alice, dan", "2026-01-06 09:00 CET"},
			{"2026-01-06T08:00:00Z", "alice", "2026-01-12 09:00 CET"},
		}},
		{"row 17: off and add of one person: add wins", api(weekly) + offOf("alice", "2026-01-06", "2026-01-07") + addOf("alice", "2026-01-07 12:00", "2026-01-07 18:00"), []ask{
			{"2026-01-07T10:00:00Z", "bob", "2026-01-07 12:00 CET"},
			{"2026-01-07T11:00:00Z", "alice, bob", "2026-01-07 18:00 CET"},
		}},
		{"fine print 7: the next in the ring steps in, and the order does not move", api(weekly) + offOf("alice", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-06T22:59:00Z", "alice", "2026-01-07 00:00 CET"},
			{"2026-01-06T23:00:00Z", "bob", "2026-01-09 00:00 CET"},
			{"2026-01-08T23:00:00Z", "alice", "2026-01-12 09:00 CET"},
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
		}},
		{"fine print 7: if somebody of the turn is left, nobody is brought in", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = [["alice", "bob"], "carol"]`)) + offOf("alice", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-07T12:00:00Z", "bob", "2026-01-09 00:00 CET"},
		}},
		{"fine print 7: the next turn with somebody serves whole, minus who is off, past empty turns", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = ["alice", "-", "bob", ["bob", "carol", "dan"], "erin"]`)) +
			offOf("alice", "2026-01-07", "2026-01-08") + offOf("bob", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-07T12:00:00Z", "carol, dan", "2026-01-09 00:00 CET"},
		}},
		{"fine print 7: if all of the ring are off, the turn is transparent", api(line("low", `from = "2026-01-05 09:00", who = ["erin"]`), line("top", `every = "1w", from = "2026-01-05 09:00", who = ["alice", "-", "bob"]`)) +
			offOf("alice", "2026-01-07", "2026-01-08") + offOf("bob", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-07T12:00:00Z", "erin", "2026-01-09 00:00 CET"},
		}},
		{"off is everywhere, and overlapping ones are one", api(weekly) + "[schedule.web]\nlayers = [{ name = \"n\", from = \"2026-01-05 09:00\", who = [\"alice\"] }]\n" +
			offOf("alice", "2026-01-07", "2026-01-09") + offOf("alice", "2026-01-08", "2026-01-08") + offOf("alice", "2026-01-09 12:00", "2026-01-10"), []ask{
			{"2026-01-07T12:00:00Z", "bob", "2026-01-11 00:00 CET"},
		}},
		{"a cover is looked up for who steps in", api(weekly) + offOf("alice", "2026-01-07", "2026-01-08") + coverOf("dan", "bob", "2026-01-08 09:00", "2026-01-08 12:00"), []ask{
			{"2026-01-08T08:00:00Z", "dan", "2026-01-08 12:00 CET"},
			{"2026-01-08T11:00:00Z", "bob", "2026-01-09 00:00 CET"},
		}},
		{"fine print 9: the turns that start on these days trade owners", api(weekly) + swapOf(`layer = "base", turns = ["alice 2026-01-26", "carol 2026-01-19"]`), []ask{
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
			{"2026-01-19T08:00:00Z", "alice", "2026-01-26 09:00 CET"},
			{"2026-01-26T08:00:00Z", "carol", "2026-02-02 09:00 CET"},
			{"2026-02-02T08:00:00Z", "bob", "2026-02-09 09:00 CET"},
		}},
		{"fine print 9: else the turn that covers part of the day, in the only layer that fits", api(weekly, line("top", `every = "1d", from = "2026-03-01 09:00", who = ["dan", "-"]`)) + swapOf(`turns = ["bob 2026-01-14", "carol 2026-01-25"]`), []ask{
			{"2026-01-12T08:00:00Z", "carol", "2026-01-19 09:00 CET"},
			{"2026-01-19T08:00:00Z", "bob", "2026-01-26 09:00 CET"},
		}},
		{"fine print 9: in a group only the named person trades", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = [["alice", "bob"], "carol"]`)) + swapOf(`turns = ["bob 2026-01-05", "carol 2026-01-12"]`), []ask{
			{"2026-01-05T08:00:00Z", "alice, carol", "2026-01-12 09:00 CET"},
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
		}},
		{"fine print 9: the day is one of the zone of the change", api(line("n", `every = "1d", from = "2026-01-05 00:30", who = ["alice", "bob", "carol", "dan"]`)) + swapOf(`turns = ["alice 2026-01-04", "carol 2026-01-06"], zone = "UTC"`), []ask{
			{"2026-01-05T12:00:00Z", "carol", "2026-01-06 00:30 CET"},
			{"2026-01-07T12:00:00Z", "alice", "2026-01-08 00:30 CET"},
		}},
		{"fine print 7: if the named owner is off, the swap has no effect", api(weekly) + offOf("bob", "2026-01-12", "2026-01-13") + swapOf(`turns = ["bob 2026-01-12", "alice 2026-01-26"]`), []ask{
			{"2026-01-12T08:00:00Z", "carol", "2026-01-14 00:00 CET"},
			{"2026-01-13T23:00:00Z", "alice", "2026-01-19 09:00 CET"},
			{"2026-01-26T08:00:00Z", "bob", "2026-02-09 09:00 CET"},
		}},
		{"a swap of turns of two lines of one layer", api(
			line("base", `every = "1w", from = "2026-01-05 09:00", to = "2026-01-19 09:00", who = ["alice", "bob"]`),
			line("base", `every = "1w", from = "2026-01-19 09:00", who = ["alice", "dan"]`)) + swapOf(`turns = ["bob 2026-01-12", "dan 2026-01-26"]`), []ask{
			{"2026-01-12T08:00:00Z", "dan", "2026-01-19 09:00 CET"},
			{"2026-01-26T08:00:00Z", "bob", "2026-02-02 09:00 CET"},
		}},
		{"cover and swap do not chain", api(weekly) + swapOf(`turns = ["bob 2026-01-12", "carol 2026-01-19"]`) + coverOf("dan", "carol", "2026-01-13 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-12T08:00:00Z", "carol", "2026-01-19 09:00 CET"},
		}},
		{"row 11: by time the weekend uses up turns", api(line("n", `every = "1d", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"], when = "Mon-Fri 09:00-17:00", count = "time"`)), []ask{
			{"2026-01-09T09:00:00Z", "bob", "2026-01-09 17:00 CET"},
			{"2026-01-12T09:00:00Z", "bob", "2026-01-12 17:00 CET"},
		}},
		{"row 11: by shifts it does not", api(line("n", `every = "1d", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"], when = "Mon-Fri 09:00-17:00", count = "shifts"`)), []ask{
			{"2026-01-09T09:00:00Z", "bob", "2026-01-09 17:00 CET"},
			{"2026-01-12T09:00:00Z", "carol", "2026-01-12 17:00 CET"},
			{"2126-01-07T09:00:00Z", "carol", "2126-01-07 17:00 CET"}, // 5218 weeks, or 26090 working days, later
		}},
		{"fine print 2: a turn of 2d is two working days, holidays not among them", "[holidays]\nde = [2026-01-06]\n" + api(
			line("n", `every = "2d", from = "2026-01-05 09:00", who = ["alice", "bob"], when = "Mon-Fri 09:00-17:00", except = "de", count = "shifts"`)), []ask{
			{"2026-01-05T09:00:00Z", "alice", "2026-01-05 17:00 CET"},
			{"2026-01-07T09:00:00Z", "alice", "2026-01-07 17:00 CET"},
			{"2026-01-08T09:00:00Z", "bob", "2026-01-08 17:00 CET"},
			{"2026-01-12T09:00:00Z", "alice", "2026-01-12 17:00 CET"},
		}},
		{"fine print 2: a window lost in a gap did not open", api(line("n", `every = "1d", from = "2026-03-27 00:00", who = ["alice", "bob"], when = "02:15-02:45", count = "shifts"`)), []ask{
			{"2026-03-28T01:15:00Z", "bob", "2026-03-28 02:45 CET"},
			{"2026-03-30T00:15:00Z", "alice", "2026-03-30 02:45 CEST"},
		}},
		{"fine print 2: only listed days count", "[holidays]\nde = [2026-01-06, 2026-05-01, 2026-12-25]\n" + api(
			line("n", `every = "1d", from = "2026-01-05 00:00", who = ["alice", "bob"], only = "de", count = "shifts"`)), []ask{
			{"2026-01-06T09:00:00Z", "alice", "2026-01-07 00:00 CET"},
			{"2026-05-01T09:00:00Z", "bob", "2026-05-02 00:00 CEST"},
			{"2026-12-25T09:00:00Z", "alice", "2026-12-26 00:00 CET"},
		}},
		{"fine print 2: weeks and months without a window do not count", "[holidays]\nde = [2026-01-14, 2026-03-03]\n" + api(
			line("w", `every = "1w", from = "2026-01-05 00:00", to = "2026-01-31", who = ["alice", "bob", "carol"], when = "Wed 09:00-17:00", except = "de", count = "shifts"`),
			line("m", `every = "1mo", from = "2026-02-01 00:00", who = ["dan", "erin"], only = "de", count = "shifts"`)), []ask{
			{"2026-01-07T09:00:00Z", "alice", "2026-01-07 17:00 CET"},
			{"2026-01-21T09:00:00Z", "bob", "2026-01-21 17:00 CET"},
			{"2026-03-03T09:00:00Z", "dan", "2026-03-04 00:00 CET"},
		}},
		{"fine print 2: days that do not count stay with the turn before them", api(
			line("n", `every = "1d", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"], when = ["Mon-Thu 09:00-17:00", "Fri 18:00-Mon 08:00"], count = "shifts"`)) + swapOf(`turns = ["bob 2026-01-09", "carol 2026-01-12"]`), []ask{
			{"2026-01-09T17:00:00Z", "carol", "2026-01-12 08:00 CET"},
			{"2026-01-12T09:00:00Z", "bob", "2026-01-12 17:00 CET"},
		}},
		{"row 20: outside its windows a layer is transparent", api(weekly, line("top", `every = "1d", from = "2026-01-05 09:00", who = ["dan", "erin"], when = "Mon-Fri 09:00-17:00", zone = "America/New_York"`)), []ask{
			{"2026-01-05T13:59:00Z", "alice", "2026-01-05 15:00 CET"},
			{"2026-01-05T14:00:00Z", "dan", "2026-01-05 23:00 CET"},
			{"2026-01-05T22:00:00Z", "alice", "2026-01-06 15:00 CET"},
			{"2026-01-06T14:00:00Z", "erin", "2026-01-06 23:00 CET"},
		}},
		{"row 9: nobody before from", api(weekly), []ask{
			{"2026-01-05T07:59:59Z", "", "2026-01-05 09:00 CET"},
			{"1826-01-05T07:59:59Z", "", "further notice"},
		}},
		{"row 10: no hidden week start", api(line("n", `every = "1w", from = "2026-01-07 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-01-13T12:00:00Z", "alice", "2026-01-14 09:00 CET"},
		}},
		{"row 12: a new line keeps the order", api(
			line("base", `every = "1w", from = "2026-01-05 09:00", to = "2026-06-01 09:00", who = ["alice", "bob", "carol"]`),
			line("base", `every = "1w", from = "2026-06-01 09:00", who = ["alice", "bob", "dan", "carol"]`)), []ask{
			{"2026-06-01T06:59:00Z", "carol", "2026-06-01 09:00 CEST"},
			{"2026-06-01T07:00:00Z", "alice", "2026-06-08 09:00 CEST"},
			{"2026-06-15T07:00:00Z", "dan", "2026-06-22 09:00 CEST"},
		}},
		{"row 14: a cover takes only that person's time", api(weekly) + coverOf("dan", "bob", "2026-01-10 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-10T09:00:00Z", "alice", "2026-01-12 09:00 CET"},
			{"2026-01-12T08:00:00Z", "dan", "2026-01-14 09:00 CET"},
			{"2026-01-14T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
		}},
		{"row 15: a cover across a handoff ends with the turn", api(weekly) + coverOf("dan", "bob", "2026-01-15 09:00", "2026-01-25 09:00"), []ask{
			{"2026-01-15T08:00:00Z", "dan", "2026-01-19 09:00 CET"},
			{"2026-01-19T08:00:00Z", "carol", "2026-01-26 09:00 CET"},
		}},
		{"row 16: covers do not chain", api(weekly) + coverOf("dan", "bob", "2026-01-12 09:00", "2026-01-13 09:00") + coverOf("erin", "dan", "2026-01-12 09:00", "2026-01-13 09:00"), []ask{
			{"2026-01-12T08:00:00Z", "dan", "2026-01-13 09:00 CET"},
		}},
		{"row 16: two people may trade the same hours", api(line("n", `from = "2026-01-05 09:00", who = [["alice", "bob"]]`)) +
			coverOf("dan", "alice", "2026-01-12 09:00", "2026-01-13 09:00") + coverOf("alice", "bob", "2026-01-12 09:00", "2026-01-13 09:00"), []ask{
			{"2026-01-12T08:00:00Z", "alice, dan", "2026-01-13 09:00 CET"},
		}},
		{"row 20: an empty turn lets the layer below show", api(weekly, line("top", `every = "1d", from = "2026-01-05 09:00", who = ["dan", "-", []]`)), []ask{
			{"2026-01-05T08:00:00Z", "dan", "2026-01-06 09:00 CET"},
			{"2026-01-06T08:00:00Z", "alice", "2026-01-08 09:00 CET"},
			{"2026-01-08T08:00:00Z", "dan", "2026-01-09 09:00 CET"},
		}},
		{"row 20: an empty lowest turn is nobody", api(line("n", `every = "1d", from = "2026-01-05 09:00", who = ["dan", "-"]`)), []ask{
			{"2026-01-06T08:00:00Z", "", "2026-01-07 09:00 CET"},
		}},
		{"row 23: monthly from the 31st", api(line("n", `every = "1mo", from = "2026-01-31 09:00", who = ["alice", "bob", "carol"]`)), []ask{
			{"2026-02-28T07:59:00Z", "alice", "2026-02-28 09:00 CET"},
			{"2026-02-28T08:00:00Z", "bob", "2026-03-31 09:00 CEST"},
			{"2026-03-31T07:00:00Z", "carol", "2026-04-30 09:00 CEST"},
			{"2027-01-30T12:00:00Z", "carol", "2027-01-31 09:00 CET"},
		}},
		{"row 25: intervals are half-open", api(line("n", `from = "2026-01-05 09:00", to = "2026-01-06 09:00", who = ["alice"]`)), []ask{
			{"2026-01-05T07:59:59Z", "", "2026-01-05 09:00 CET"},
			{"2026-01-05T08:00:00Z", "alice", "2026-01-06 09:00 CET"},
			{"2026-01-06T08:00:00Z", "", "further notice"},
		}},
		{"row 26: a ring of one never hands off", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = ["alice"]`)), []ask{
			{"2026-01-12T08:00:00Z", "alice", "further notice"},
		}},
		{"row 26: one person twice in a row is one shift", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = ["alice", "alice", "bob"]`)), []ask{
			{"2026-01-05T08:00:00Z", "alice", "2026-01-19 09:00 CET"},
			{"2026-01-19T08:00:00Z", "bob", "2026-01-26 09:00 CET"},
		}},
		{"row 28: the day that Apia skipped takes its turn at the first instant after", api(line("n", `every = "1d", from = "2011-12-28 09:00", zone = "Pacific/Apia", who = ["alice", "bob", "carol", "dan"]`)), []ask{
			{"2011-12-30T09:59:00Z", "bob", "2011-12-30 11:00 CET"},
			{"2011-12-30T10:00:00Z", "carol", "2011-12-30 20:00 CET"},
			{"2011-12-30T19:00:00Z", "dan", "2011-12-31 20:00 CET"},
		}},
		{"rows 8 and 28: handoffs that fall together use up one turn", api(line("n", `every = "1d", from = "2011-12-28 00:00", zone = "Pacific/Apia", who = ["alice", "bob", "carol", "dan"]`)), []ask{
			{"2011-12-30T09:59:00Z", "bob", "2011-12-30 11:00 CET"},
			{"2011-12-30T10:00:00Z", "carol", "2011-12-31 11:00 CET"},
			{"2011-12-31T10:00:00Z", "dan", "2012-01-01 11:00 CET"},
		}},
		{"a later layer wins while it lasts", api(weekly, line("top", `from = "2026-01-07 00:00", to = "2026-01-08", who = ["dan"]`)), []ask{
			{"2026-01-06T22:59:00Z", "alice", "2026-01-07 00:00 CET"},
			{"2026-01-06T23:00:00Z", "dan", "2026-01-09 00:00 CET"},
			{"2026-01-08T23:00:00Z", "alice", "2026-01-12 09:00 CET"},
		}},
		{"a layer in its own zone", api(line("n", `every = "1d", from = "2026-01-05 09:00", zone = "America/New_York", who = ["alice", "bob"]`)), []ask{
			{"2026-01-05T14:00:00Z", "alice", "2026-01-06 15:00 CET"},
			{"2026-03-10T12:00:00Z", "bob", "2026-03-10 14:00 CET"},
		}},
		{"people on call together are sorted", api(line("n", `from = "2026-01-05 09:00", who = [["carol", "alice", "carol"]]`)), []ask{
			{"2026-02-01T00:00:00Z", "alice, carol", "further notice"},
		}},
		{
			"fine print 1: a handoff to the same people through another layer is no change",
			api(weekly, line("top", `from = "2026-01-06 09:00", to = "2026-01-07 09:00", who = ["alice"]`)),
			[]ask{
				{"2026-01-05T08:00:00Z", "alice", "2026-01-12 09:00 CET"},
			},
		},
		{"fine print 1: further off than ten years is never", api(line("n", `every = "132mo", from = "2026-01-05 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-01-06T00:00:00Z", "alice", "further notice"},
			{"2027-01-06T00:00:00Z", "alice", "2037-01-05 09:00 CET"},
		}},
		{"fine print 4: a bare day begins at 00:00 and is included as an end", api(line("n", `from = "2026-01-05 09:00", to = 2026-01-31, who = ["alice"]`)) + coverOf("dan", "alice", "2026-01-10", "2026-01-11"), []ask{
			{"2026-01-09T22:59:00Z", "alice", "2026-01-10 00:00 CET"},
			{"2026-01-09T23:00:00Z", "dan", "2026-01-12 00:00 CET"},
			{"2026-01-31T22:59:00Z", "alice", "2026-02-01 00:00 CET"},
			{"2026-01-31T23:00:00Z", "", "further notice"},
		}},
		{
			"fine print 4: a change is read in its own zone, else the file's, never the layer's",
			api(line("n", `from = "2026-01-05 09:00", zone = "Asia/Tokyo", who = [["alice", "bob"]]`)) + coverOf("dan", "alice", "2026-02-01 12:00", "2026-02-01 13:00") +
				"[[change]]\ncover = { on = \"api\", by = \"erin\", for = \"bob\", from = \"2026-02-01 12:00\", to = \"2026-02-01 13:00\", zone = \"UTC\" }\n",
			[]ask{
				{"2026-02-01T11:30:00Z", "bob, dan", "2026-02-01 13:00 CET"},
				{"2026-02-01T12:30:00Z", "alice, erin", "2026-02-01 14:00 CET"},
			},
		},
		{"fine print 8: between two lines of one name the layer is transparent", api(weekly,
			line("top", `from = "2026-01-06 09:00", to = "2026-01-07 09:00", who = ["dan"]`), line("top", `from = "2026-01-08 09:00", who = ["erin"]`)), []ask{
			{"2026-01-07T08:00:00Z", "alice", "2026-01-08 09:00 CET"},
			{"2026-01-08T08:00:00Z", "erin", "further notice"},
		}},
		{"fine print 8: where a doubled hour makes lines touch twice, the later wins", api(
			line("n", `from = "2026-01-05 09:00", to = "2026-10-25 02:30", who = ["alice"]`), line("n", `from = "2026-10-25 02:30", who = ["bob"]`)), []ask{
			{"2026-10-25T00:29:00Z", "alice", "2026-10-25 02:30 CEST"},
			{"2026-10-25T00:45:00Z", "bob", "further notice"},
		}},
		{"an end in the overlap is the last", api(line("n", `from = "2026-01-05 09:00", to = "2026-10-25 02:30", who = ["alice"]`)), []ask{
			{"2026-10-25T01:29:00Z", "alice", "2026-10-25 02:30 CET"},
		}},
		{"fine print 10: a cover by nobody leaves the time to the layer below", api(line("low", `from = "2026-01-05 09:00", who = ["erin"]`), weekly) + coverOf("-", "bob", "2026-01-13 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-13T08:00:00Z", "erin", "2026-01-14 09:00 CET"},
		}},
		{"fine print 10: a gap on purpose", api(weekly) + coverOf("-", "bob", "2026-01-13 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-13T08:00:00Z", "", "2026-01-14 09:00 CET"},
		}},
		{"fine print 10: in a group only the named person goes", api(line("n", `from = "2026-01-05 09:00", who = [["alice", "bob"]]`)) + coverOf("-", "bob", "2026-01-13 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-13T08:00:00Z", "alice", "2026-01-14 09:00 CET"},
		}},
		{"a cover by somebody on call already leaves one", api(line("n", `from = "2026-01-05 09:00", who = [["alice", "bob"]]`)) + coverOf("alice", "bob", "2026-01-13 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-13T08:00:00Z", "alice", "2026-01-14 09:00 CET"},
		}},
		{"a line that a jump of the clock leaves no time", api(
			line("n", `from = "2026-01-05 09:00", to = "2026-03-29 02:10", who = ["alice"]`),
			line("n", `from = "2026-03-29 02:15", to = "2026-03-29 02:45", who = ["bob"]`),
			line("n", `from = "2026-03-29 02:50", who = ["carol"]`)), []ask{
			{"2026-03-29T00:59:00Z", "alice", "2026-03-29 03:00 CEST"},
			{"2026-03-29T01:00:00Z", "carol", "further notice"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := mustParse(t, rotation(test.text))
			for _, ask := range test.asks {
				a, err := f.Who("api", instant(t, ask.at))
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(a.People, ", "); got != ask.people || a.UntilText() != ask.until {
					t.Errorf("at %s: %q until %s, want %q until %s", ask.at, got, a.UntilText(), ask.people, ask.until)
				}
			}
		})
	}
}

func TestWhoNamesTheSchedulesItHas(t *testing.T) {
	f := mustParse(t, rotation(api(weekly)))
	_, err := f.Who("web", time.Time{})
	const want = `who is on call for "web": unknown schedule, expected one of api`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestShadow(t *testing.T) {
	f := mustParse(t, rotation(api(
		line("learn", `every = "1d", from = "2026-01-05 09:00", who = ["erin", "alice", ["dan", "frank"]], shadow = true`), weekly,
		line("more", `from = "2026-01-05 09:00", to = "2026-01-06 09:00", who = ["carol"], shadow = true`))+
		offOf("frank", "2026-01-07 10:00", "2026-01-07 12:00")+offOf("erin", "2026-01-08 10:00", "2026-01-08 12:00")+
		coverOf("bob", "erin", "2026-01-05 09:00", "2026-01-06 09:00")+addOf("dan", "2026-01-07 12:00", "2026-01-07 18:00")))
	for _, test := range []struct{ name, at, people, shadow, until string }{
		{"fine print 12: shadow layers do not hide each other, no cover touches them", "2026-01-05T08:00:00Z", "alice", "carol, erin", "2026-01-06 09:00 CET"},
		{"fine print 12: who is on call is not repeated", "2026-01-06T08:00:00Z", "alice", "", "2026-01-07 09:00 CET"},
		{"fine print 1: a change of shadow is a change", "2026-01-07T08:00:00Z", "alice", "dan, frank", "2026-01-07 10:00 CET"},
		{"fine print 7: who is off does not learn", "2026-01-07T09:00:00Z", "alice", "dan", "2026-01-07 12:00 CET"},
		{"fine print 12: who is added is not repeated", "2026-01-07T11:00:00Z", "alice, dan", "frank", "2026-01-07 18:00 CET"},
		{"fine print 7: nobody steps in", "2026-01-08T09:00:00Z", "alice", "", "2026-01-08 12:00 CET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := f.Who("api", instant(t, test.at))
			if err != nil {
				t.Fatal(err)
			}
			if people, shadow := strings.Join(a.People, ", "), strings.Join(a.Shadow, ", "); people != test.people || shadow != test.shadow || a.UntilText() != test.until {
				t.Errorf("%q, shadow %q, until %s, want %q, %q, %s", people, shadow, a.UntilText(), test.people, test.shadow, test.until)
			}
		})
	}
}

func TestReasonsNameLayerTurnAndLine(t *testing.T) {
	f := mustParse(t, rotation(api(weekly)+coverOf("dan", "bob", "2026-01-13 09:00", "2026-01-14 09:00")+offOf("carol", "2026-01-20", "2026-01-20")+
		addOf("erin", "2026-02-01 00:00", "2026-02-01 12:00")+swapOf(`turns = ["bob 2026-02-23", "alice 2026-02-16"]`)))
	for at, want := range map[string]string{
		"2026-11-22T12:00:00Z": "alice: layer base, turn 45 (line 11)",
		"2026-01-13T12:00:00Z": "dan: covers bob (line 14), layer base, turn 1 (line 11)",
		"2026-01-20T12:00:00Z": "alice: steps in for carol, off (line 16), layer base, turn 2 (line 11)",
		"2026-02-01T10:00:00Z": "erin: added (line 18)",
		"2026-02-16T12:00:00Z": "bob: swapped with alice (line 20), layer base, turn 6 (line 11)",
	} {
		a, err := f.Who("api", instant(t, at))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Reasons) == 0 || a.Reasons[len(a.Reasons)-1].String() != want {
			t.Errorf("at %s: got %v, want %s", at, a.Reasons, want)
		}
	}
}
