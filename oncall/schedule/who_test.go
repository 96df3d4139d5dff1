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

// ask is a question to the schedule api, and what is wanted.
type ask struct{ at, people, until string }

// askRow asks a file.
type askRow struct {
	name string
	text string
	asks []ask
}

func TestWho(t *testing.T) {
	askAll(t, []askRow{
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
		{"row 2: in the second of the two hours the handoff of the first has been", api(line("n", `every = "1h", from = "2026-10-25 00:30", who = ["alice", "bob", "carol", "dan"]`)), []ask{
			{"2026-10-25T00:15:00Z", "bob", "2026-10-25 02:30 CEST"},
			{"2026-10-25T00:45:00Z", "carol", "2026-10-25 03:30 CET"},
			{"2026-10-25T01:15:00Z", "carol", "2026-10-25 03:30 CET"},
		}},
		{"row 5: a gap at midnight, São Paulo", api(line("n", `every = "1d", from = "2018-11-03 00:00", zone = "America/Sao_Paulo", who = ["alice", "bob"]`)), []ask{
			{"2018-11-04T02:59:00Z", "alice", "2018-11-04 04:00 CET"},
			{"2018-11-04T03:00:00Z", "bob", "2018-11-05 03:00 CET"},
		}},
		{"row 6: a week of 167 hours", api(line("n", `every = "1w", from = "2026-03-23 09:00", who = ["alice", "bob"]`)), []ask{
			{"2026-03-23T08:00:00Z", "alice", "2026-03-30 09:00 CEST"},
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
	})
}

func askAll(t *testing.T, tests []askRow) {
	t.Helper()
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
