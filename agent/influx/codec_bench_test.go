package influx

import (
	"fmt"
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// A round of samples of 200 containers, shaped as docker_container_mem.
func benchmarkPoints() []Point {
	points := make([]Point, 200)
	for i := range points {
		points[i] = Point{
			Measurement: ContainerMem,
			Tags: []Tag{
				{TagContainerImage, "registry.example/api"},
				{TagContainerName, fmt.Sprintf("api-%d", i)},
				{TagContainerStatus, "running"},
				{TagContainerVersion, "1.2.3"},
				{TagHost, "web-1"},
			},
			Fields: []Field{
				Uint(FieldUsage, 123456789), Float(FieldUsagePercent, 12.5), Uint(FieldLimit, 1<<30), Uint(FieldRSS, 98765432), Uint(FieldCache, 1234567),
				String(FieldContainerID, "dbc8f4c1b2a3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccdd"),
			},
			Time: at(int64(i) + 1_800_000_000_000_000_000),
		}
	}
	return points
}

func BenchmarkEncode(b *testing.B) {
	points := benchmarkPoints()
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = Encode(buf[:0], points); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecode(b *testing.B) {
	body, err := Encode(nil, benchmarkPoints())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if points, bad := Decode(body, lineprotocol.Nanosecond, now); len(points) != 200 || len(bad) != 0 {
			b.Fatal(bad)
		}
	}
}
