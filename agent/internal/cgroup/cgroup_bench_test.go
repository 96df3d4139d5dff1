package cgroup

import (
	"testing"
	"time"

	"nezuban/agent/influx"
)

// One sample of one container, from the files to line protocol. Recordings lie
// on an ordinary file system: the figures are of our own code, not the kernel's.
func BenchmarkContainerSample(b *testing.B) {
	for _, name := range []string{"v1-limits.txtar", "v2-web.txtar"} {
		b.Run(name, func(b *testing.B) {
			h, _ := recorded(b, name)
			reader := open(b, h, true)
			owner, err := NewOwner("0a1b", []influx.Tag{{Key: influx.TagContainerName, Value: "web"}, {Key: influx.TagHost, Value: "h"}})
			if err != nil {
				b.Fatal(err)
			}
			var tracker Tracker
			var s Sample
			var lines influx.Lines
			b.ReportAllocs()
			for b.Loop() {
				if err := reader.Read(&s, time.Unix(1, 0)); err != nil {
					b.Fatal(err)
				}
				lines.Reset()
				tracker.Append(&lines, &s, owner, Machine{Memory: 1 << 34}, time.Unix(1, 0))
			}
		})
	}
}
