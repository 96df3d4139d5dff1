package influx

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// now is the time of a line that has none, in tests.
var now = time.Unix(1_800_000_000, 0)

func at(ns int64) time.Time { return time.Unix(0, ns) }

func TestEncode(t *testing.T) {
	tests := map[string]struct {
		point Point
		want  string
	}{
		"every kind of field": {
			Point{"m", nil, []Field{Int("i", -1), Uint("u", 2), Float("f", 0.5), Bool("b", true), String("s", `a "b"`)}, at(5)},
			`m i=-1i,u=2i,f=0.5,b=true,s="a \"b\"" 5` + "\n",
		},
		"unsigned beyond int64": {Point{"m", nil, []Field{Uint("u", math.MaxUint64)}, at(5)}, "m u=9223372036854775807i 5\n"},
		"tags are sorted":       {Point{"m", []Tag{{"z", "1"}, {"a", "2"}}, []Field{Int("i", 1)}, at(5)}, "m,a=2,z=1 i=1i 5\n"},
		"empty tags are none":   {Point{"m", []Tag{{"a", ""}, {"b", "x"}}, []Field{Int("i", 1)}, at(5)}, "m,b=x i=1i 5\n"},
		"odd characters":        {Point{"m,n o", []Tag{{"a=b", "c d,e"}}, []Field{Int("i j", 1)}, at(5)}, `m\,n\ o,a\=b=c\ d\,e i\ j=1i 5` + "\n"},
		"several lines of text": {Point{"m", nil, []Field{String("s", "a\nb")}, at(5)}, `m s="a\nb" 5` + "\n"},
		"text that is not UTF-8": {
			Point{"m", nil, []Field{String("s", "a\xffb")}, at(5)}, "m s=\"a\uFFFDb\" 5\n",
		},
		"no time": {Point{"m", nil, []Field{Int("i", 1)}, time.Time{}}, "m i=1i\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Encode(nil, []Point{test.point})
			if err != nil || string(got) != test.want {
				t.Errorf("found %q, %v\nexpected %q", got, err, test.want)
			}
		})
	}
}

func TestEncodeLeavesOutBadPoints(t *testing.T) {
	good := Point{"good", []Tag{{"a", "b"}}, []Field{Int("i", 1)}, at(5)}
	bad := map[string]Point{
		"no field":              {"m", nil, nil, at(5)},
		"no measurement":        {"", nil, []Field{Int("i", 1)}, at(5)},
		"not a number":          {"m", nil, []Field{Float("f", math.NaN())}, at(5)},
		"infinite":              {"m", nil, []Field{Int("i", 1), Float("f", math.Inf(1))}, at(5)},
		"control character":     {"m", []Tag{{"a", "b\nc"}}, []Field{Int("i", 1)}, at(5)},
		"tag given twice":       {"m", []Tag{{"a", "b"}, {"a", "c"}}, []Field{Int("i", 1)}, at(5)},
		"time out of its range": {"m", nil, []Field{Int("i", 1)}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	for name, p := range bad {
		t.Run(name, func(t *testing.T) {
			got, err := Encode([]byte("before i=1i\n"), []Point{good, p, p, good})
			want := "before i=1i\ngood,a=b i=1i 5\ngood,a=b i=1i 5\n"
			if string(got) != want {
				t.Errorf("found %q, expected %q", got, want)
			}
			if err == nil || strings.Count(err.Error(), "encode point") != 2 {
				t.Errorf("found %v, expected the two bad points named", err)
			}
		})
	}
}

func TestEncodeLeavesTagsAlone(t *testing.T) {
	tags := []Tag{{"z", "1"}, {"a", "2"}}
	if _, err := Encode(nil, []Point{{"m", tags, []Field{Int("i", 1)}, at(5)}}); err != nil {
		t.Fatal(err)
	}
	if tags[0].Key != "z" {
		t.Error("found the caller's tags sorted")
	}
}

func TestDecode(t *testing.T) {
	body := `# a comment
cpu,host=a usage=1.5,n=3i,big=18446744073709551615u,up=true,s="x y" 1000

mem,host=b,rack=1 used=7i
`
	points, bad := Decode([]byte(body), lineprotocol.Millisecond, now)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	want := []string{
		`cpu,host=a usage=1.5,n=3i,big=18446744073709551615u,up=true,s="x y" 1000000000`,
		`mem,host=b,rack=1 used=7i 1800000000000000000`,
	}
	got, err := Encode(nil, points)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeGoesOnAfterABadLine(t *testing.T) {
	body := "good a=1i 1\n" +
		"no_fields\n" +
		"bad a= 2\n" +
		"good a=2i 2\n" +
		"bad a=open 3\n" +
		"good a=3i 3\n" +
		"bad a=99999999999999999999i 4\n" +
		"bad a=1i 99999999999999999999\n" +
		"bad,t= a=1i 5\n" +
		"good,t=1,t=2 a=4i 4\n" +
		"good s=\"closed\nin the next line\",a=5i 5\n" +
		"bad a=\"open 3\n" +
		"good a=6i 6"
	points, bad := Decode([]byte(body), lineprotocol.Nanosecond, now)
	var values []int64
	for _, p := range points {
		v, _ := p.Int("a")
		values = append(values, v)
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6}, values); diff != "" {
		t.Error(diff)
	}
	var lines []int
	for _, e := range bad {
		lines = append(lines, e.Line)
		if want := strings.Split(body, "\n")[e.Line-1]; e.Text != want {
			t.Errorf("line %d: found the text %q, expected %q", e.Line, e.Text, want)
		}
	}
	if diff := cmp.Diff([]int{2, 3, 5, 7, 8, 9, 13}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefusesWhatIsTooLongToBeAName(t *testing.T) {
	long := strings.Repeat("x", 4097)
	manyTags := strings.Builder{}
	for i := range 257 {
		fmt.Fprintf(&manyTags, ",t%d=x", i)
	}
	tests := []struct{ name, line, want string }{
		{"measurement", long + " f=1", "measurement: found 4097 bytes, expected at most 4096"},
		{"tag key", "m," + long + "=x f=1", "tag key: found 4097 bytes"},
		{"tag value", "m,host=" + long + " f=1", "value of tag host: found 4097 bytes"},
		{"tags", "m" + manyTags.String() + " f=1", "found more than 256 tags"},
		{"field key", "m " + long + "=1", "field key: found 4097 bytes"},
		{"text", "m f=\"" + strings.Repeat("x", 65537) + "\"", "text of field f: found 65537 bytes, expected at most 65536"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			points, bad := Decode([]byte(tt.line+"\nm f=1\n"), lineprotocol.Nanosecond, time.Now())
			if len(points) != 1 || len(bad) != 1 || !strings.Contains(bad[0].Error(), tt.want) {
				t.Errorf("found %d points and %v, want the good line and %q", len(points), bad, tt.want)
			}
		})
	}
}

func TestLineErrorIsBounded(t *testing.T) {
	_, bad := Decode([]byte("x"+strings.Repeat("y", 5000)), lineprotocol.Nanosecond, now)
	if len(bad) != 1 || len(bad[0].Text) != maxErrorText {
		t.Errorf("found %v, expected one error with %d bytes of the line", bad, maxErrorText)
	}
}

func TestDecodedPointsOutliveTheBody(t *testing.T) {
	body := []byte(`m,a=b s="text" 1`)
	points, _ := Decode(body, lineprotocol.Nanosecond, now)
	clear(body)
	if s, _ := points[0].Text("s"); s != "text" || points[0].Tag("a") != "b" || points[0].Measurement != "m" {
		t.Errorf("found %+v after the body was overwritten", points[0])
	}
}

func TestPointLookups(t *testing.T) {
	p := Point{
		Tags:   []Tag{{"host", "a"}},
		Fields: []Field{Int("i", 3), Float("f", 1.5), Bool("b", true), String("s", "x"), {"u", lineprotocol.UintValue(7)}, Int("twice", 1), Int("twice", 2), Float("nan", math.NaN()), String("empty", "")},
	}
	if p.Tag("host") != "a" || p.Tag("no") != "" {
		t.Error("tags are not found as they are")
	}
	for key, want := range map[string]float64{"i": 3, "f": 1.5, "u": 7, "twice": 2} {
		if got, ok := p.Float(key); !ok || got != want {
			t.Errorf("Float(%q): found %v %v, expected %v", key, got, ok, want)
		}
	}
	for key, want := range map[string]bool{"i": true, "u": true, "f": false, "b": false, "s": false, "no": false} {
		if _, got := p.Int(key); got != want {
			t.Errorf("Int(%q): found %v, expected %v", key, got, want)
		}
	}
	if _, ok := p.Float("s"); ok {
		t.Error("found a number in a text")
	}
	if v, ok := p.Bool("b"); !v || !ok {
		t.Error("found no boolean")
	}
	for _, key := range []string{"i", "no", "nan"} {
		if _, ok := p.Text(key); ok {
			t.Errorf("Text(%q): found a text where none is", key)
		}
	}
	if _, ok := p.Text("empty"); !ok {
		t.Error("found no text in an empty text")
	}
}

// FuzzDecode: what was decoded encodes to lines that decode to the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "#", "m f=1", "m,a=b f=1i 5\nm f=", `m s="a\nb\"c\\"`, "m f=1u", "m f=t,g=F", "m\\ n,a\\=b=c\\, f\\ g=1e300 -5",
		"m,a=b,a=c f=1", "m f=1,f=2", "m,b=1,a=2 f=1", "m f=\"\xff\"", "m,a=b\\\\ f=1", "m f=-0", "m f=1 9223372036854775807\nm f=1 -9223372036854775808",
	} {
		f.Add([]byte(seed), byte(0))
	}
	f.Fuzz(func(t *testing.T, body []byte, precision byte) {
		points, bad := Decode(body, lineprotocol.Precision(precision%4), now)
		lines := 1 + bytes.Count(body, []byte("\n"))
		for _, e := range bad {
			if e.Line < 1 || e.Line > lines || e.Err == nil {
				t.Fatalf("found %+v in a text of %d lines", e, lines)
			}
		}
		once, err := Encode(nil, points)
		if err != nil {
			t.Fatalf("a decoded point does not encode: %v", err)
		}
		if got := bytes.Count(once, []byte("\n")); got != len(points) {
			t.Fatalf("found %d lines for %d points", got, len(points))
		}
		again, bad := Decode(once, lineprotocol.Nanosecond, now)
		twice, err := Encode(nil, again)
		if err != nil || len(bad) > 0 || !bytes.Equal(once, twice) {
			t.Fatalf("found %q, %v, %v\nexpected %q", twice, bad, err, once)
		}
	})
}
