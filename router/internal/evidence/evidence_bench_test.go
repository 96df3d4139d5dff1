package evidence_test

import (
	"testing"
	"time"

	"nezuban/router/internal/evidence"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/rule/slo"
)

// month is the evidence of one objective of a check of three locations that has been made every minute for thirty days.
func month(b *testing.B) rule.Evidence {
	b.Helper()
	o, err := slo.NewObjective(slo.Target{Percent: 99.9, Period: 30 * 24 * time.Hour, Interval: time.Minute, MinBad: 2, MinTotal: 3})
	if err != nil {
		b.Fatal(err)
	}
	e := o.NewEvaluator(epoch)
	for n := range 30 * 24 * 60 {
		at := epoch.Add(time.Duration(n) * time.Minute)
		for i, location := range []string{"tokyo", "oregon", "frankfurt"} {
			e.Observe(location, at.Add(time.Duration(i)*time.Second), n%1000 == 0, at)
		}
	}
	return rule.Evidence{Version: 1, Rule: "shop-availability", Check: "shop", Kept: e.Keep()}
}

// BenchmarkCheckpoint writes the evidence of 1,000 objectives anew, on the disk.
func BenchmarkCheckpoint(b *testing.B) {
	one := month(b)
	s := evidence.New(b.TempDir())
	for b.Loop() {
		err := s.Checkpoint(func(yield func(rule.Evidence) bool) {
			for range 1000 {
				if !yield(one) {
					return
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend writes down what 1,000 checks of three locations yield in ten seconds, on the disk.
func BenchmarkAppend(b *testing.B) {
	s := evidence.New(b.TempDir())
	if err := s.Checkpoint(func(func(rule.Evidence) bool) {}); err != nil {
		b.Fatal(err)
	}
	results := make([]rule.Counted, 500)
	for i := range results {
		results[i] = rule.Counted{Check: "shop", Location: "tokyo", At: epoch, Taken: epoch}
	}
	for b.Loop() {
		if err := s.Append(results); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead goes on from the evidence of 1,000 objectives.
func BenchmarkRead(b *testing.B) {
	one := month(b)
	dir := b.TempDir()
	err := evidence.New(dir).Checkpoint(func(yield func(rule.Evidence) bool) {
		for range 1000 {
			if !yield(one) {
				return
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var n notes
		if _, err := evidence.New(dir).Read(&n); err != nil || len(n.lines) != 1000 {
			b.Fatalf("read %d, %v", len(n.lines), err)
		}
	}
}
