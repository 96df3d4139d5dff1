package influx

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Lines are the same, byte by byte, as those that the points of the same figures make.
func TestLinesAreThoseOfPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.StringMatching(`[a-zA-Z ,=\\"ü-]{0,12}`)
		tags := []Tag{{TagHost, tag.Draw(t, "host")}, {TagContainerName, tag.Draw(t, "name")}, {TagCPU, CPUTotal}}
		id := String(FieldContainerID, rapid.StringMatching(`[a-f0-9 "\\\n]{0,12}`).Draw(t, "id"))
		series, err := NewSeries(ContainerCPU, tags)
		fixed, fixedErr := NewFixed(id)
		if fixedErr != nil {
			t.Fatal(fixedErr)
		}
		if _, refused := Encode(nil, []Point{{Measurement: ContainerCPU, Tags: tags, Fields: []Field{id}}}); (err != nil) != (refused != nil) {
			t.Fatalf("the series: %v, the point: %v", err, refused)
		}
		if err != nil {
			return
		}
		var lines Lines
		var points []Point
		for n := range rapid.IntRange(0, 4).Draw(t, "lines") {
			at := time.Unix(0, rapid.Int64().Draw(t, "time"))
			p := Point{Measurement: ContainerCPU, Tags: tags, Time: at}
			lines.Begin(series)
			for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
				key := fmt.Sprintf("f%d", i)
				switch rapid.IntRange(0, 4).Draw(t, "kind") {
				case 0:
					v := rapid.Int64().Draw(t, "int")
					lines.Int(key, v)
					p.Fields = append(p.Fields, Int(key, v))
				case 1:
					v := rapid.Uint64().Draw(t, "uint")
					lines.Uint(key, v)
					p.Fields = append(p.Fields, Uint(key, v))
				case 2:
					v := rapid.Float64().Draw(t, "float")
					lines.Float(key, v)
					if !math.IsNaN(v) && !math.IsInf(v, 0) {
						p.Fields = append(p.Fields, Float(key, v))
					}
				case 3:
					v := String(key, rapid.StringMatching(`[a-f "\\]{0,5}`).Draw(t, "text"))
					text, err := NewFixed(v)
					if err != nil {
						t.Fatal(err)
					}
					lines.Fixed(text)
					p.Fields = append(p.Fields, v)
				default:
					v := n%2 == 0
					lines.Bool(key, v)
					p.Fields = append(p.Fields, Bool(key, v))
				}
			}
			lines.End(fixed, at)
			if len(p.Fields) > 0 {
				p.Fields = append(p.Fields, id)
				points = append(points, p)
			}
		}
		want, err := Encode(nil, points)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(lines.Bytes()); got != string(want) {
			t.Errorf("found\n%s\nexpected\n%s", got, want)
		}
	})
}

func TestLinesOfNoSeriesAreLeftOut(t *testing.T) {
	bad, err := NewSeries(ContainerNet, []Tag{{TagNetwork, "eth\x000"}})
	if err == nil {
		t.Error("a tag with a control character has a series")
	}
	good, _ := NewSeries(ContainerNet, []Tag{{TagNetwork, "eth0"}})
	var lines Lines
	for _, s := range []Series{bad, good, {}} {
		lines.Begin(s)
		lines.Int("a", 1)
		lines.End(Fixed{}, time.Unix(0, 5))
	}
	if got := string(lines.Bytes()); got != "docker_container_net,network=eth0 a=1i 5\n" {
		t.Errorf("found %q", got)
	}
	if _, err := NewFixed(Float("x", math.NaN())); err == nil {
		t.Error("no number is a fixed field")
	}
}

func TestLinesAllocateNothing(t *testing.T) {
	series, _ := NewSeries(ContainerCPU, []Tag{{TagHost, "a"}})
	fixed, _ := NewFixed(String(FieldContainerID, "0a"))
	var lines Lines
	at := time.Unix(1, 0)
	if n := testing.AllocsPerRun(100, func() {
		lines.Reset()
		for range 10 {
			lines.Begin(series)
			lines.Uint(FieldUsageTotal, 1<<60)
			lines.Float(FieldUsagePercent, 12.345678)
			lines.Bool(FieldOOMKilled, false)
			lines.End(fixed, at)
		}
	}); n != 0 {
		t.Errorf("lines allocate %v times", n)
	}
}
