package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/rule/window"
)

// absentee is an InfluxDB with the results of one check: two sums, and single ones. It fails as often as it is told to, one way
// after the other, the nth request and those after it.
type absentee struct {
	t    *testing.T
	sums map[string]time.Time // by the length of what they sum up
	at   []time.Time          // of single results

	mu    sync.Mutex
	fails map[int]func(w http.ResponseWriter) // by the number of the request, from 1
	asked []time.Time
}

func (s *absentee) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	fail := s.fails[len(s.asked)]
	s.mu.Unlock()
	if fail != nil {
		fail(w)
		return
	}
	table := "#datatype,string,long,dateTime:RFC3339,string,string,string,long\n#group,false,false,false,true,true,true,false\n#default,_result,,,,,,\n,result,table,_time,_field,result,location,_value\n"
	for every, at := range s.sums {
		if strings.Contains(string(query), "every: "+every) {
			table += fmt.Sprintf(",,0,%s,result_type,success,tokyo,7\n", at.UTC().Format(time.RFC3339))
		}
	}
	if strings.Contains(string(query), "sort(") {
		for _, at := range s.at {
			table += fmt.Sprintf(",,0,%s,result_type,success,tokyo,1\n", at.UTC().Format(time.RFC3339))
		}
	}
	w.Header().Set("Content-Type", "text/csv")
	if _, err := io.WriteString(w, strings.ReplaceAll(table, "\n", "\r\n")+"\r\n"); err != nil {
		s.t.Error(err)
	}
}

// While InfluxDB is away the router asks again, after the pauses of a writer, and no sooner than it was asked to. What a try had
// read before it failed is counted once, with that which succeeds.
func TestObjectivesGoOnReadingWhenInfluxDBWasAway(t *testing.T) {
	now := time.Now()
	s := &absentee{
		t: t, sums: map[string]time.Time{"60m": now.Add(-100 * time.Hour).Truncate(time.Hour), "5m": now.Add(-20 * time.Hour).Truncate(time.Hour)},
		at: []time.Time{now.Add(-2 * time.Minute).Truncate(time.Second), now.Add(-time.Minute).Truncate(time.Second)},
	}
	says := func(status int, retryAfter string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(status)
		}
	}
	s.fails = map[int]func(http.ResponseWriter){
		1: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, // no answer
		2: says(http.StatusServiceUnavailable, ""),
		4: says(http.StatusServiceUnavailable, "3"), // when it has told the first sums
	}
	server := httptest.NewServer(s)
	defer server.Close()

	var log strings.Builder
	e := objectiveEngine(t, now)
	r := &router{
		d: &daemon.Daemon{Log: slog.New(slog.NewTextHandler(&log, nil))}, engine: e, keeper: &keeper{},
		cfg: Config{history: &influx.Output{Name: "influxdb", URLs: []string{server.URL}, Bucket: "nezuban"}},
	}
	r.reread(t.Context())

	if len(s.asked) != 7 {
		t.Fatalf("%d requests, want 3 that fail, one in vain, and 3", len(s.asked))
	}
	for i, least := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 4: 3 * time.Second} {
		if gap := s.asked[i].Sub(s.asked[i-1]); gap < least || gap > least+10*time.Second {
			t.Errorf("request %d came %s after the one before, want a little more than %s", i+1, gap, least)
		}
	}
	want := objectiveEngine(t, now)
	for _, at := range s.sums {
		want.CountSums("shop", []rule.Sum{{At: at, Counts: window.Counts{Total: 7}}})
	}
	for _, at := range s.at {
		want.Count([]rule.Counted{{Check: "shop", Location: "tokyo", At: at, Taken: at}})
	}
	if got, want := fmt.Sprint(tiersOf(e)), fmt.Sprint(tiersOf(want)); got != want {
		t.Errorf("counted %s\nwant %s", got, want)
	}
	if !r.keeper.whole.Load() {
		t.Error("what was read is not kept: no journal has it")
	}
	said := log.String()
	for _, one := range []string{`msg=trouble with="history in InfluxDB"`, `"trouble is over" with="history in InfluxDB"`, "results=2 sums=2"} {
		if !strings.Contains(said, one) {
			t.Errorf("the log does not say %s:\n%s", one, said)
		}
	}
}

// tiersOf is all that the objective has counted.
func tiersOf(e *duty.Engine) [][]byte {
	var all [][]byte
	for kept := range e.Evidence() {
		for _, tier := range kept.Ring.Tiers {
			all = append(all, tier.Buckets)
		}
	}
	return all
}
