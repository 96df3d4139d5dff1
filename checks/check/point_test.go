package check

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"pgregory.net/rapid"

	"nezuban/agent/influx"
)

func TestPointLine(t *testing.T) {
	at := time.Unix(0, 1)
	tests := []struct {
		name string
		r    Result
		want string
	}{
		{"a success", Result{
			Check: "shop", Location: "tokyo", URL: "https://shop.example", Method: "GET", Time: at, Outcome: Success,
			StatusCode: 200, StatusMatch: true, ResponseTime: 1500 * time.Microsecond, BodyBytes: 12,
			Phases: Phases{Connect: time.Millisecond, FirstByte: 500 * time.Microsecond},
		}, `http_response,check=shop,location=tokyo,method=GET,result=success,server=https://shop.example,status_code=200 ` +
			`result_type="success",result_code=0i,http_response_code=200i,response_status_code_match=1i,response_time=0.0015,` +
			`content_length=12i,connect_time=0.001,first_byte_time=0.0005 1`},
		{"no response", Result{
			Check: "shop", Location: "tokyo", URL: "http://shop.example", Method: "HEAD", Time: at, Outcome: DNSError,
			Sick: true, Error: `lookup "shop": server misbehaving`,
		}, `http_response,check=shop,location=tokyo,method=HEAD,result=dns_error,server=http://shop.example ` +
			`result_type="dns_error",result_code=5i,location_sick=true,error="lookup \"shop\": server misbehaving" 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line, err := influx.Encode(nil, []influx.Point{tt.r.Point()})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.TrimSuffix(string(line), "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestResultOfRefuses(t *testing.T) {
	whole := Result{Check: "shop", Location: "tokyo", Outcome: Success}
	tests := []struct {
		name   string
		change func(*influx.Point)
		want   string
	}{
		{"another measurement", func(p *influx.Point) { p.Measurement = "cpu" }, `read result: found measurement "cpu", expected "http_response"`},
		{"no check: a Telegraf of somebody else", func(p *influx.Point) { p.Tags = p.Tags[1:] }, `read result of check "": no tag check`},
		{"no location", func(p *influx.Point) { p.Tags = p.Tags[:1] }, `read result of check "shop": no tag location`},
		{"no result", func(p *influx.Point) { p.Tags, p.Fields = p.Tags[:2], nil }, `read result of check "shop": no field result_type`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := whole.Point()
			tt.change(&p)
			if _, err := ResultOf(p); err == nil || err.Error() != tt.want {
				t.Errorf("found %v, expected %s", err, tt.want)
			}
		})
	}
}

func TestResultOfForeign(t *testing.T) {
	line := `http_response,check=shop,location=tokyo,result=success http_response_code=200i,response_time=-1,content_length=-5i,dns_time=1e300 1`
	points, bad := influx.Decode([]byte(line), lineprotocol.Nanosecond, time.Time{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	got, err := ResultOf(points[0])
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Check: "shop", Location: "tokyo", Time: time.Unix(0, 1), Outcome: Success, StatusCode: 200}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tag names the result, nonsense is absent (-want +got)\n%s", diff)
	}
}

// Every result that a location can make comes back whole from the wire.
func TestResultRoundTrip(t *testing.T) {
	text := rapid.StringMatching(`[a-zé ,=."]{0,8}[a-z]`)
	length := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "ns"))
	})
	rapid.Check(t, func(t *rapid.T) {
		r := Result{
			Check: text.Draw(t, "check"), Location: text.Draw(t, "location"), URL: text.Draw(t, "url"), Method: "GET",
			Time:    time.Unix(0, rapid.Int64Range(0, 1<<61).Draw(t, "time")),
			Outcome: rapid.SampledFrom([]Outcome{Success, BodyReadError, ConnectionFailed, Timeout, DNSError, StatusMismatch}).Draw(t, "outcome"),
			Sick:    rapid.Bool().Draw(t, "sick"),
			Error:   rapid.SampledFrom([]string{"", "refused", "näh \"so\" \\ nicht"}).Draw(t, "error"),
			Phases:  Phases{length.Draw(t, "dns"), length.Draw(t, "connect"), length.Draw(t, "tls"), length.Draw(t, "first"), length.Draw(t, "transfer")},
		}
		if rapid.Bool().Draw(t, "response") {
			r.StatusCode = rapid.IntRange(200, 599).Draw(t, "code")
			r.StatusMatch = rapid.Bool().Draw(t, "match")
			r.ResponseTime = length.Draw(t, "response time")
			r.BodyBytes = rapid.Int64Range(0, 1<<16).Draw(t, "bytes")
		}
		line, err := influx.Encode(nil, []influx.Point{r.Point()})
		if err != nil {
			t.Fatal(err)
		}
		points, bad := influx.Decode(line, lineprotocol.Nanosecond, time.Time{})
		if len(points) != 1 || len(bad) > 0 {
			t.Fatalf("%d points, problems %v", len(points), bad)
		}
		got, err := ResultOf(points[0])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}
