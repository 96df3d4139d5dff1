package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

// Rows of the decided semantics that are about what is refused.
func TestRowsRefuse(t *testing.T) {
	always := line("n", `from = "2026-01-05 09:00", who = ["alice"]`)
	tests := []struct{ name, text, want string }{
		{"row 13: two covers of one person at one time", api(weekly) + coverOf("dan", "bob", "2026-01-12 09:00", "2026-01-14 09:00") + coverOf("erin", "bob", "2026-01-13 09:00", "2026-01-15 09:00"), "expected no second cover of bob on api"},
		{"row 13: though they agree", api(weekly) + coverOf("dan", "bob", "2026-01-12 09:00", "2026-01-14 09:00") + coverOf("dan", "bob", "2026-01-13 09:00", "2026-01-15 09:00"), "expected no second cover of bob on api"},
		{"row 21: somebody unknown in a ring", api(line("n", `from = "2026-01-05 09:00", who = ["zoe"]`)), `found "zoe", expected a person of [people]`},
		{"row 21: in a group of a ring", api(line("n", `from = "2026-01-05 09:00", who = [["alice", "zoe"]]`)), `found "zoe", expected a person of [people]`},
		{"row 21: who covers", api(weekly) + coverOf("zoe", "bob", "2026-01-12 09:00", "2026-01-14 09:00"), `found "zoe", expected a person of [people]`},
		{"row 21: who is covered", api(weekly) + coverOf("bob", "zoe", "2026-01-12 09:00", "2026-01-14 09:00"), `found "zoe", expected a person of [people]`},
		{"row 21: who is off", api(weekly) + offOf("zoe", "2026-01-12", "2026-01-14"), `found "zoe", expected a person of [people]`},
		{"row 21: who is added", api(weekly) + addOf("zoe", "2026-01-12", "2026-01-14"), `found "zoe", expected a person of [people]`},
		{"row 21: who swaps", api(weekly) + swapOf(`turns = ["zoe 2026-01-05", "bob 2026-01-12"]`), `found "zoe 2026-01-05", expected a person of [people]`},
		{"row 24: a line without length", api(line("n", `from = "2026-01-05 09:00", to = "2026-01-05 09:00", who = ["alice"]`)), `expected a time after "from"`},
		{"row 24: a cover without length", api(weekly) + coverOf("dan", "bob", "2026-01-12 09:00", "2026-01-12 09:00"), `expected a time after "from"`},
		{"row 24: an off that ends before it begins", api(weekly) + offOf("bob", "2026-01-12", "2026-01-11"), `expected a time after "from"`},
		{"row 24: an add without length", api(weekly) + addOf("bob", "2026-01-12 09:00", "2026-01-12 09:00"), `expected a time after "from"`},
		{"row 25: seconds in a from", api(line("n", `from = "2026-01-05 09:00:30", who = ["alice"]`)), "expected a local time of whole minutes"},
		{"row 25: a time of TOML, which has seconds", api(line("n", `from = 2026-01-05T09:00:00, who = ["alice"]`)), "expected a local time of whole minutes"},
		{"row 25: seconds in a to", api(line("n", `from = "2026-01-05 09:00", to = "2026-01-06 09:00:00", who = ["alice"]`)), "expected a local time of whole minutes"},
		{"row 25: seconds in a change", api(weekly) + offOf("bob", "2026-01-12 09:00:00", "2026-01-13"), "expected a local time of whole minutes"},
		{"row 25: seconds in a window", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "09:00:00-17:00"`)), "expected windows such as"},
		{"row 29: a zone of the machine", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], zone = "Local"`)), "expected a zone of the tz database"},
		{"fine print 2: shifts of hours", api(line("n", `every = "8h", from = "2026-01-05 09:00", who = ["alice"], count = "shifts"`)), `expected an "every" in days, weeks or months`},
		{"fine print 3: a start at 24:00", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = "24:00-06:00"`)), "expected windows such as"},
		{"fine print 4: a from without a clock", api(line("n", `from = "2026-01-05", who = ["alice"]`)), "expected a local time of whole minutes"},
		{"fine print 5: a list that there is not", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], only = "de"`)), "expected a list of [holidays]"},
		{"fine print 6: a ring without turns", api(line("n", `from = "2026-01-05 09:00", who = []`)), "expected at least one turn"},
		{"fine print 6: several turns and no every", api(line("n", `from = "2026-01-05 09:00", who = ["alice", "bob"]`)), "expected a whole number from 1 to 9000"},
		{"fine print 6: 9001", api(line("n", `every = "9001d", from = "2026-01-05 09:00", who = ["alice"]`)), "expected a whole number from 1 to 9000"},
		{"fine print 6: no from", api(line("n", `who = ["alice"]`)), "expected a local time of whole minutes"},
		{"fine print 8: lines apart", api(line("n", `from = "2026-01-05 09:00", to = "2026-01-06 09:00", who = ["alice"]`), weekly, line("n", `from = "2026-01-06 09:00", who = ["bob"]`)), "expected the lines of one layer to stand together"},
		{"fine print 8: a line without end that is not the last", api(always, line("n", `from = "2026-01-06 09:00", who = ["bob"]`)), `to have a "to"`},
		{"fine print 8: lines that overlap", api(line("n", `from = "2026-01-05 09:00", to = "2026-01-06 09:01", who = ["alice"]`), line("n", `from = "2026-01-06 09:00", who = ["bob"]`)), "expected no time before 2026-01-06 09:01"},
		{"fine print 9: a day with several turns, which are named", api(line("n", `every = "8h", from = "2026-01-05 00:00", who = ["alice", "alice", "bob"]`)) + swapOf(`turns = ["alice 2026-01-05", "bob 2026-01-05"]`), "not those from 2026-01-05 00:00, 2026-01-05 08:00"},
		{"fine print 9: two layers that fit", api(weekly, strings.Replace(weekly, "base", "top", 1)) + swapOf(`turns = ["alice 2026-01-05", "bob 2026-01-12"]`), "each text names a turn in base and in top"},
		{"fine print 9: the wrong owner", api(weekly) + swapOf(`turns = ["carol 2026-01-05", "bob 2026-01-12"]`), "expected the day of a turn of carol"},
		{"fine print 13: a name for a person and a schedule", "[schedule.alice]\nlayers = [" + always + "]\n", "expected a name that no person has"},
		{"fine print 14: a key that nobody knows", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], until = "2026-02-01"`)), "unknown key"},
		{"fine print 14: a zone that there is not", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], zone = "Mars/Olympus"`)), "expected a zone of the tz database"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := schedule.Parse("oncall.toml", []byte(rotation(test.text))); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// Row 6: a turn is a local day or week, and lasts as many hours as that has.
func TestRowsOfRealHours(t *testing.T) {
	tests := []struct {
		name, zone, every, from string
		want                    []string
	}{
		{"row 6: a day of 23 hours", "Europe/Berlin", "1d", "2026-03-27 09:00", []string{"24h0m0s", "23h0m0s", "24h0m0s"}},
		{"row 6: a day of 25 hours", "Europe/Berlin", "1d", "2026-10-23 09:00", []string{"24h0m0s", "25h0m0s", "24h0m0s"}},
		{"row 6: a week of 167 hours", "America/New_York", "1w", "2026-03-02 09:00", []string{"167h0m0s", "168h0m0s"}},
		{"row 6: a week of 169 hours", "America/New_York", "1w", "2026-10-26 09:00", []string{"169h0m0s", "168h0m0s"}},
		{"row 6: Lord Howe, 23.5 hours", "Australia/Lord_Howe", "1d", "2026-10-03 09:00", []string{"23h30m0s", "24h0m0s"}},
		{"row 6: Lord Howe, 24.5 hours", "Australia/Lord_Howe", "1d", "2026-04-04 09:00", []string{"24h30m0s", "24h0m0s"}},
		{"row 6: Troll, 22 hours", "Antarctica/Troll", "1d", "2026-03-28 09:00", []string{"22h0m0s", "24h0m0s"}},
		{"row 6: Troll, 26 hours", "Antarctica/Troll", "1d", "2026-10-24 09:00", []string{"26h0m0s", "24h0m0s"}},
		{"row 5: São Paulo at midnight, 23 hours", "America/Sao_Paulo", "1d", "2018-11-03 00:00", []string{"24h0m0s", "23h0m0s", "24h0m0s"}},
		{"row 5: Beirut at midnight, 23 hours", "Asia/Beirut", "1d", "2026-03-28 00:00", []string{"24h0m0s", "23h0m0s", "24h0m0s"}},
		{"row 5: Cairo at midnight, 23 hours", "Africa/Cairo", "1d", "2026-04-23 00:00", []string{"24h0m0s", "23h0m0s", "24h0m0s"}},
		{"row 7: an hour that comes twice lasts two, one left out none", "Europe/Berlin", "1h", "2026-10-25 01:00", []string{"1h0m0s", "2h0m0s", "1h0m0s"}},
		{"row 7: two hours over the gap last one", "Europe/Berlin", "2h", "2026-03-29 01:00", []string{"1h0m0s", "2h0m0s"}},
		{"row 7: hours of Kathmandu, 45 minutes beside the hour", "Asia/Kathmandu", "8h", "2026-03-29 06:00", []string{"8h0m0s", "8h0m0s"}},
		{"row 23: a month from the 31st", "Europe/Berlin", "1mo", "2026-01-31 09:00", []string{"672h0m0s", "743h0m0s", "720h0m0s"}},
		{"row 28: Apia skips a day", "Pacific/Apia", "1w", "2011-12-26 09:00", []string{"144h0m0s", "168h0m0s"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := mustParse(t, rotation(api(line("n", fmt.Sprintf(`every = %q, from = %q, zone = %q, who = ["alice", "bob"]`, test.every, test.from, test.zone)))))
			from := f.Lines()[0].Begin
			for shift := range f.Shifts("api", from, from.AddDate(1, 0, 0)) {
				if got := shift.To.Sub(shift.From).String(); got != test.want[0] {
					t.Fatalf("from %s it lasts %s, want %s", shift.From.In(from.Location()), got, test.want[0])
				}
				if test.want = test.want[1:]; len(test.want) == 0 {
					return
				}
			}
			t.Fatal("too few shifts")
		})
	}
}

// Rows that had no home in the tables about windows and changes.
func TestRowsOfAnswers(t *testing.T) {
	askAll(t, []askRow{
		{"row 4: gone in a gap with the windows beside it", api(line("n", `from = "2026-01-05 09:00", who = ["alice"], when = ["01:00-01:30", "02:15-02:45"]`)), []ask{
			{"2026-03-29T00:00:00Z", "alice", "2026-03-29 01:30 CET"},
			{"2026-03-29T00:30:00Z", "", "2026-03-30 01:00 CEST"},
		}},
		{"row 5: a gap at midnight leaves 09:00 alone, Beirut", api(line("n", `every = "1d", from = "2026-03-27 09:00", zone = "Asia/Beirut", who = ["alice", "bob", "carol"]`)), []ask{
			{"2026-03-29T05:59:00Z", "bob", "2026-03-29 08:00 CEST"},
			{"2026-03-29T06:00:00Z", "carol", "2026-03-30 08:00 CEST"},
		}},
		{"row 8: who is nth depends on nothing but from, in any order of questions", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"]`)), []ask{
			{"2126-01-07T08:00:00Z", "bob", "2126-01-14 09:00 CET"}, // week 5218
			{"2026-01-05T08:00:00Z", "alice", "2026-01-12 09:00 CET"},
			{"2126-01-07T08:00:00Z", "bob", "2126-01-14 09:00 CET"},
		}},
		{"row 8: an hour lost each spring uses up no turn", api(line("n", `every = "1h", from = "2026-01-01 00:00", who = ["alice", "bob", "carol", "dan", "erin"]`)), []ask{
			{"2026-12-31T23:00:00Z", "erin", "2027-01-01 01:00 CET"}, // 8760 hours on the wall, one of them lost
			{"2027-12-31T23:00:00Z", "dan", "2028-01-01 01:00 CET"},
		}},
		{"row 10: weeks run from any weekday on", api(line("n", `every = "2w", from = "2026-01-03 18:30", who = ["alice", "bob"]`)), []ask{
			{"2026-01-17T17:29:00Z", "alice", "2026-01-17 18:30 CET"},
			{"2026-01-17T17:30:00Z", "bob", "2026-01-31 18:30 CET"},
		}},
		{"row 17: off, then cover, then add", api(weekly) + offOf("alice", "2026-01-06", "2026-01-06") + coverOf("dan", "bob", "2026-01-06 00:00", "2026-01-06 12:00") +
			coverOf("erin", "alice", "2026-01-06 00:00", "2026-01-06 12:00") + addOf("bob", "2026-01-06 06:00", "2026-01-06 12:00"), []ask{
			{"2026-01-05T23:00:00Z", "dan", "2026-01-06 06:00 CET"}, // bob steps in and is covered; alice's time is nobody's
			{"2026-01-06T05:00:00Z", "bob, dan", "2026-01-06 12:00 CET"},
		}},
		{"row 23: 29 February each year", api(line("n", `every = "12mo", from = "2028-02-29 09:00", who = ["alice", "bob"]`)), []ask{
			{"2029-02-28T08:00:00Z", "bob", "2030-02-28 09:00 CET"},
			{"2031-12-01T08:00:00Z", "bob", "2032-02-29 09:00 CET"},
		}},
		{"row 23: the 31st comes back in March with its clock", api(line("n", `every = "1mo", from = "2026-01-31 02:30", zone = "Europe/Berlin", who = ["alice", "bob"]`)), []ask{
			{"2026-03-01T08:00:00Z", "bob", "2026-03-31 02:30 CEST"},
		}},
		{"row 27: a change of today leaves yesterday's answers alone", api(weekly) + offOf("alice", "2026-01-08", "2026-01-09"), []ask{
			{"2026-01-06T12:00:00Z", "alice", "2026-01-08 00:00 CET"},
			{"2025-12-31T12:00:00Z", "", "2026-01-05 09:00 CET"},
		}},
		{"fine print 2: a new line of the same name counts from its own from", api(
			line("n", `every = "2d", from = "2026-01-05 00:00", to = "2026-01-08 00:00", who = ["alice", "bob"], when = "Mon-Fri 00:00-24:00", count = "shifts"`),
			line("n", `every = "2d", from = "2026-01-08 00:00", who = ["carol", "dan"], when = "Mon-Fri 00:00-24:00", count = "shifts"`)), []ask{
			{"2026-01-07T12:00:00Z", "bob", "2026-01-08 00:00 CET"},
			{"2026-01-09T12:00:00Z", "carol", "2026-01-10 00:00 CET"},
			{"2026-01-12T12:00:00Z", "dan", "2026-01-14 00:00 CET"},
		}},
		{"fine print 2: without when each day counts, by the day of the wall that was skipped not", api(line("n", `every = "1d", from = "2011-12-28 00:00", zone = "Pacific/Apia", who = ["alice", "bob", "carol", "dan"], count = "shifts"`)), []ask{
			{"2011-12-29T12:00:00Z", "bob", "2011-12-30 11:00 CET"},
			{"2011-12-30T10:00:00Z", "carol", "2011-12-31 11:00 CET"},
		}},
		{"fine print 6: every may be left out of a ring of one", api(line("n", `from = "2026-01-05 09:00", who = [["alice", "bob"]]`)), []ask{
			{"2036-01-05T08:00:00Z", "alice, bob", "further notice"},
		}},
		{"fine print 6: a ring of nobody is transparent", api(weekly, line("n", `from = "2026-01-05 09:00", who = ["-"]`)), []ask{
			{"2026-01-05T08:00:00Z", "alice", "2026-01-12 09:00 CET"},
		}},
		{"fine print 11: added twice, or on call already, is on call once", api(weekly) + addOf("dan", "2026-01-06", "2026-01-07") + addOf("dan", "2026-01-07", "2026-01-08") + addOf("alice", "2026-01-07", "2026-01-07"), []ask{
			{"2026-01-07T12:00:00Z", "alice, dan", "2026-01-09 00:00 CET"},
		}},
		{"fine print 1: what begins exactly ten years later is the last to be seen", api(line("n", `every = "120mo", from = "2026-01-05 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-01-05T08:00:00Z", "alice", "2036-01-05 09:00 CET"},
		}},
	})
}

// Fine print 15: one answer for each schedule in file order, at echoed, until in the file's zone, people sorted.
func TestRowOfAllSchedules(t *testing.T) {
	f := mustParse(t, rotation("[schedule.web]\nlayers = ["+line("n", `from = "2026-01-05 09:00", who = [["dan", "carol"]]`)+"]\n"+api(weekly)))
	at := time.Date(2026, 1, 6, 7, 30, 15, 500, time.FixedZone("", 5*3600+45*60))
	var got []string
	for _, a := range f.OnCall(at) {
		if a.At != at {
			t.Errorf("at %s, want %s", a.At, at)
		}
		got = append(got, a.String())
	}
	want := "on call: carol, dan (web, until further notice)\non call: alice (api, until 2026-01-12 09:00 CET)"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// Fine print 16: all pairs must be equal, and a route without any fits everything.
func TestRowOfRoutes(t *testing.T) {
	r := schedule.Route{Match: map[string]string{"team": "api", "host": "a"}}
	for labels, want := range map[string]bool{"api a": true, "api b": false, " a": false} {
		team, host, _ := strings.Cut(labels, " ")
		if got := r.Matches(map[string]string{"team": team, "host": host, "zone": "x"}); got != want {
			t.Errorf("%q: %v, want %v", labels, got, want)
		}
	}
	if !(schedule.Route{}).Matches(nil) {
		t.Error("a route without match does not fit")
	}
}
