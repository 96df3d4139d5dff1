package schedule

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// zoneOf loads a zone from the embedded database.
func zoneOf(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zones, err := newZoneStore()
	if err != nil {
		tb.Fatal(err)
	}
	zone, err := zones.load(name)
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

func TestLocalResolves(t *testing.T) {
	tests := []struct {
		name, zone, clock, first, last string
	}{
		{"a plain day", "Europe/Berlin", "2026-01-05 09:00", "2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z"},
		{"row 1: in the spring gap, the first instant after", "Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"row 1: first instant of the gap", "Europe/Berlin", "2026-03-29 02:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"row 1: end of the gap", "Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"row 2: in the autumn overlap, starts first and ends last", "Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"row 2: beginning of the overlap", "Europe/Berlin", "2026-10-25 02:00", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
		{"row 2: end of the overlap is shown once", "Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"},
		{"row 5: gap at midnight, São Paulo", "America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z"},
		{"row 5: gap at midnight, Beirut, leaves 09:00 alone", "Asia/Beirut", "2026-03-29 09:00", "2026-03-29T06:00:00Z", "2026-03-29T06:00:00Z"},
		{"row 5: overlap at midnight, Havana", "America/Havana", "2026-11-01 00:30", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"},
		{"row 6: Lord Howe jumps half an hour", "Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z"},
		{"row 6: Troll jumps two hours", "Antarctica/Troll", "2026-03-29 02:30", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
		{"row 28: a day that never was, Apia", "Pacific/Apia", "2011-12-30 09:00", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"row 28: the day after it", "Pacific/Apia", "2011-12-31 09:00", "2011-12-30T19:00:00Z", "2011-12-30T19:00:00Z"},
		{"a day that was twice, Kwajalein 1969", "Pacific/Kwajalein", "1969-09-30 12:00", "1969-09-30T01:00:00Z", "1969-10-01T00:00:00Z"},
		{"far beyond the table, by the zone's rule", "Europe/Berlin", "2126-07-01 09:00", "2126-07-01T07:00:00Z", "2126-07-01T07:00:00Z"},
		{"31 December of a leap year, by the zone's rule", "Europe/Berlin", "2036-12-31 12:00", "2036-12-31T11:00:00Z", "2036-12-31T11:00:00Z"},
		{"31 December of a leap year in summer", "Australia/Sydney", "2040-12-31 23:30", "2040-12-31T12:30:00Z", "2040-12-31T12:30:00Z"},
		{"1 January after a leap year", "Europe/Berlin", "2037-01-01 00:30", "2036-12-31T23:30:00Z", "2036-12-31T23:30:00Z"},
		{"a change that the zone's rule does not know, Ciudad Juárez", "America/Ciudad_Juarez", "2022-11-29 22:00", "2022-11-30T04:00:00Z", "2022-11-30T04:00:00Z"},
		{"an overlap that the zone's rule does not know", "America/Ciudad_Juarez", "2022-11-29 23:30", "2022-11-30T05:30:00Z", "2022-11-30T06:30:00Z"},
		{"a zone without changes", "UTC", "2026-03-29 02:30", "2026-03-29T02:30:00Z", "2026-03-29T02:30:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := parseClock(test.clock)
			if err != nil {
				t.Fatal(err)
			}
			zone := zoneOf(t, test.zone)
			if got := c.first(zone).UTC().Format(time.RFC3339); got != test.first {
				t.Errorf("first: got %s, want %s", got, test.first)
			}
			if got := c.last(zone).UTC().Format(time.RFC3339); got != test.last {
				t.Errorf("last: got %s, want %s", got, test.last)
			}
			if table := newClock(zone); !table.first(c).Equal(c.first(zone)) || !table.last(c).Equal(c.last(zone)) {
				t.Errorf("from its table the clock has %s and %s", table.first(c), table.last(c))
			}
		})
	}
}

func TestLocalIsStrict(t *testing.T) {
	for _, text := range []string{
		"", "2026-01-05", "2026-01-05 9:00", "2026-1-5 09:00", "2026-01-05 09:00:00", "2026-01-05T09:00", " 2026-01-05 09:00",
		"2026-01-05 09:00 ", "2026-01-05 24:00", "2026-02-29 09:00", "2026-13-01 09:00", "26-01-05 09:00", "0026-01-05 09:00", "2026-01-05 09:00+01:00",
	} {
		if c, err := parseClock(text); err == nil {
			t.Errorf("%q was read as %s", text, c)
		}
	}
}

func TestAddMonthsClampsAndComesBack(t *testing.T) {
	tests := []struct {
		name, from string
		months     int
		want       string
	}{
		{"31st in a short month", "2026-01-31 09:00", 1, "2026-02-28 09:00"},
		{"31st returns in March", "2026-01-31 09:00", 2, "2026-03-31 09:00"},
		{"30 days hath April", "2026-01-31 09:00", 3, "2026-04-30 09:00"},
		{"leap February", "2027-12-31 09:00", 2, "2028-02-29 09:00"},
		{"29 February a year on", "2028-02-29 09:00", 12, "2029-02-28 09:00"},
		{"29 February four years on", "2028-02-29 09:00", 48, "2032-02-29 09:00"},
		{"over the end of a year", "2026-11-15 23:59", 3, "2027-02-15 23:59"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			from, err := parseClock(test.from)
			if err != nil {
				t.Fatal(err)
			}
			if got := from.addMonths(test.months).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestParseCadence(t *testing.T) {
	for _, good := range []string{"1h", "36h", "1d", "9000d", "1w", "6w", "1mo", "12mo"} {
		if _, err := parseCadence(good); err != nil {
			t.Errorf("%q: refused, expected %v", good, err)
		}
	}
	for _, bad := range []string{"", "w", "0w", "-1w", "+1w", "01w", "1", "1 w", "1m", "9001d", "1.5d", "1y", "1wd", "d1", "0h", "hh", "99999999999999999999d"} {
		if _, err := parseCadence(bad); !errors.Is(err, errCadence) {
			t.Errorf("%q: got %v, want %v", bad, err, errCadence)
		}
	}
}

func TestShown(t *testing.T) {
	for _, test := range []struct {
		name, zone string
		day, month int
		want       []string
	}{
		{"once", "Europe/Berlin", 24, 10, []string{"2026-10-24T02:30:00+02:00"}},
		{"twice", "Europe/Berlin", 25, 10, []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"}},
		{"never", "Europe/Berlin", 29, 3, nil},
	} {
		zone := zoneOf(t, test.zone)
		var got []string
		for _, at := range Shown(2026, time.Month(test.month), test.day, 2, 30, zone) {
			got = append(got, at.Format(time.RFC3339))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: found %v, want %v", test.name, got, test.want)
		}
	}
}
