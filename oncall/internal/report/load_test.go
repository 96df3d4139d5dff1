package report

import (
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
	"nezuban/oncall/schedule"
)

func TestLoads(t *testing.T) {
	tests := []struct {
		name, layers, from, to string
		want                   map[string]Load
	}{
		{
			"weeks in turn; bob's nights are those of Kathmandu", `[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]`, "2026-01-05 09:00", "2026-01-19 09:00",
			// 09:00 in Berlin is 13:45 in Kathmandu: both have seven nights.
			map[string]Load{"alice": {168, 7, 1, 0, 0}, "bob": {168, 7, 1, 0, 0}, "carol": {}},
		},
		{
			"a day in Berlin is a night in New York", `[schedule.api]
layers = [{ name = "base", every = "1d", from = "2026-01-05 04:00", who = ["carol", "-", "-", "-"] }]`, "2026-01-05 00:00", "2026-01-05 13:00",
			// 04:00 to 13:00 in Berlin is 22:00 to 07:00 in New York, of one night; in Berlin it is part of one too.
			map[string]Load{"alice": {}, "bob": {}, "carol": {9, 1, 1, 0, 0}},
		},
		{
			"half-open: from 07:00 to 22:00 there is no night", `[schedule.api]
layers = [{ name = "base", from = "2026-01-05 07:00", to = "2026-01-05 22:00", who = ["alice"] }]`, "2026-01-01 00:00", "2026-02-01 00:00",
			map[string]Load{"alice": {15, 0, 0, 0, 0}, "bob": {}, "carol": {}},
		},
		{
			"two schedules at once are one time; each turn may follow another", `[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "alice", "bob"] }]
[schedule.web]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]`, "2026-01-05 09:00", "2026-01-26 09:00",
			// bob: web in week 2, api in week 3. alice: api in weeks 1 and 2, web in weeks 1 and 3.
			map[string]Load{"alice": {504, 21, 3, 0, 2}, "bob": {336, 14, 2, 0, 1}, "carol": {}},
		},
		{
			"a change cuts a turn and begins none; the week of the change of clocks has an hour less", `[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-03-23 09:00", who = ["alice", "bob"] }]
[[change]]
cover = { on = "api", by = "bob", for = "alice", from = "2026-03-24 10:00", to = "2026-03-24 12:00" }`, "2026-03-23 09:00", "2026-03-30 09:00",
			map[string]Load{"alice": {165, 7, 1, 0, 0}, "bob": {2, 0, 0, 0, 0}, "carol": {}},
		},
		{
			"a weekend from Sunday to Monday and a night after midnight", `[schedule.api]
layers = [{ name = "base", from = "2026-01-04 23:59", to = "2026-01-05 00:01", who = ["alice"] }]`, "2026-01-01 00:00", "2026-02-01 00:00",
			map[string]Load{"alice": {2.0 / 60, 1, 1, 0, 0}, "bob": {}, "carol": {}},
		},
		{
			"days that any list of the file has, on the clock of each; one day of two schedules and two turns counts once", `[holidays]
de = [2026-12-25, 2026-12-26, 2026-12-28]
us = [2026-11-26, 2026-12-25]
[schedule.api]
layers = [{ name = "base", every = "1d", from = "2026-12-25 00:00", to = "2026-12-28 00:00", who = ["bob", "alice", "bob"] }]
[schedule.web]
layers = [{ name = "base", every = "12h", from = "2026-12-26 00:00", to = "2026-12-27 00:00", who = ["alice"] }]`, "2026-11-01 00:00", "2027-01-01 00:00",
			// bob has from the 25th at 04:45 of Kathmandu to the 26th at 04:45, and from the 27th to the 28th at 04:45.
			map[string]Load{"alice": {24, 2, 1, 1, 1}, "bob": {48, 4, 1, 3, 0}, "carol": {}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := parsed(t, `
zone = "Europe/Berlin"
[people]
alice = {}
bob = { zone = "Asia/Kathmandu" }
carol = { zone = "America/New_York" }
`+test.layers)
			local := func(text string) time.Time {
				at := instant(t, text)
				return schedule.Clock(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), f.Zone())
			}
			got := Loads(f, f.Schedules(), local(test.from), local(test.to))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLoadsAgainstMinutes counts again minute by minute, by what the clock on the wall shows.
func TestLoadsAgainstMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawing := drawn.Draw(t)
		f := drawing.File
		from := drawn.Hour(t)
		to := from.Add(time.Duration(1+drawn.Even(rapid.IntRange(0, 10*24).Draw(t, "hours"), 10*24)) * time.Hour)
		got := Loads(f, f.Schedules(), from, to)
		for _, p := range f.People() {
			minutes, nights, weekends, days := map[int64]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
			for at := range minutesOf(f, p.Name, from, to) {
				minutes[at.Unix()] = true
				wall := at.In(p.Zone)
				if wall.Hour() >= 22 || wall.Hour() < 7 {
					nights[wall.Add(-12*time.Hour).Format(time.DateOnly)] = true
				}
				if date := wall.Format(time.DateOnly); slices.Contains(drawing.Holidays[p.Name], date) {
					days[date] = true
				}
				if day := wall.Weekday(); day == time.Saturday || day == time.Sunday {
					year, week := wall.ISOWeek()
					weekends[time.Date(year, 1, week, 0, 0, 0, 0, time.UTC).String()] = true
				}
			}
			have := got[p.Name]
			if int(have.Hours*60+0.5) != len(minutes) || have.Nights != len(nights) || have.Weekends != len(weekends) || have.Holidays != len(days) {
				t.Fatalf("%s from %v to %v: %+v, counted %d minutes, nights %v, weekends %v, holidays %v", p.Name, from, to, have, len(minutes), nights, weekends, days)
			}
		}
	})
}

// minutesOf are the minutes in which a person is on call; one comes again for each schedule.
func minutesOf(f *schedule.File, person string, from, to time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for _, name := range f.Schedules() {
			for shift := range f.Shifts(name, from, to) {
				for at := shift.From; at.Before(shift.To) && slices.Contains(shift.People, person); at = at.Add(time.Minute) {
					if !yield(at) {
						return
					}
				}
			}
		}
	}
}
