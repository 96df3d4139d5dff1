package declared

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
)

// said keeps what a check finds wrong.
type said struct {
	testing.TB
	all []string
}

func (s *said) Helper() {}
func (s *said) Errorf(format string, args ...any) {
	s.all = append(s.all, fmt.Sprintf(format, args...))
}

func TestCheck(t *testing.T) {
	host := []influx.Tag{{Key: influx.TagHost, Value: "h"}}
	swap := func(tags []influx.Tag, fields ...influx.Field) influx.Point {
		return influx.Point{Measurement: influx.Swap, Tags: tags, Fields: fields}
	}
	ints := []influx.Field{influx.Int("total", 1), influx.Int("used", 1), influx.Int("free", 1), influx.Int("in", 1)}
	for _, tt := range []struct {
		name   string
		points []influx.Point
		of     string
		want   []string
	}{
		{"all, in two points", []influx.Point{
			swap(host, ints...), swap(host, influx.Int("out", 1), influx.Float("used_percent", 1)), {Measurement: "other", Fields: ints},
		}, influx.Swap, nil},
		{"some missing", []influx.Point{swap(nil, ints...)}, influx.Swap, []string{
			`swap: tag "host" is declared and never written`, `swap: field "used_percent" is declared and never written`,
			`swap: field "out" is declared and never written`,
		}},
		{"others", []influx.Point{
			swap(append(host, influx.Tag{Key: "b"}, influx.Tag{Key: "a"}), append(ints, influx.Int("out", 1), influx.Int("used_percent", 1), influx.Int("sin", 1))...),
		}, influx.Swap, []string{
			`swap: field "used_percent" is written as int, declared as float`, `swap: tag "a" is written and not declared`,
			`swap: tag "b" is written and not declared`, `swap: field "sin" is written and not declared`,
		}},
		{"no measurement", nil, "none", []string{`measurement "none" is not declared`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &said{TB: t}
			Check(s, tt.points, tt.of)
			if diff := cmp.Diff(tt.want, s.all); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
