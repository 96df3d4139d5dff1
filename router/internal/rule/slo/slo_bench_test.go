package slo_test

import (
	"testing"
	"time"

	"nezuban/router/internal/rule/slo"
)

// BenchmarkTick assesses 10,000 evaluators, each with an hour of results of three sources; minute is when every ring
// turns a bucket.
func BenchmarkTick(b *testing.B) {
	o, err := slo.NewObjective(target())
	if err != nil {
		b.Fatal(err)
	}
	evaluators := make([]*slo.Evaluator, 10_000)
	now := epoch.Add(time.Hour)
	for i := range evaluators {
		e := o.NewEvaluator(epoch)
		for n := range 60 {
			for _, source := range []string{"tokyo", "frankfurt", "oregon"} {
				e.Observe(source, epoch.Add(time.Duration(n)*time.Minute), n%7 == 0, epoch.Add(time.Duration(n)*time.Minute))
			}
		}
		evaluators[i] = e
	}
	for _, tt := range []struct {
		name string
		step time.Duration
	}{{"second", time.Second}, {"minute", time.Minute}} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(tt.step)
				for _, e := range evaluators {
					e.Assess(now)
				}
			}
		})
	}
}

// BenchmarkObserve is one result a second of one source.
func BenchmarkObserve(b *testing.B) {
	e := evaluator(b, target())
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		e.Observe("tokyo", now, false, now)
	}
}
