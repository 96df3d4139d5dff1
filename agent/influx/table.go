package influx

import "github.com/influxdata/line-protocol/v2/lineprotocol"

// Measurement says what a measurement holds.
type Measurement struct {
	Name    string
	Meaning string
	From    string // the program that writes it, one of the From constants
	Tags    []string
	Fields  []FieldInfo
}

// FieldInfo says what a field holds.
type FieldInfo struct {
	Name       string
	Kind       lineprotocol.ValueKind
	Unit       Unit
	Cumulative bool   // only ever grows, from the start of what is counted
	Meaning    string // where name and unit do not say it
}

// Unit is the unit of a field; texts and booleans have none.
type Unit string

// Units.
const (
	UnitNone         Unit = ""
	UnitCount        Unit = "count"
	UnitBytes        Unit = "bytes"
	UnitPercent      Unit = "percent" // of one core where it is about CPU
	UnitNanoseconds  Unit = "ns"
	UnitMicroseconds Unit = "µs"
	UnitMilliseconds Unit = "ms"
	UnitSeconds      Unit = "s"
	UnitUnixNano     Unit = "unix ns" // a point in time
)

// Programs that write measurements.
const (
	FromAgent  = "nezuban-agent"
	FromChecks = "nezuban-checks"
	FromRouter = "nezuban-router"
)

// Field tells about a field of the measurement.
func (m Measurement) Field(name string) (FieldInfo, bool) {
	for _, f := range m.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return FieldInfo{}, false
}

// Measurements is the table of everything that Nezuban writes in line protocol.
// Dashboards, rules and tests use no name that it does not have. The result is
// the caller's own.
func Measurements() []Measurement {
	var all []Measurement
	all = append(all, dockerMeasurements()...)
	all = append(all, eventMeasurement(), dockerEventMeasurement(), cgroupMeasurement())
	all = append(all, hostMeasurements()...)
	all = append(all, ownMeasurements()...)
	return append(all, incidentMeasurement())
}

// Shorthands that keep the tables readable.

func text(name, meaning string) FieldInfo {
	return FieldInfo{Name: name, Kind: lineprotocol.String, Meaning: meaning}
}

func boolean(name, meaning string) FieldInfo {
	return FieldInfo{Name: name, Kind: lineprotocol.Bool, Meaning: meaning}
}

func integer(name string, unit Unit, meaning string) FieldInfo {
	return FieldInfo{Name: name, Kind: lineprotocol.Int, Unit: unit, Meaning: meaning}
}

func float(name string, unit Unit, meaning string) FieldInfo {
	return FieldInfo{Name: name, Kind: lineprotocol.Float, Unit: unit, Meaning: meaning}
}

// counters are cumulative integers of one unit.
func counters(unit Unit, names ...string) []FieldInfo {
	var out []FieldInfo
	for _, name := range names {
		out = append(out, FieldInfo{Name: name, Kind: lineprotocol.Int, Unit: unit, Cumulative: true})
	}
	return out
}

// gauges are integers of one unit that rise and fall.
func gauges(unit Unit, names ...string) []FieldInfo {
	var out []FieldInfo
	for _, name := range names {
		out = append(out, integer(name, unit, ""))
	}
	return out
}

// percents are floats from 0 to 100.
func percents(names ...string) []FieldInfo {
	var out []FieldInfo
	for _, name := range names {
		out = append(out, float(name, UnitPercent, ""))
	}
	return out
}

func join(parts ...[]FieldInfo) []FieldInfo {
	var out []FieldInfo
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}
