package rule_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/router/internal/rule"
)

// batchOf is what an agent with 50 containers sends every ten seconds: memory of each, under a rule, and network and
// block IO of each, under none.
func batchOf(at time.Time) []influx.Point {
	var batch []influx.Point
	for i := range 50 {
		m := mem("h1", fmt.Sprintf("web-%d", i), 50, at)
		m.Tags = append(m.Tags, influx.Tag{Key: "container_image", Value: "nginx"}, influx.Tag{Key: "container_version", Value: "1.27"})
		network, io := m, m
		network.Measurement, io.Measurement = influx.ContainerNet, influx.ContainerBlkio
		batch = append(batch, m, network, io)
	}
	return batch
}

// BenchmarkObserve reports the time of one sample of such a batch, matched or not.
func BenchmarkObserve(b *testing.B) {
	set, err := compile(everyRule, shopCheck)
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		batch []influx.Point
	}{
		{"agent", batchOf(epoch)},
		{"unmatched", batchOf(epoch)[1:3]},
		{"check", []influx.Point{probe("shop", "tokyo", true, epoch)}},
		{"event", []influx.Point{happened(b, "start", epoch)}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			e := rule.NewEngine(set, nil, nil, epoch)
			now := epoch
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(10 * time.Second)
				for i := range tt.batch {
					tt.batch[i].Time = now
				}
				e.Accept(e.Observe(tt.batch, now))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(tt.batch)), "ns/sample")
		})
	}
}

// BenchmarkTick10000Objectives is the router's tick with 10,000 objectives of 30 days, each over a check from three
// locations with a quarter of an hour of results behind it. The minute is what a tick costs when every ring turns a bucket.
func BenchmarkTick10000Objectives(b *testing.B) {
	const count = 10_000
	locations := []string{"tokyo", "frankfurt", "oregon"}
	var checks []check.Check
	var config rule.Config
	for i := range count {
		name := fmt.Sprintf("c%d", i)
		checks = append(checks, check.Check{Name: name, URL: "https://shop.example/", Interval: time.Minute, Severity: "page", Locations: locations})
		config.SLOs = append(config.SLOs, rule.SLOConfig{ID: fmt.Sprintf("s%d", i), Check: name, Objective: 99.9})
	}
	set, problems := rule.Compile(config, checks, nil)
	if err := problems.Err(); err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	e := rule.NewEngine(set, nil, nil, epoch)
	now := epoch
	for range 15 {
		for i := range count {
			for _, location := range locations {
				e.Accept(e.Observe([]influx.Point{probe(fmt.Sprintf("c%d", i), location, i%3 > 0, now)}, now))
			}
		}
		now = now.Add(time.Minute)
	}
	e.Accept(e.Tick(now))
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("%.1f KiB an objective, with its check", float64(after.HeapAlloc-before.HeapAlloc)/count/1024)
	for _, tt := range []struct {
		name string
		step time.Duration
	}{{"second", time.Second}, {"minute", time.Minute}} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(tt.step)
				e.Accept(e.Tick(now))
			}
		})
	}
}
