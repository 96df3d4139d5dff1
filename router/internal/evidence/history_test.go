package evidence_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/packaging/testenv"
	"nezuban/router/internal/evidence"
	"nezuban/router/internal/rule/window"
)

// put writes results to an InfluxDB.
func put(t *testing.T, o influx.Output, results []check.Result) {
	t.Helper()
	if err := influx.Ensure(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var points []influx.Point
	for _, r := range results {
		points = append(points, r.Point())
	}
	if err := influx.Write(t.Context(), o, points); err != nil {
		t.Fatal(err)
	}
}

const shop = `shop "1" ${x} \y`

// monthOf is a result of three locations every ten minutes for thirty days, and every minute for the last seven hours. Every
// tenth is bad; one location is sick for a day, the results of which say nothing.
func monthOf(now time.Time) (all []check.Result) {
	n := 0
	for at := now.Add(-30 * 24 * time.Hour); !at.After(now); {
		for _, location := range []string{"tokyo", "oregon", "frank furt"} {
			r := check.Result{Check: shop, Location: location, URL: "https://shop.example/", Method: "GET", Time: at, Outcome: check.Success, StatusCode: 200, StatusMatch: true}
			if n++; n%10 == 0 {
				r.Outcome, r.StatusCode, r.StatusMatch = []check.Outcome{check.Timeout, check.DNSError, check.ConnectionFailed}[n/10%3], 0, false
			}
			if location == "oregon" && now.Sub(at) < 5*24*time.Hour && now.Sub(at) > 4*24*time.Hour || location == "tokyo" && now.Sub(at) < time.Hour {
				r.Outcome, r.StatusCode, r.StatusMatch, r.Sick = check.DNSError, 0, false, true
			}
			all = append(all, r)
			other := r
			other.Check = "blog"
			all = append(all, other)
		}
		if at = at.Add(10 * time.Minute); now.Sub(at) < 7*time.Hour {
			at = at.Add(-9 * time.Minute)
		}
	}
	return all
}

// TestHistoryIsWhatWasWritten reads a month of a real InfluxDB: the last hours one by one, all before as sums that are as fine
// as an objective counts.
func TestHistoryIsWhatWasWritten(t *testing.T) {
	o := influx.Output{Name: "influxdb", URLs: []string{testenv.Influxd(t)}, Bucket: "history"}
	now := time.Now().UTC().Truncate(time.Second)
	all := monthOf(now)
	for len(all) > 0 {
		some := all[:min(len(all), 5000)]
		put(t, o, some)
		all = all[len(some):]
	}
	for _, since := range []time.Duration{31 * 24 * time.Hour, 4*24*time.Hour + 12*time.Hour, 20 * time.Hour, 3 * time.Hour, time.Minute} {
		t.Run(since.String(), func(t *testing.T) {
			h, err := evidence.Fetch(t.Context(), o, shop, now.Add(-since), now.Add(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			single := now.Add(time.Second).Add(-6 * time.Hour).Truncate(5 * time.Minute).Add(5 * time.Minute)
			summed := now.Add(time.Second).Add(-72 * time.Hour).Truncate(time.Hour).Add(time.Hour)
			want, got := map[time.Time]window.Counts{}, map[time.Time]window.Counts{}
			wantSingle := map[string]bool{}
			for _, r := range monthOf(now) {
				if r.Check != shop || r.Sick {
					continue
				}
				switch {
				case !r.Time.Before(single) && !r.Time.Before(now.Add(-since-10*time.Minute)):
					wantSingle[fmt.Sprint(r.Location, r.Time.UnixNano(), !r.OK())] = true
				case r.Time.Before(single) && !r.Time.Before(now.Add(-since)):
					at := r.Time.Truncate(5 * time.Minute)
					if r.Time.Before(summed) {
						at = r.Time.Truncate(time.Hour)
					}
					if at.Before(now.Add(-since)) { // it begins where the history does
						at = now.Add(-since)
					}
					c := want[at]
					c.Total++
					if !r.OK() {
						c.Bad++
					}
					want[at] = c
				}
			}
			for _, s := range h.Sums {
				got[s.At] = s.Counts
			}
			if !maps.Equal(got, want) || len(h.Sums) != len(want) {
				t.Errorf("%d sums %v\nwant %d: %v", len(h.Sums), got, len(want), want)
			}
			for i, r := range h.Results {
				key := fmt.Sprint(r.Location, r.At.UnixNano(), r.Bad)
				if !wantSingle[key] || r.Check != shop || !r.Taken.Equal(r.At) {
					t.Errorf("result %+v is none of those that were written, or comes twice", r)
				}
				delete(wantSingle, key)
				if i > 0 && r.At.Before(h.Results[i-1].At) {
					t.Errorf("result %d is older than the one before", i)
				}
			}
			if len(wantSingle) > 0 || len(h.Results) < 3 {
				t.Errorf("%d results, and %d are missing", len(h.Results), len(wantSingle))
			}
		})
	}
	t.Run("no such check", func(t *testing.T) {
		if h, err := evidence.Fetch(t.Context(), o, "none", now.Add(-time.Hour), now); err != nil || len(h.Sums)+len(h.Results) > 0 {
			t.Errorf("found %+v, %v, want nothing", h, err)
		}
	})
	t.Run("no such database", func(t *testing.T) {
		missing := o
		missing.Bucket = "missing"
		if _, err := evidence.Fetch(t.Context(), missing, shop, now.Add(-time.Hour), now); err == nil || !strings.Contains(err.Error(), `read the results of check "shop`) {
			t.Errorf("error %v, want one that names the check", err)
		}
	})
}

// TestHistoryThatMakesNoSense: what answers is no InfluxDB, or one whose rows are not what was asked for.
func TestHistoryThatMakesNoSense(t *testing.T) {
	header := "#datatype,string,long,dateTime:RFC3339,string,string,string,long\n#group,false,false,false,true,true,true,false\n#default,_result,,,,,,\n"
	for _, tt := range []struct {
		name, answer string
		status       int
		want         string
	}{
		{"no row", "", http.StatusOK, ""},
		{"a row without a location", header + ",result,table,_time,_field,result,x,_value\n,,0,2026-11-22T10:00:00Z,result_type,success,y,1\n\n", http.StatusOK, "expected a time and a location"},
		{"Flux is off", `{"error":"Flux query service disabled. Verify flux-enabled=true in the [http] section of the InfluxDB config."}`, http.StatusForbidden, "flux-enabled=true"},
		{"no InfluxDB", "<html>", http.StatusNotFound, "query http://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/csv")
				if tt.status != http.StatusOK {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(strings.ReplaceAll(tt.answer, "\n", "\r\n")))
			}))
			defer server.Close()
			o := influx.Output{URLs: []string{server.URL}, Bucket: "b"}
			h, err := evidence.Fetch(t.Context(), o, "shop", epoch.Add(-time.Hour), epoch)
			if tt.want == "" && (err != nil || len(h.Results) > 0) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("found %+v, %v, want %q", h, err, tt.want)
			}
		})
	}
}
