package daysoff_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/internal/daysoff"
	"nezuban/oncall/schedule"
)

func berlin(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := schedule.LoadZone("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// vevents is a calendar with events of these lines.
func vevents(events ...string) string {
	out := "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n"
	for _, e := range events {
		out += "BEGIN:VEVENT\nUID:x\nDTSTAMP:20260101T000000Z\nSUMMARY:away\n" + e + "\nEND:VEVENT\n"
	}
	return strings.ReplaceAll(out+"END:VCALENDAR\n", "\n", "\r\n")
}

func read(tb testing.TB, text string) ([]string, error) {
	tb.Helper()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	days, err := daysoff.Read([]byte(text), berlin(tb), from, from.AddDate(1, 0, 0))
	var shown []string
	for _, d := range days {
		const form = "2006-01-02 15:04 MST"
		shown = append(shown, d.From.In(berlin(tb)).Format(form)+" to "+d.To.In(berlin(tb)).Format(form))
	}
	return shown, err
}

// misleading is a tz database in which these zones have the clock of UTC.
func misleading(t *testing.T, zones ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := "TZif\x00" + strings.Repeat("\x00", 31) + "\x00\x00\x00\x01\x00\x00\x00\x04" + "\x00\x00\x00\x00\x00\x00UTC\x00"
	for _, zone := range zones {
		path := filepath.Join(dir, zone)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(file), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	// Whatever the machine's database of zones says: it has no say.
	t.Setenv("ZONEINFO", misleading(t, "Europe/Berlin", "America/New_York"))
	tests := []struct {
		name, event string
		want        []string
	}{
		{"a day", "DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260311", []string{"2026-03-10 00:00 CET to 2026-03-11 00:00 CET"}},
		{"a week over the change of the clock", "DTSTART;VALUE=DATE:20260325\nDTEND;VALUE=DATE:20260401", []string{"2026-03-25 00:00 CET to 2026-04-01 00:00 CEST"}},
		{"a day without an end", "DTSTART;VALUE=DATE:20260310", []string{"2026-03-10 00:00 CET to 2026-03-11 00:00 CET"}},
		{"times in UTC", "DTSTART:20260310T120000Z\nDTEND:20260310T160000Z", []string{"2026-03-10 13:00 CET to 2026-03-10 17:00 CET"}},
		{"times of a zone", "DTSTART;TZID=America/New_York:20260310T090000\nDTEND;TZID=America/New_York:20260310T170000", []string{"2026-03-10 14:00 CET to 2026-03-10 22:00 CET"}},
		{"from one zone to another", "DTSTART;TZID=America/New_York:20260310T090000\nDTEND;TZID=Europe/Berlin:20260310T170000", []string{"2026-03-10 14:00 CET to 2026-03-10 17:00 CET"}},
		{"a zone that nobody knows is the person's", "DTSTART;TZID=W. Europe Standard Time:20260310T090000\nDURATION:PT8H", []string{"2026-03-10 09:00 CET to 2026-03-10 17:00 CET"}},
		{"times without a zone are the person's", "DTSTART:20260310T090000\nDURATION:P1DT1H30M", []string{"2026-03-10 09:00 CET to 2026-03-11 10:30 CET"}},
		{"cancelled", "STATUS:CANCELLED\nDTSTART;VALUE=DATE:20260310", nil},
		{"no time at all", "DTSTART:20260310T090000Z", nil},
		{"an end before the start", "DTSTART:20260310T090000Z\nDTEND:20260310T080000Z", nil},
		{"before and after", "DTSTART;VALUE=DATE:20251231\nDTEND;VALUE=DATE:20260102", []string{"2025-12-31 00:00 CET to 2026-01-02 00:00 CET"}},
		{"too early", "DTSTART;VALUE=DATE:20250310", nil},
		{"every Friday of a while, except one", "DTSTART;VALUE=DATE:20260320\nRRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;VALUE=DATE:20260327", []string{
			"2026-03-20 00:00 CET to 2026-03-21 00:00 CET", "2026-04-03 00:00 CEST to 2026-04-04 00:00 CEST", "2026-04-10 00:00 CEST to 2026-04-11 00:00 CEST",
		}},
		{"a repetition of a clock time keeps it", "DTSTART;TZID=Europe/Berlin:20260327T220000\nDURATION:PT8H\nRRULE:FREQ=DAILY;UNTIL=20260330T000000Z", []string{
			"2026-03-27 22:00 CET to 2026-03-28 06:00 CET", "2026-03-28 22:00 CET to 2026-03-29 06:00 CEST", "2026-03-29 22:00 CEST to 2026-03-30 06:00 CEST",
		}},
		{"and on further days", "DTSTART;VALUE=DATE:20260310\nRDATE;VALUE=DATE:20260401,20260402", []string{
			"2026-03-10 00:00 CET to 2026-03-11 00:00 CET", "2026-04-01 00:00 CEST to 2026-04-02 00:00 CEST", "2026-04-02 00:00 CEST to 2026-04-03 00:00 CEST",
		}},
		{"marked as free: away all the same", "TRANSP:TRANSPARENT\nDTSTART;VALUE=DATE:20260310", []string{"2026-03-10 00:00 CET to 2026-03-11 00:00 CET"}},
		{"a repetition that never ends", "DTSTART;VALUE=DATE:20100704\nRRULE:FREQ=YEARLY", []string{"2026-07-04 00:00 CEST to 2026-07-05 00:00 CEST"}},
		{"a repetition that never comes", "DTSTART;VALUE=DATE:20260201\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := read(t, vevents(test.event))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestReadNamesWhatItCannotRead(t *testing.T) {
	good := "DTSTART;VALUE=DATE:20260310"
	tests := []struct{ name, text, want string }{
		{"no calendar", "hello", "found no iCalendar: "},
		{"nothing", "", ""},
		{"cut off", strings.TrimSuffix(vevents(good), "END:VCALENDAR\r\n"), ""},
		{"a time that is none", vevents("DTSTART:soon", good), `event "away": found a time that cannot be read: "soon"`},
		{"no start", vevents("DTEND:20260310T090000Z", good), `event "away": found no DTSTART`},
		{"a duration that is none", vevents("DTSTART:20260310T090000Z\nDURATION:PXD", good), `event "away": found a duration "PXD", expected one like P2D`},
		{"a repetition by seconds", vevents("DTSTART:20260310T090000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY", good), `event "away": found a repetition "FREQ=SECONDLY", expected one by days, weeks, months or years`},
		{"a repetition that is none", vevents("DTSTART;VALUE=DATE:20260311\nRRULE:FREQ=SOMETIMES", good), `event "away": found a repetition "FREQ=SOMETIMES"`},
		{"too large", strings.Repeat("x", 4<<20+1), "found more than 4194304 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := read(t, test.text)
			if test.want == "" {
				return // what a library makes of it; it must not panic
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if strings.Contains(test.text, good) && !slices.Contains(got, "2026-03-10 00:00 CET to 2026-03-11 00:00 CET") {
				t.Errorf("the good event is lost: %v", got)
			}
		})
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alice.ics")
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := daysoff.ReadFile(path, time.UTC, from, from.AddDate(1, 0, 0)); err == nil || !strings.Contains(err.Error(), "alice.ics") {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte(vevents("DTSTART;VALUE=DATE:20260310")), 0o600); err != nil {
		t.Fatal(err)
	}
	if days, err := daysoff.ReadFile(path, time.UTC, from, from.AddDate(1, 0, 0)); err != nil || len(days) != 1 {
		t.Errorf("%v, %v", days, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(vevents("DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260311\nRRULE:FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2;COUNT=9\nEXDATE:20260320,20260327")))
	f.Add([]byte(vevents("DTSTART;TZID=Europe/Berlin:20260310T090000\nDURATION:P1W2DT3H4M5S\nRRULE:FREQ=MONTHLY;BYMONTHDAY=31;UNTIL=20270101T000000Z")))
	f.Add([]byte(vevents("DTSTART;TZID=\"a;b\":20260310T090000\nDTEND:20260311T000000Z\nRRULE:FREQ=YEARLY;BYYEARDAY=366;BYSETPOS=-1")))
	zone := berlin(f)
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	f.Fuzz(func(t *testing.T, data []byte) {
		days, _ := daysoff.Read(data, zone, from, to)
		for _, d := range days {
			if !d.From.Before(d.To) || !d.From.Before(to) || !from.Before(d.To) {
				t.Fatalf("a day off from %s to %s", d.From, d.To)
			}
		}
	})
}
