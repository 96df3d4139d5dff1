package check

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
)

// Whatever Parse takes can be run, and its results can be written.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("[[check]]\nname = \"shop\"\nurl = \"https://shop.example/?q=%5C\"\nstatus = [200, \"3xx\"]\nlabels.team = \"web\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checks, err := Parse("checks.toml", data)
		if err != nil {
			if checks != nil {
				t.Errorf("checks with %v", err)
			}
			return
		}
		for _, c := range checks {
			if c.Interval < MinInterval || c.Timeout <= 0 || c.Timeout > c.Interval || len(c.Status) == 0 || c.Quorum < 0 {
				t.Errorf("incomplete: %+v", c)
			}
			r := Result{Check: c.Name, Location: "tokyo", URL: c.URL, Method: c.Method, Outcome: Timeout, Time: time.Unix(0, 1)}
			if _, err := influx.Encode(nil, []influx.Point{r.Point()}); err != nil {
				t.Errorf("result of %q cannot be written: %v", c.Name, err)
			}
		}
	})
}

// Whatever ResultOf takes, it takes again unchanged.
func FuzzResultOf(f *testing.F) {
	f.Add(`http_response,check=a,location=b,result=success http_response_code=200i,response_time=0.1,content_length=3i 1`)
	f.Add(`http_response,check=a,location=b result_type="dns_error",location_sick=true,error="x",dns_time=1 1`)
	f.Add(`http_response,check=a,location=b result_type="odd",http_response_code=1e9,response_status_code_match=1i`)
	f.Add(`cpu usage_idle=1`)
	f.Fuzz(func(t *testing.T, lines string) {
		points, _ := influx.Decode([]byte(lines), lineprotocol.Nanosecond, time.Unix(0, 1))
		for _, p := range points {
			first, err := ResultOf(p)
			if err != nil {
				continue
			}
			second, err := ResultOf(first.Point())
			if err != nil {
				t.Fatalf("%+v: %v", first, err)
			}
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("(-first +second)\n%s", diff)
			}
		}
	})
}
