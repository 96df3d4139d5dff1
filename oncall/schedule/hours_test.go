package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func hoursOf(tb testing.TB, zone string, texts ...string) Hours {
	tb.Helper()
	var list []window
	for _, text := range texts {
		open, err := parseWindow(text)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, open...)
	}
	return newHours(texts, list, newClock(zoneOf(tb, zone)))
}

func TestHoursUntil(t *testing.T) {
	night := hoursOf(t, "Europe/Berlin", "22:00-08:00")
	tests := []struct {
		name  string
		hours Hours
		at    string
		want  string // "" for none
	}{
		{"within", night, "2026-01-05T23:00:00+01:00", "2026-01-06 08:00 CET"},
		{"after midnight", night, "2026-01-06T07:59:59+01:00", "2026-01-06 08:00 CET"},
		{"at the end", night, "2026-01-06T08:00:00+01:00", ""},
		{"at the beginning", night, "2026-01-05T22:00:00+01:00", "2026-01-06 08:00 CET"},
		{"by day", night, "2026-01-05T12:00:00+01:00", ""},
		{"over the spring change", night, "2026-03-28T23:00:00+01:00", "2026-03-29 08:00 CEST"},
		{"over the autumn change", night, "2026-10-24T23:00:00+02:00", "2026-10-25 08:00 CET"},
		{"an end that comes twice is the second", hoursOf(t, "Europe/Berlin", "22:00-02:30"), "2026-10-24T23:00:00+02:00", "2026-10-25 02:30 CET"},
		{"an end that is left out is the jump", hoursOf(t, "Europe/Berlin", "22:00-02:30"), "2026-03-28T23:00:00+01:00", "2026-03-29 03:00 CEST"},
		{"windows that touch are one", hoursOf(t, "UTC", "22:00-24:00", "00:00-08:00"), "2026-01-05T23:00:00Z", "2026-01-06 08:00 UTC"},
		{"the only free hour is left out by the clock: the one of the next day", hoursOf(t, "Europe/Berlin", "03:00-02:00"), "2026-03-28T23:00:00+01:00", "2026-03-30 02:00 CEST"},
		{"a weekend", hoursOf(t, "UTC", "Fri 18:00-Mon 08:00"), "2026-01-10T12:00:00Z", "2026-01-12 08:00 UTC"},
		{"no hours", Hours{}, "2026-01-05T23:00:00Z", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, test.at)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if end := test.hours.Until(at); !end.IsZero() {
				got = end.Format("2006-01-02 15:04 MST")
			}
			if got != test.want {
				t.Errorf("until %q, want %q", got, test.want)
			}
		})
	}
}

// A minute is in hours that the clock says it is in, and Until is the first that is not.
func TestHoursUntilIsTheFirstMinuteOutside(t *testing.T) {
	hours := hoursOf(t, "Europe/Berlin", "Mon-Fri 21:15-06:45", "Sat 10:00-Sun 23:00")
	inside := func(at time.Time) bool {
		local := at.In(hours.clock.zone)
		clock := local.Hour()*60 + local.Minute()
		day := (int(local.Weekday()) + 6) % 7 // Monday is 0
		late, early := clock >= 21*60+15 && day < 5, clock < 6*60+45 && day >= 1 && day <= 5
		return late || early || (day == 5 && clock >= 600) || (day == 6 && clock < 23*60)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 60*24*58).Draw(t, "minute"), 0, 0, time.UTC) // no change of the clock
		end := hours.Until(at)
		if end.IsZero() == inside(at) {
			t.Fatalf("at %s until %s, inside is %t", at, end, inside(at))
		}
		for m := at; !end.IsZero() && m.Before(end); m = m.Add(time.Minute) {
			if !inside(m) {
				t.Fatalf("at %s until %s, but %s is outside", at, end, m)
			}
		}
		if !end.IsZero() && inside(end) {
			t.Fatalf("at %s until %s, which is inside", at, end)
		}
	})
}

func TestWholeWeek(t *testing.T) {
	for text, want := range map[string]bool{
		"00:00-24:00": true, "08:00-08:00": true, "Mon 09:00-Mon 09:00": true, "00:01-24:00": false, "Mon-Sat 00:00-24:00": false,
		"09:00-08:59": false,
	} {
		list, err := parseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := wholeWeek(list); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
	three := []window{{start: 5 * minutesPerDay, length: 3 * minutesPerDay}, {start: minutesPerDay, length: 2 * minutesPerDay}, {start: 3 * minutesPerDay, length: 2 * minutesPerDay}}
	if !wholeWeek(three) {
		t.Error("three windows that follow each other around the week leave something out")
	}
	if wholeWeek(three[:2]) {
		t.Error("two of them leave nothing out")
	}
}

// However many names are wrong, the work stays bounded.
func TestSuggestionsAreBounded(t *testing.T) {
	var p parser
	for i := range 2 * maxSuggestions {
		p.suggest(fmt.Sprint("person ", i), []string{"persona"})
	}
	if p.suggested > maxSuggestions+1 {
		t.Errorf("%d names were compared, want at most %d", p.suggested, maxSuggestions+1)
	}
	var q parser
	for written, want := range map[string]string{
		"alcie": ` (did you mean "alice"?)`, "alice": "", "": "", "zoe": "", "bo": ` (did you mean "bob"?)`, "xx": "",
	} {
		if got := q.suggest(written, []string{"alice", "bob"}); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}
