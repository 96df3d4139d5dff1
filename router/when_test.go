package main

import (
	"strings"
	"testing"
	"time"
)

func TestWhen(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, berlin)
	for _, row := range []struct {
		name, text string
		now        time.Time
		want       string
	}{
		{"with a zone", "2026-11-30T08:00:00-05:00", noon, "2026-11-30T08:00:00-05:00"},
		{"by the machine's clock", "2026-11-30 08:00", noon, "2026-11-30T08:00:00+01:00"},
		{"with a T", "2026-11-30T08:00", noon, "2026-11-30T08:00:00+01:00"},
		{"in summer", "2026-07-01 08:00", noon, "2026-07-01T08:00:00+02:00"},
		{"an hour of today", "13:30", noon, "2026-11-28T13:30:00+01:00"},
		{"an hour of tomorrow", "08:00", noon, "2026-11-29T08:00:00+01:00"},
		{"this very minute", "12:00", noon, "2026-11-29T12:00:00+01:00"},
		{"an hour that the clock skips tomorrow", "02:30", time.Date(2027, 3, 27, 12, 0, 0, 0, berlin), "2027-03-29T02:30:00+02:00"},
		{"an hour that the clock shows twice, the first time", "02:30", time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), "2026-10-25T02:30:00+02:00"},
		{"an hour that the clock shows once more", "02:30", time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC).In(berlin), "2026-10-25T02:30:00+01:00"},
		{"a time that the clock skips", "2027-03-28 02:30", noon, "which the clock skips"},
		{"a time that the clock shows twice", "2026-10-25 02:30", noon, "expected it with its zone, such as 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"},
		{"a day", "2026-11-30", noon, `found "2026-11-30", expected a time such as 08:00`},
		{"words", "tomorrow", noon, `found "tomorrow", expected a time such as 08:00`},
		{"no hour", "25:00", noon, `found "25:00"`},
		{"nothing", "", noon, `found ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := when(row.text, row.now)
			if err != nil {
				if !strings.Contains(err.Error(), row.want) {
					t.Errorf("found %v, want %s", err, row.want)
				}
			} else if got.Format(time.RFC3339) != row.want {
				t.Errorf("found %s, want %s", got.Format(time.RFC3339), row.want)
			}
		})
	}
}
