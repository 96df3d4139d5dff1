package influx_test

import (
	"fmt"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
)

func ExampleEncode() {
	lines, err := influx.Encode(nil, []influx.Point{{
		Measurement: influx.ContainerEvent,
		Tags:        []influx.Tag{{Key: influx.TagHost, Value: "web-1"}, {Key: influx.TagContainerName, Value: "api"}, {Key: influx.TagAction, Value: influx.ActionDie}},
		Fields:      []influx.Field{influx.Int(influx.FieldExitCode, 137), influx.Bool(influx.FieldRequested, false)},
		Time:        time.Unix(1_800_000_000, 0),
	}})
	fmt.Print(string(lines), err)
	// Output:
	// container_event,action=die,container_name=api,host=web-1 exit_code=137i,requested=false 1800000000000000000
	// <nil>
}

// One bad line costs one line.
func ExampleDecode() {
	body := []byte("mem,host=a used=7i\nmem,host=b used=\nmem,host=c used=9i\n")
	points, bad := influx.Decode(body, lineprotocol.Nanosecond, time.Unix(0, 1))
	for _, p := range points {
		used, _ := p.Int(influx.FieldUsed)
		fmt.Println(p.Tag(influx.TagHost), used)
	}
	fmt.Println(bad[0].Line, bad[0].Text)
	// Output:
	// a 7
	// c 9
	// 2 mem,host=b used=
}

// A dashboard or a rule looks a field's unit up instead of guessing it.
func ExampleMeasurements() {
	for _, m := range influx.Measurements() {
		if m.Name == influx.ContainerCPU {
			f, _ := m.Field(influx.FieldUsageTotal)
			fmt.Println(f.Unit, f.Kind, f.Cumulative)
		}
	}
	// Output: ns int true
}
