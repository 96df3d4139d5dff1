package cgroup

import (
	"testing"
	"time"

	"nezuban/agent/influx"
)

// One sample of one container, from the files to line protocol. Recordings lie
// on an ordinary file system: the figures are of our own code, not the kernel's.
func BenchmarkContainerSample(b *testing.B) {
	for _, name := range []string{"v1-burn.txtar", "v2-web.txtar"} {
		b.Run(name, func(b *testing.B) {
			h, _ := recorded(b, name)
			reader := open(b, h, true)
			owner := Owner{ID: "0a1b", Tags: []influx.Tag{{Key: influx.TagContainerName, Value: "web"}, {Key: influx.TagHost, Value: "h"}}}
			var tracker Tracker
			var s Sample
			var line []byte
			b.ReportAllocs()
			for b.Loop() {
				if err := reader.Read(&s, time.Unix(1, 0)); err != nil {
					b.Fatal(err)
				}
				points := tracker.Points(&s, owner, Machine{Memory: 1 << 34}, time.Unix(1, 0))
				var err error
				if line, err = influx.Encode(line[:0], points); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
