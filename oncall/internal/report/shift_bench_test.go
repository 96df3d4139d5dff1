package report

import (
	"os"
	"testing"
	"time"
)

// The shifts, the loads and the comparison with itself of a year of 50 schedules, without reading the file and
// writing rows. The file says at its top what is in it.
func BenchmarkYearOfFifty(b *testing.B) {
	text, err := os.ReadFile("../../testdata/bench/fifty.toml")
	if err != nil {
		b.Fatal(err)
	}
	f := parsed(b, string(text))
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	b.Run("shifts", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, name := range f.Schedules() {
				Shifts(f, name, "", from, to)
			}
		}
	})
	b.Run("loads", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Loads(f, f.Schedules(), from, to)
		}
	})
	b.Run("moves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Moves(f, f, f.Schedules(), from, to)
		}
	})
}
