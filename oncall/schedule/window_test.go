package schedule_test

import "testing"

// Windows, hours, holidays and how turns are counted.
func TestWhoWithWindows(t *testing.T) {
	askAll(t, []askRow{
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
			{"2026-01-10T12:00:00Z", "carol", "2026-01-12 08:00 CET"},
			{"2026-01-12T09:00:00Z", "bob", "2026-01-12 17:00 CET"},
		}},
		{"row 20: outside its windows a layer is transparent", api(weekly, line("top", `every = "1d", from = "2026-01-05 09:00", who = ["dan", "erin"], when = "Mon-Fri 09:00-17:00", zone = "America/New_York"`)), []ask{
			{"2026-01-05T13:59:00Z", "alice", "2026-01-05 15:00 CET"},
			{"2026-01-05T14:00:00Z", "dan", "2026-01-05 23:00 CET"},
			{"2026-01-05T22:00:00Z", "alice", "2026-01-06 15:00 CET"},
			{"2026-01-06T14:00:00Z", "erin", "2026-01-06 23:00 CET"},
		}},
	})
}
