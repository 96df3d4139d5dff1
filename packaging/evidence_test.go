package packaging

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/packaging/testenv"
)

// results is one result of check shop a minute from a time up to another; bad says which failed.
func results(from, to time.Time, bad func(n int) bool) (points []influx.Point) {
	for n := 0; from.Before(to); n++ {
		r := check.Result{Check: "shop", Location: "tokyo", URL: "https://shop.example/", Method: "GET", Time: from, Outcome: check.Success, StatusCode: 200, StatusMatch: true}
		if bad(n) {
			r.Outcome, r.StatusCode, r.StatusMatch = check.ConnectionFailed, 0, false
		}
		points = append(points, r.Point())
		from = from.Add(time.Minute)
	}
	return points
}

// take wants the router to take points in.
func (s *stack) take(points []influx.Point) {
	s.t.Helper()
	lines, err := influx.Encode(nil, points)
	if err != nil {
		s.t.Fatal(err)
	}
	if status, body := s.post(string(lines)); status != http.StatusNoContent {
		s.t.Fatalf("answer %d %s", status, body)
	}
}

// TestAnObjectiveOutlivesItsRouter kills a router that has counted five hours of results, two of which were bad. After the start
// one more bad result pages, which it would not by itself: the router knows the five hours from its own folder, or, when that is
// lost as on a takeover, from InfluxDB.
func TestAnObjectiveOutlivesItsRouter(t *testing.T) {
	t.Parallel() // it mostly waits
	database := testenv.Influxd(t)
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("folder lost ", lost), func(t *testing.T) {
			checks := filepath.Join(t.TempDir(), "checks.toml")
			if err := os.WriteFile(checks, []byte("[[check]]\nname = \"shop\"\nurl = \"https://shop.example/\"\ninterval = \"60s\"\nseverity = \"info\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			more := fmt.Sprintf("checks = %q\n[[slo]]\nid = \"shop-availability\"\ncheck = \"shop\"\nobjective = 99.9\n", checks)
			if lost {
				more += fmt.Sprintf("[influxdb]\nurl = %q\nbucket = \"lost\"\n", database)
			}
			s := newStack(t, oncallText, more)
			// What is counted from then on is kept a line each. What is there at the first look is packed into less than is awaited below.
			eventually(t, 30*time.Second, "the router to begin to keep results", func() bool { return keptBytes(s.path("state/evidence")) > 0 })
			now := time.Now().Truncate(time.Second)
			before := results(now.Add(-5*time.Hour), now, func(n int) bool { return n == 100 || n == 200 })
			s.take(before)
			if lost {
				o := influx.Output{URLs: []string{database}, Bucket: "lost"}
				if err := errors.Join(influx.Ensure(t.Context(), o), influx.Write(t.Context(), o, before)); err != nil {
					t.Fatal(err)
				}
			}
			if !lost {
				eventually(t, 30*time.Second, "the results to be kept", func() bool { return keptBytes(s.path("state/evidence")) > 10_000 })
			}
			s.router.kill()
			if paged := s.router.matching("shop-availability"); len(paged) > 0 {
				t.Fatalf("paged already: %s", paged)
			}
			if lost {
				if err := os.RemoveAll(s.path("state/evidence")); err != nil {
					t.Fatal(err)
				}
			}
			s.startRouter()
			if lost {
				eventually(t, 30*time.Second, "the history to be read", func() bool {
					return strings.Contains(s.router.logged(), "objectives have read what they missed from InfluxDB") && strings.Contains(s.router.logged(), "results=300 ")
				})
			}
			s.take(results(now.Add(time.Second), now.Add(2*time.Second), func(int) bool { return true }))
			s.router.await(t, 10*time.Second, 0, `PAGE alice TRIGGERED shop-availability .* \(6h; .* in 30m; limit 6×\)`)
		})
	}
}

// keptBytes is how much is in the folder of evidence, packed or not.
func keptBytes(dir string) (n int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0 // not made yet
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}
