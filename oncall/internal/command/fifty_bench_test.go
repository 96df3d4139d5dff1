package command

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// fifty is the rotation file of a company with 50 schedules; it says at its top what is in it.
const fifty = "../../testdata/bench/fifty.toml"

// 100,000 times of one year, in no order, through `who --at -` for one schedule: reading the file and the times and
// writing the answers are all in it.
func BenchmarkWhoAtInput(b *testing.B) {
	const times = 100_000
	var in strings.Builder
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for i := range times {
		minute := i * 104729 % (365 * 24 * 60) // a prime number: the times are spread over the year
		fmt.Fprintln(&in, start.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339))
	}
	for _, test := range []struct {
		name string
		args []string
	}{
		{"weeks and office hours/text", []string{"--schedule", "api"}},
		{"weeks and office hours/json", []string{"--schedule", "api", "--json"}},
		{"three zones/text", []string{"--schedule", "api-sun"}},
		{"three zones/json", []string{"--schedule", "api-sun", "--json"}},
		{"twelve hours/json", []string{"--schedule", "api-shifts", "--json"}},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run(b, strings.NewReader(in.String()), append([]string{"who", fifty, "--at", "-"}, test.args...)...)
			}
			b.ReportMetric(float64(b.N)*times/b.Elapsed().Seconds(), "answers/s")
		})
	}
}

// A year of all 50 schedules through `shifts`, with reading the file and writing 40,000 rows.
func BenchmarkShiftsOfFifty(b *testing.B) {
	for _, format := range []string{"table", "json", "csv", "markdown", "ical"} {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run(b, nil, "shifts", fifty, "--from", "2026-01-05", "--to", "2027-01-04", "--format", format)
			}
		})
	}
}

// run runs a command that must succeed.
func run(b *testing.B, in io.Reader, args ...string) {
	b.Helper()
	var complaints bytes.Buffer
	world := World{In: in, Out: io.Discard, Err: &complaints, Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	if code := Run(args, world); code != exitOK {
		b.Fatalf("exit code %d: %s", code, complaints.String())
	}
}
